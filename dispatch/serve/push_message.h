/* SPDX-License-Identifier: Apache-2.0 */
/* A push between its two moments. When the alert is accepted, what is said is rendered and stored
 * with the outbox row; when the push is leased, the endpoint's settings of that moment say where it
 * goes and with which secrets. So a mended address lets the queue through, and no row has a secret
 * in it. Pure. */
#pragma once

#include "dispatch/push/courier.h"
#include "policy/content.h"
#include "policy/settings.h"

/* How a body for this endpoint is written. */
enum content_form push_message_form(const struct endpoint *endpoint);

/* The templates of this endpoint; borrows its texts. */
struct content_order push_message_order(const struct endpoint *endpoint);

/* What is stored: JSON text, the caller frees it. */
char *push_message_format(const struct endpoint *endpoint, const struct content *content,
			  const struct content_facts *facts);

/* A test: `text` NULL = the kind's own ("Slack setting validated", …). */
char *push_message_format_test(const struct endpoint *endpoint, const char *text, const char *probe,
			       wall_t now);

/* A catalogue record of a capture: the body as it is; its key is the capture's id. */
char *push_message_format_record(const json_t *body, const char *capture, const char *policy,
				 const char *probe, wall_t now);

/* Stored request + settings → what the courier gets. 0, or -EINVAL if it is damaged or does not fit
 * the courier's limits. */
int push_message_parse(const char *request, const struct endpoint *endpoint, const char *push,
		       struct courier_push *ret);

/* How a topic is read that is a source: for COURIER_CONSUME. 0, or -EINVAL if it does not fit. */
int push_message_consume(const struct source *source, struct courier_push *ret);
