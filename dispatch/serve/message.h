/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed, or noted: rendered when the alert is accepted. */
#pragma once

#include "dispatch/serve/decision.h"

/* The stored request of one ACTION_PUSH (dispatch/serve/push_message.h). The caller frees it. A
 * template that failed becomes a note among the decision's facts. */
char *message_format(struct decision *decision, const struct action *action);

#define MESSAGE_NOTE_MAX 1000 /* bytes, cut on a character */

/* What the content of a pcap endpoint says of an alert, in one line, or NULL if it has none. The
 * caller frees it. Failures as above. */
char *message_note(struct decision *decision, const char *endpoint, const struct alert *alert);
