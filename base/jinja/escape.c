/* SPDX-License-Identifier: Apache-2.0 */
/* How a printed value is made harmless for what it becomes part of. */
#include <ctype.h>
#include <string.h>

#include "base/jinja/jinja.h"
#include "base/jinja/ustr.h"

/* What stands for the character at p, of n bytes; NULL = itself. `next` is the byte behind it. */
typedef const char *(*escape_fn)(const char *p, size_t n, char next, char room[16]);

static const char *escape_html(const char *p, size_t n, char next, char room[16])
{
	(void)n;
	(void)next;
	(void)room;
	switch (*p) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *escape_json(const char *p, size_t n, char next, char room[16])
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *name = *p ? strchr(names, *p) : NULL;

	(void)next;
	if (n > 1 || ((unsigned char)*p >= 0x20 && !name))
		return NULL;
	if (name)
		snprintf(room, 16, "\\%c", letters[name - names]);
	else
		snprintf(room, 16, "\\u%04x", (unsigned)*p);
	return room;
}

static const char *escape_url(const char *p, size_t n, char next, char room[16])
{
	(void)next;
	if (n == 1 && (isalnum((unsigned char)*p) || (*p && strchr("-._~", *p))))
		return NULL;
	for (size_t i = 0; i < n; i++)
		snprintf(room + 3 * i, 4, "%%%02X", (unsigned char)p[i]);
	return room;
}

static bool is_control(const char *p, size_t n)
{
	const char *at = p;
	uint32_t c = ustr_next(&at, p + n);

	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

static const char *escape_header(const char *p, size_t n, char next, char room[16])
{
	(void)next;
	(void)room;
	return is_control(p, n) ? " " : NULL;
}

/* The vendors' markdown has no escapes that all their clients honour, so what could become a tag, a
 * mention, a link, code or a line of its own is replaced by what looks like it. */
static const char *escape_markdown(const char *p, size_t n, char next, char room[16])
{
	(void)room;
	if (is_control(p, n))
		return " ";
	switch (*p) {
	case '<':
		return "＜";
	case '`':
		return "'";
	case ']':
		return next == '(' ? "] " : NULL;
	case '*':
		return next == '*' ? "*\xe2\x80\x8b" : NULL;
	default:
		return NULL;
	}
}

static const char *escape_slack(const char *p, size_t n, char next, char room[16])
{
	return *p == '"' || *p == '\'' ? NULL : escape_html(p, n, next, room);
}

/* One mode: which bytes may begin a character that is replaced, and by what. */
struct escaper {
	escape_fn replace;
	bool looks[256];
};

#define CONTROLS [0 ... 0x1f] = true, [0x7f] = true, [0xc2] = true, [0xe2] = true

static const struct escaper escapers[] = {
	[JINJA_ESCAPE_HTML] =
		{escape_html,
		 {['&'] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true}},
	[JINJA_ESCAPE_JSON] = {escape_json, {[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true}},
	[JINJA_ESCAPE_URL] = {escape_url, {[0 ... 255] = true}},
	[JINJA_ESCAPE_MARKDOWN] =
		{escape_markdown,
		 {CONTROLS, ['<'] = true, ['`'] = true, [']'] = true, ['*'] = true}},
	[JINJA_ESCAPE_SLACK] = {escape_slack, {['&'] = true, ['<'] = true, ['>'] = true}},
	[JINJA_ESCAPE_HEADER] = {escape_header, {CONTROLS}},
};

void jinja_escape(enum jinja_escape escape, const char *text, size_t len, struct buf *out)
{
	const struct escaper *escaper = &escapers[escape];
	const char *end = text + len, *kept = text;

	if (escape == JINJA_ESCAPE_NONE) {
		buf_append(out, text, len);
		return;
	}
	for (const char *p = text; p < end;) {
		const char *at = p, *other;
		char room[16];

		if (!escaper->looks[(unsigned char)*p]) {
			p++;
			continue;
		}
		ustr_next(&p, end);
		other = escaper->replace(at, (size_t)(p - at), p < end ? *p : '\0', room);
		if (!other)
			continue;
		buf_append(out, kept, (size_t)(at - kept));
		buf_append_text(out, other);
		kept = p;
	}
	buf_append(out, kept, (size_t)(end - kept));
}
