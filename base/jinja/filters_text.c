/* SPDX-License-Identifier: Apache-2.0 */
/* Filters that make texts of texts. */
#include <ctype.h>

#include "base/jinja/filters.h"
#include "base/jinja/format.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

static bool escapes(const struct render *r)
{
	return r->options.escape != JINJA_ESCAPE_NONE;
}

static struct value take(struct render *r, struct buf *b, bool safe)
{
	struct value v = value_take(r, b);

	v.safe = safe;
	return v;
}

/* ---- case ---- */

static struct value change_case(struct render *r, struct value v,
				void (*put)(struct buf *, const char *, size_t))
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	v = value_to_text(r, v);
	render_step(r, v.len / 16);
	put(&b, v.text, v.len);
	return take(r, &b, v.safe);
}

static struct value filter_upper(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return change_case(r, v, ustr_put_upper);
}

static struct value filter_lower(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return change_case(r, v, ustr_put_lower);
}

static struct value filter_capitalize(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return change_case(r, v, ustr_put_capital);
}

/* As Jinja2's title does it: unlike str.capitalize, the first character in plain upper case. */
static void put_word(struct buf *b, const char *text, size_t len)
{
	size_t first = ustr_offset(text, len, 1);

	ustr_put_upper(b, text, first);
	ustr_put_lower(b, text + first, len - first);
}

static bool ends_word(uint32_t c)
{
	return ustr_is_space(c) || (c && c < 0x80 && strchr("-({[<", (int)c));
}

/* Words begin behind blanks, - and opening brackets (Jinja2 3.1, _word_beginning_split_re). */
static void put_title(struct buf *b, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	while (p < end) {
		const char *from = p, *next = p;
		bool between = ends_word(ustr_next(&next, end));

		while (p < end) {
			next = p;
			if (ends_word(ustr_next(&next, end)) != between)
				break;
			p = next;
		}
		put_word(b, from, (size_t)(p - from));
	}
}

static struct value filter_title(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	v = change_case(r, v, put_title);
	v.safe = false; /* as in Jinja2, which joins the words anew */
	return v;
}

/* ---- cut and fill ---- */

static struct value filter_trim(struct render *r, struct value v, const struct value *args)
{
	static const char name[] = "strip";
	struct function strip = {name, sizeof(name) - 1, value_to_text(r, v)};
	struct call call = {.args = args, .count = args[0].kind != VALUE_ABSENT};

	return function_call(r, &strip, &call);
}

static struct value cut_words(struct value v, size_t characters)
{
	size_t len = ustr_offset(v.text, v.len, characters);
	const char *blank = len ? memrchr(v.text, ' ', len) : NULL;

	v.len = (uint32_t)(blank ? (size_t)(blank - v.text) : len);
	return v;
}

static struct value filter_truncate(struct render *r, struct value v, const struct value *args)
{
	int64_t length = argument_int(r, &args[0], 255), leeway = 5, count = value_length(r, v);
	struct value end = argument_text(r, &args[2], "...");
	int64_t end_length = value_length(r, end);

	if (args[3].kind != VALUE_NONE)
		leeway = argument_int(r, &args[3], 5);
	if (count < 0 || length < end_length || leeway < 0) {
		render_fail(r, JINJA_FAULT_VALUE,
			    "truncate: a text and a length of at least the end's are expected");
		return v;
	}
	if (length > INT32_MAX || leeway > INT32_MAX || count <= length + leeway || r->failed)
		return v;
	if (v.kind != VALUE_TEXT) {
		render_fail(r, JINJA_FAULT_VALUE, "truncate: a text is expected, not %s",
			    value_kind_name(v));
		return v;
	}
	if (argument_truth(r, &args[1]))
		v.len = (uint32_t)ustr_offset(v.text, v.len, (size_t)(length - end_length));
	else
		v = cut_words(v, (size_t)(length - end_length));
	return render_binary(r, '+', v, end);
}

