# SPDX-License-Identifier: Apache-2.0
ringbell_unit(cli_arguments cli base)
ringbell_unit(cli_text cli base)
ringbell_unit(cli_verify cli base)
ringbell_unit(evidence storage policy base)
target_sources(test_evidence PRIVATE ${CMAKE_SOURCE_DIR}/cli/evidence.c)

# The real program against a scripted API.
ringbell_unit(cli base unit_peer)
target_compile_definitions(test_cli PRIVATE RINGBELL="$<TARGET_FILE:ringbell>")
add_dependencies(test_cli ringbell)
