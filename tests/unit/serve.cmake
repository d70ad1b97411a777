# SPDX-License-Identifier: Apache-2.0
# The pure parts of dispatch/serve are tested by themselves.
foreach(name auth problem range route)
	ringbell_unit(${name} base)
	target_sources(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/${name}.c)
endforeach()
ringbell_unit(auth_listen base)
target_sources(test_auth_listen PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/listen.c)
