# SPDX-License-Identifier: Apache-2.0
# The reader of the configuration needs little of the rest, so it is linked with little.
function(ringbell_config_unit name)
	ringbell_unit(${name} base)
	target_sources(test_${name} PRIVATE
		${CMAKE_SOURCE_DIR}/firmware/config.c
		${CMAKE_SOURCE_DIR}/firmware/document.c
		${CMAKE_SOURCE_DIR}/firmware/options.c
		${CMAKE_SOURCE_DIR}/firmware/source_sockets.c
		${CMAKE_SOURCE_DIR}/dispatch/serve/listen.c)
	target_link_libraries(test_${name} PRIVATE PkgConfig::YAML)
endfunction()

ringbell_config_unit(config)
ringbell_config_unit(config_document)
ringbell_config_unit(config_options)

ringbell_unit(process_facts base)
target_sources(test_process_facts PRIVATE ${CMAKE_SOURCE_DIR}/firmware/process_facts.c)

ringbell_unit(sandbox base)
target_sources(test_sandbox PRIVATE
	${CMAKE_SOURCE_DIR}/firmware/landlock.c
	${CMAKE_SOURCE_DIR}/firmware/sandbox.c
	${CMAKE_SOURCE_DIR}/firmware/syscall_list.c)
target_link_libraries(test_sandbox PRIVATE PkgConfig::SECCOMP)
