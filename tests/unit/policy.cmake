# SPDX-License-Identifier: Apache-2.0
ringbell_unit(level policy base)
ringbell_unit(alert policy base)
ringbell_unit(alert_hints policy base)
ringbell_unit(intake policy base)
ringbell_unit(settings policy base)
ringbell_unit(settings_fields policy base)
ringbell_unit(machine policy base)
ringbell_unit(match policy base)
ringbell_unit(content policy base)
ringbell_unit(engine policy base)
ringbell_unit(deadline policy base)
ringbell_unit(table policy base)

# reads the payloads of tests/data/intake
ringbell_unit(intake_golden policy base)
target_sources(test_intake_golden PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/intake_check.c
	${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz.c)
target_compile_definitions(test_intake_golden PRIVATE
	PAYLOADS="${CMAKE_SOURCE_DIR}/tests/data/intake")