static void put_indentation(struct render *r, struct buf *b, const struct value *width)
{
	if (width->kind == VALUE_TEXT) {
		render_put(r, b, width->text, width->len);
		return;
	}
	for (int64_t n = argument_int(r, width, 4); n > 0 && !r->failed; n--)
		render_put(r, b, " ", 1);
}

static struct value filter_indent(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT, text = BUF_INIT;
	bool blank = argument_truth(r, &args[2]);
	const char *p, *line;
	size_t len;

	if (v.kind != VALUE_TEXT)
		render_fail(r, JINJA_FAULT_VALUE, "indent: a text is expected, not %s",
			    value_kind_name(v));
	if (r->failed)
		return v;
	buf_append(&text, v.text, v.len);
	buf_append(&text, "\n", 1);
	p = text.data;
	if (argument_truth(r, &args[1]))
		put_indentation(r, &b, &args[0]);
	for (bool first = true; ustr_line(&p, text.data + text.len, &line, &len) && !r->failed;
	     first = false) {
		render_step(r, 1);
		if (!first)
			render_put(r, &b, "\n", 1);
		if (!first && (len || blank))
			put_indentation(r, &b, &args[0]);
		render_put(r, &b, line, len);
	}
	return take(r, &b, v.safe);
}

static struct value filter_center(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	int64_t width = argument_int(r, &args[0], 80), missing, left;

	v = value_to_text(r, v);
	missing = width > JINJA_OUTPUT_MAX ? JINJA_OUTPUT_MAX + 1 : width - value_length(r, v);
	if (missing <= 0)
		return v;
	left = missing / 2 + (missing & width & 1);
	for (int64_t i = 0; i < missing && !r->failed; i++) {
		if (i == left)
			render_put(r, &b, v.text, v.len);
		render_put(r, &b, " ", 1);
	}
	if (left == missing)
		render_put(r, &b, v.text, v.len);
	return take(r, &b, v.safe);
}

/* ---- replace ---- */

/* An empty `old` stands between all characters. */
static void put_between(struct render *r, struct buf *b, struct value v, struct value new,
			int64_t count)
{
	const char *p = v.text, *end = p + v.len;

	for (; count; count--) {
		const char *at = p;

		render_step(r, 1);
		render_put(r, b, new.text, new.len);
		if (p == end || r->failed)
			break;
		ustr_next(&p, end);
		render_put(r, b, at, (size_t)(p - at));
	}
	render_put(r, b, p, (size_t)(end - p));
}

static void put_replaced(struct render *r, struct buf *b, struct value v, struct value old,
			 struct value new, int64_t count)
{
	const char *p = v.text, *end = p + v.len;

	if (!old.len) {
		put_between(r, b, v, new, count);
		return;
	}
	for (; count && !r->failed; count--) {
		const char *at = memmem(p, (size_t)(end - p), old.text, old.len);

		if (!at)
			break;
		render_step(r, 1);
		render_put(r, b, p, (size_t)(at - p));
		render_put(r, b, new.text, new.len);
		p = at + old.len;
	}
	render_put(r, b, p, (size_t)(end - p));
}

static struct value filter_replace(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct value old = value_to_text(r, args[0]), new = value_to_text(r, args[1]);
	int64_t count = args[2].kind == VALUE_NONE ? -1 : argument_int(r, &args[2], -1);

	v = value_to_text(r, v);
	if (escapes(r) && (old.safe || (new.safe && !v.safe)))
		v = render_escape(r, v);
	if (escapes(r) && v.safe) {
		old = render_escape(r, old);
		new = render_escape(r, new);
	}
	render_step(r, v.len / 64);
	if (!r->failed)
		put_replaced(r, &b, v, old, new, count);
	return take(r, &b, escapes(r) && v.safe);
}

/* ---- what it is for ---- */

static struct value filter_escape(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return render_escape(r, v);
}

/* In a URL and in a header nothing is safe. */
static bool allows_safe(const struct render *r)
{
	return r->options.escape != JINJA_ESCAPE_URL && r->options.escape != JINJA_ESCAPE_HEADER;
}

