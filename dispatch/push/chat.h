/* SPDX-License-Identifier: Apache-2.0 */
/* What the chat kinds of WeCom and DingTalk share. Pure. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "dispatch/push/courier.h"

enum chat_form {
	CHAT_TEXT,
	CHAT_MARKDOWN,
};

/* Title, body and link; a test's body alone. Title is escaped here, the body when it was rendered.
 */
void chat_append(struct buf *b, const struct courier_push *push, enum chat_form form);

/* COURIER_TO, separated by commas or '|', as an array of texts: new reference; [] in a test. */
json_t *chat_mentions(const struct courier_push *push);
