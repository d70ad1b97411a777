/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed to an http endpoint: rendered when the alert is accepted, sent when the courier
 * gets to it. */
#pragma once

#include "dispatch/serve/decision.h"

struct courier_push;

/* The stored request of one ACTION_PUSH: {url, method, headers, timeout_ms, body}, body being the
 * JSON text of {version, event, alert, outcome, endpoint, captures, probe}. The caller frees it. */
char *message_format(const struct decision *decision, const struct action *action);

/* Stored request → what the courier gets. 0, or -EINVAL if it does not fit its limits. */
int message_parse(const char *request, const char *push, struct courier_push *ret);