static struct value filter_safe(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	v = value_to_text(r, v);
	v.safe = allows_safe(r);
	return v;
}

static struct value filter_string(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return value_to_text(r, v);
}

static struct value filter_tojson(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	int64_t indent = args[0].kind == VALUE_NONE ? -1 : argument_int(r, &args[0], -1);

	if (indent > 32)
		render_fail(r, JINJA_FAULT_LIMIT, "tojson: at most 32 blanks of indentation");
	if (args[0].kind != VALUE_NONE && args[0].kind != VALUE_ABSENT && indent < 0)
		indent = 0;
	value_put_json(r, &b, v, (int)indent);
	/* JSON has no meaning to chat's markup, and its quotes are not a URL's */
	return take(r, &b,
		    r->options.escape <= JINJA_ESCAPE_JSON); /* none and HTML, as in Jinja2 */
}

enum { QUOTE_PATH, QUOTE_QUERY };

static void put_quoted(struct render *r, struct buf *b, struct value v, int where)
{
	struct value text = value_to_text(r, v);

	render_step(r, text.len / 16);
	for (uint32_t i = 0; i < text.len && !r->failed; i++) {
		unsigned char c = (unsigned char)text.text[i];
		char quoted[4];

		if (isalnum(c) || (c && strchr("_.-~", c)) || (c == '/' && where == QUOTE_PATH))
			snprintf(quoted, sizeof(quoted), "%c", c);
		else if (c == ' ' && where == QUOTE_QUERY)
			snprintf(quoted, sizeof(quoted), "+");
		else
			snprintf(quoted, sizeof(quoted), "%%%02X", c);
		render_put_text(r, b, quoted);
	}
}

static struct value filter_urlencode(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	const struct list *pairs;

	(void)args;
	if (v.kind != VALUE_MAP && !value_is_sequence(v)) {
		put_quoted(r, &b, v, QUOTE_PATH);
		return take(r, &b, false);
	}
	pairs = v.kind == VALUE_MAP ? value_map_list(r, v.map, MAP_ITEMS).list : v.list;
	for (size_t i = 0; i < pairs->count && !r->failed; i++) {
		const struct list *pair = value_iterate(r, value_at(r, pairs, i));

		if (pair->count != 2) {
			render_fail(r, JINJA_FAULT_VALUE, "urlencode: pairs are expected");
			break;
		}
		render_put_text(r, &b, i ? "&" : "");
		put_quoted(r, &b, value_at(r, pair, 0), QUOTE_QUERY);
		render_put_text(r, &b, "=");
		put_quoted(r, &b, value_at(r, pair, 1), QUOTE_QUERY);
	}
	return take(r, &b, false);
}

static struct value filter_format(struct render *r, struct value v, const struct value *args)
{
	size_t count = 0;
	struct list *list;

	v = value_to_text(r, v);
	while (count < ARGUMENTS_MAX && args[count].kind != VALUE_ABSENT)
		count++;
	list = value_new_list(r, count);
	for (size_t i = 0; i < count; i++)
		list->items[i] = args[i];
	return format_value(r, v, value_list(list, VALUE_TUPLE));
}

const struct filter filters_text[] = {
	{"upper", "", 0, filter_upper},
	{"lower", "", 0, filter_lower},
	{"capitalize", "", 0, filter_capitalize},
	{"title", "", 0, filter_title},
	{"trim", "chars", 0, filter_trim},
	{"truncate", "length killwords end leeway", 0, filter_truncate},
	{"indent", "width first blank", 0, filter_indent},
	{"center", "width", 0, filter_center},
	{"replace", "old new count", 2, filter_replace},
	{"escape", "", 0, filter_escape},
	{"e", "", 0, filter_escape},
	{"safe", "", 0, filter_safe},
	{"string", "", 0, filter_string},
	{"tojson", "indent", 0, filter_tojson},
	{"urlencode", "", 0, filter_urlencode},
	{"format", "- - - - - - - - - -", 0, filter_format},
	{0},
};
