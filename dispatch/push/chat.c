/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/chat.h"

#include <string.h>

#include "dispatch/push/text.h"

void chat_append(struct buf *b, const struct courier_push *push, enum chat_form form)
{
	const char *title = courier_push_get(push, COURIER_TITLE);
	const char *link = courier_push_get(push, COURIER_LINK);

	if (push->event == COURIER_TEST) {
		buf_append_text(b, courier_push_get(push, COURIER_BODY));
		return;
	}
	if (form == CHAT_MARKDOWN) {
		buf_append_text(b, "**");
		text_append_markdown(b, title);
		buf_append_text(b, "**\n\n");
	} else {
		buf_printf(b, "%s\n", title);
	}
	if (form == CHAT_MARKDOWN && push->event == COURIER_DIGEST)
		text_append_markdown(b, courier_push_get(push, COURIER_BODY));
	else
		buf_append_text(b, courier_push_get(push, COURIER_BODY));
	if (*link && !strstr(courier_push_get(push, COURIER_BODY), link))
		buf_printf(b, form == CHAT_MARKDOWN ? "\n\n[Ringbell](%s)" : "\n%s", link);
}

json_t *chat_mentions(const struct courier_push *push)
{
	const char *list = courier_push_get(push, COURIER_TO);
	json_t *mentions = json_array();

	while (*list && push->event != COURIER_TEST) {
		size_t len = strcspn(list, ",| ");

		if (len)
			json_array_append_new(mentions, json_stringn(list, len));
		list += len;
		list += strspn(list, ",| ");
	}
	return mentions;
}
