/* SPDX-License-Identifier: Apache-2.0 */
/* Sends pushes to syslog: UDP, TCP, TLS. Streams stay open for the next message of the same
 * destination. "Delivered" means: sent (UDP), acknowledged by the peer's TCP (TCP, TLS); syslog
 * itself has no answer. */
#pragma once

#include "dispatch/push/crew.h"
#include "dispatch/push/endpoint_http.h"

struct endpoint_syslog;

/* `crew` and `config` are borrowed; the crew is freed first. */
struct endpoint_syslog *endpoint_syslog_new(struct crew *crew, const struct courier_config *config,
					    endpoint_on_result on_result, void *owner);
struct endpoint_syslog *endpoint_syslog_free(struct endpoint_syslog *syslog);

/* Sends one push. on_result is called exactly once, from the loop. */
void endpoint_syslog_start(struct endpoint_syslog *syslog, const struct courier_push *push);
