# SPDX-License-Identifier: Apache-2.0
ringbell_unit(level policy base)
ringbell_unit(alert policy base)
ringbell_unit(alert_hints policy base)
ringbell_unit(intake policy base)
ringbell_unit(settings policy base)
ringbell_unit(machine policy base)
ringbell_unit(engine policy base)
