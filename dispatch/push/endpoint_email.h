/* SPDX-License-Identifier: Apache-2.0 */
/* Sends pushes by SMTP: libcurl's easy interface on crew threads, since 7.88 waits for the server
 * inside of its multi interface (5 s in one call, measured). "Delivered" means that the server took
 * the message for at least one recipient; those it refused are named in the result. */
#pragma once

#include "dispatch/push/crew.h"
#include "dispatch/push/endpoint_http.h"

struct endpoint_email;

/* `crew` and `config` are borrowed; the crew is freed first. */
struct endpoint_email *endpoint_email_new(struct crew *crew, const struct courier_config *config,
					  endpoint_on_result on_result, void *owner);
struct endpoint_email *endpoint_email_free(struct endpoint_email *email);

/* Sends one push. on_result is called exactly once, from the loop. */
void endpoint_email_start(struct endpoint_email *email, const struct courier_push *push);
