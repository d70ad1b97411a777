/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON text, as Jinja2's tojson writes them. */
#include <math.h>

#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

struct writer {
	struct render *r;
	struct buf *b;
	int indent;
	int level;
};

static void put_value(struct writer *w, struct value v);

static void put_unit(struct writer *w, uint32_t unit)
{
	static const char digits[] = "0123456789abcdef";
	char text[] = {'\\',
		       'u',
		       digits[unit >> 12 & 15],
		       digits[unit >> 8 & 15],
		       digits[unit >> 4 & 15],
		       digits[unit & 15]};

	render_put(w->r, w->b, text, sizeof(text));
}

/* One that is not plain. */
static void put_character(struct writer *w, uint32_t c)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *name = c && c < 0x80 ? strchr(names, (int)c) : NULL;

	if (name) {
		render_put_text(w->r, w->b, "\\");
		render_put(w->r, w->b, &letters[name - names], 1);
	} else if (c >= 0x10000) {
		put_unit(w, 0xd7c0 + (c >> 10));
		put_unit(w, 0xdc00 + (c & 0x3ff));
	} else {
		put_unit(w, c);
	}
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\' &&
	       c != '<' && c != '>' && c != '&' && c != '\'';
}

static void put_text(struct writer *w, struct value v)
{
	render_step(w->r, v.len / 16);
	render_put_text(w->r, w->b, "\"");
	for (const char *p = v.text, *end = p + v.len; p < end && !w->r->failed;) {
		const char *plain = p;

		while (p < end && is_plain(*p))
			p++;
		render_put(w->r, w->b, plain, (size_t)(p - plain));
		if (p < end)
			put_character(w, ustr_next(&p, end));
	}
	render_put_text(w->r, w->b, "\"");
}

/* Between members, and before the first and behind the last of them. */
static void put_break(struct writer *w)
{
	if (w->indent < 0)
		return;
	render_put_text(w->r, w->b, "\n");
	for (int i = 0; i < w->indent * w->level && !w->r->failed; i++)
		render_put_text(w->r, w->b, " ");
}

static void put_separator(struct writer *w, size_t index)
{
	if (index)
		render_put_text(w->r, w->b, w->indent < 0 ? ", " : ",");
	put_break(w);
}

static void put_list(struct writer *w, const struct list *list)
{
	render_put_text(w->r, w->b, "[");
	w->level++;
	for (size_t i = 0; i < list->count && !w->r->failed; i++) {
		put_separator(w, i);
		put_value(w, value_at(w->r, list, i));
	}
	w->level--;
	if (list->count)
		put_break(w);
	render_put_text(w->r, w->b, "]");
}

/* Keys that are no texts become some, but are sorted before. */
static void put_key(struct writer *w, struct value key)
{
	struct value text;

	if (key.kind == VALUE_TEXT) {
		put_text(w, key);
		return;
	}
	if (key.kind != VALUE_NONE && !value_is_number(key)) {
		render_fail(w->r, JINJA_FAULT_VALUE, "%s cannot be a key in JSON",
			    value_kind_name(key));
		return;
	}
	render_put_text(w->r, w->b, "\"");
	text = key;
	put_value(w, text);
	render_put_text(w->r, w->b, "\"");
}

static void sort_pairs(struct render *r, const struct list *items)
{
	struct value *v = items->items;

	for (size_t i = 1; i < items->count && !r->failed; i++)
		for (size_t j = i; j > 0 && !r->failed; j--) {
			struct value moved = v[j];
			bool unordered;

			if (value_compare(r, v[j - 1].list->items[0], moved.list->items[0],
					  &unordered) <= 0)
				break;
			v[j] = v[j - 1];
			v[j - 1] = moved;
		}
}

static void put_map(struct writer *w, const struct map *map)
{
	const struct list *items = value_map_list(w->r, map, MAP_ITEMS).list;

	if (w->r->failed)
		return;
	sort_pairs(w->r, items);
	render_put_text(w->r, w->b, "{");
	w->level++;
	for (size_t i = 0; i < items->count && !w->r->failed; i++) {
		put_separator(w, i);
		put_key(w, items->items[i].list->items[0]);
		render_put_text(w->r, w->b, ": ");
		put_value(w, items->items[i].list->items[1]);
	}
	w->level--;
	if (items->count)
		put_break(w);
	render_put_text(w->r, w->b, "}");
}

static void put_scalar(struct writer *w, struct value v)
{
	if (v.kind == VALUE_NONE)
		render_put_text(w->r, w->b, "null");
	else if (v.kind == VALUE_BOOL)
		render_put_text(w->r, w->b, v.truth ? "true" : "false");
	else if (v.kind == VALUE_FLOAT && !isfinite(v.real))
		render_put_text(w->r, w->b,
				isnan(v.real) ? "NaN"
				: v.real > 0  ? "Infinity"
					      : "-Infinity");
	else
		value_put_repr(w->r, w->b, v);
}

static void put_value(struct writer *w, struct value v)
{
	render_step(w->r, 1);
	if (++w->r->depth > JINJA_DEPTH_MAX)
		render_fail(w->r, JINJA_FAULT_LIMIT, "values nest deeper than %d levels",
			    JINJA_DEPTH_MAX);
	else if (v.kind == VALUE_TEXT)
		put_text(w, v);
	else if (value_is_sequence(v))
		put_list(w, v.list);
	else if (v.kind == VALUE_MAP)
		put_map(w, v.map);
	else if (v.kind == VALUE_NONE || value_is_number(v))
		put_scalar(w, v);
	else
		render_fail(w->r, JINJA_FAULT_VALUE, "%s is not JSON", value_kind_name(v));
	w->r->depth--;
}

void value_put_json(struct render *r, struct buf *b, struct value v, int indent)
{
	struct writer w = {.r = r, .b = b, .indent = indent};

	put_value(&w, v);
}
