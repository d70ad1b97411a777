# SPDX-License-Identifier: Apache-2.0
# A misbehaving HTTP server in a thread, for tests of clients.
add_library(unit_peer OBJECT peer.c)
target_link_libraries(unit_peer PUBLIC ringbell_options)

ringbell_unit(verdict push policy base)
ringbell_unit(hide push policy base)
ringbell_unit(http_request push policy base)
ringbell_unit(signature push policy base)
ringbell_unit(destination push policy base)
ringbell_unit(vendor push policy base)
ringbell_unit(syslog_message push policy base)
ringbell_unit(mail push policy base)
ringbell_unit(kafka push policy base)
ringbell_unit(http_endpoint push policy base unit_peer)
ringbell_unit(http_dns push policy base)
ringbell_unit(courier push policy base unit_peer)
ringbell_unit(http_tls push policy base)
target_compile_definitions(test_http_tls PRIVATE
	TLS_PEERS="${CMAKE_CURRENT_SOURCE_DIR}/test_http_tls.py")
