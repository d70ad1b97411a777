# SPDX-License-Identifier: Apache-2.0
# The pure parts of dispatch/serve are tested by themselves.
foreach(name auth crowd gate heartbeat intake_count metrics_text problem range reach route)
	ringbell_unit(${name} base)
	target_sources(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/${name}.c)
endforeach()
target_sources(test_crowd PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/throttle.c)
ringbell_unit(link base)
target_sources(test_link PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/link.c
	${CMAKE_SOURCE_DIR}/dispatch/serve/throttle.c)
ringbell_unit(push_queue base)
target_sources(test_push_queue PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/push_queue.c)
ringbell_unit(auth_listen base)
target_sources(test_auth_listen PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/listen.c)

ringbell_unit(tls base)
target_sources(test_tls PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/tls.c
	${CMAKE_SOURCE_DIR}/dispatch/serve/certificate.c)
target_link_libraries(test_tls PRIVATE PkgConfig::SSL)

# The whole control process, everything around it played by the test.
add_library(unit_control_lab OBJECT control_lab.c ${CMAKE_SOURCE_DIR}/dispatch/push/courier_push.c)
target_link_libraries(unit_control_lab PUBLIC ringbell_options base PkgConfig::JANSSON)
foreach(name control control_api control_narrow control_routing control_gate control_push
	control_socket control_tail control_topics)
	ringbell_unit(${name} unit_control_lab serve policy storage capture base)
endforeach()

ringbell_unit(source_auth policy base)
target_sources(test_source_auth PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/source_auth.c
	${CMAKE_SOURCE_DIR}/dispatch/serve/auth.c ${CMAKE_SOURCE_DIR}/dispatch/serve/sns.c
	${CMAKE_SOURCE_DIR}/dispatch/serve/intake_rate.c)
target_link_libraries(test_source_auth PRIVATE PkgConfig::CRYPTO)
ringbell_unit(sns base)
target_sources(test_sns PRIVATE ${CMAKE_SOURCE_DIR}/dispatch/serve/sns.c)
target_link_libraries(test_sns PRIVATE PkgConfig::CRYPTO)
