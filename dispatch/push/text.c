/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/text.h"

#include <string.h>

#include "base/alloc.h"
#include "dispatch/push/excerpt.h"
#include "policy/level.h"

static int is_inside(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_fit(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && is_inside(text[max]))
		max--;
	return max;
}

void text_append_bytes(struct buf *b, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len <= max) {
		buf_append(b, text, len);
		return;
	}
	buf_append(b, text, text_fit(text, len, max - strlen(TEXT_MARK)));
	buf_append_text(b, TEXT_MARK);
}

/* Bytes of the first `max` characters. */
static size_t chars_len(const char *text, size_t max)
{
	const char *p = text;

	while (*p && (is_inside(*p) || max--))
		p++;
	return (size_t)(p - text);
}

void text_append_chars(struct buf *b, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (chars_len(text, max) == len) {
		buf_append(b, text, len);
		return;
	}
	buf_append(b, text, chars_len(text, max - 1));
	buf_append_text(b, TEXT_MARK);
}

void text_cut(struct buf *b, size_t max)
{
	CLEANUP_FREE char *text = NULL;

	if (b->len <= max)
		return;
	text = buf_take(b);
	text_append_bytes(b, text, max);
}

void text_append_slack(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			buf_append_text(b, "&amp;");
		else if (*text == '<')
			buf_append_text(b, "&lt;");
		else if (*text == '>')
			buf_append_text(b, "&gt;");
		else
			buf_append(b, text, 1);
	}
}

/* Neither of the two has an escape that it honours everywhere: look-alikes are shown instead. */
void text_append_markdown(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			buf_append_text(b, "＜");
		else if (*text == '@')
			buf_append_text(b, "＠");
		else if (*text == '[')
			buf_append_text(b, "［");
		else if (*text == ']')
			buf_append_text(b, "］");
		else
			buf_append(b, text, 1);
	}
}

const char *text_level(uint32_t level)
{
	static const char *const names[] = {
		[LEVEL_CRITICAL] = "critical", [LEVEL_ERROR] = "error",
		[LEVEL_WARNING] = "warning",   [LEVEL_NO_DATA] = "no_data",
		[LEVEL_RECOVERY] = "recovery", [LEVEL_INFO] = "info",
	};

	return level < ARRAY_SIZE(names) && names[level] ? names[level] : "";
}

json_t *text_json(const char *text)
{
	json_t *json = json_string(text);
	CLEANUP_FREE char *clean = NULL;
	size_t size;

	if (json)
		return json;
	size = 4 * strlen(text) + 8;
	clean = xmalloc(size);
	return json_string(excerpt_format(text, strlen(text), clean, size));
}

int text_next_fact(const char **cursor, struct text_fact *ret)
{
	const char *line = *cursor, *end, *tab;

	if (!*line)
		return 0;
	end = strchrnul(line, '\n');
	tab = memchr(line, '\t', (size_t)(end - line));
	ret->name = line;
	ret->name_len = (size_t)((tab ? tab : end) - line);
	ret->value = tab ? tab + 1 : end;
	ret->value_len = (size_t)(end - ret->value);
	*cursor = *end ? end + 1 : end;
	return 1;
}
