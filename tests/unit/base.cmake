# SPDX-License-Identifier: Apache-2.0
ringbell_unit(address base)
ringbell_unit(clock base)
ringbell_unit(ident base)
ringbell_unit(ipc base)
ringbell_unit(jinja base)
ringbell_unit(json base)
ringbell_unit(file base)
ringbell_unit(mailbox base)
