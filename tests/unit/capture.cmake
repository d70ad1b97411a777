# SPDX-License-Identifier: Apache-2.0
ringbell_unit(pcapng capture storage base)
ringbell_unit(writer capture storage base)
ringbell_unit(compiler capture storage base)
