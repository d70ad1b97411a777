/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed: rendered when the alert is accepted. */
#pragma once

#include "dispatch/serve/decision.h"

/* The stored request of one ACTION_PUSH (dispatch/serve/push_message.h). The caller frees it. A
 * template that failed becomes a note among the decision's facts. */
char *message_format(struct decision *decision, const struct action *action);
