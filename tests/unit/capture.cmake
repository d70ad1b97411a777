# SPDX-License-Identifier: Apache-2.0
ringbell_unit(pcapng capture storage policy base)
ringbell_unit(writer capture storage policy base)
ringbell_unit(compiler capture storage policy base)
ringbell_unit(recorder capture storage policy base)
target_sources(test_recorder PRIVATE recorder_rig.c)
ringbell_unit(resume capture storage policy base)
target_sources(test_resume PRIVATE recorder_rig.c)
