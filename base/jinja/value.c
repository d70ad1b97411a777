/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/value.h"

#include <math.h>
#include <string.h>

#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

/* ---- making ---- */

struct value value_from_json(struct render *r, const json_t *json)
{
	struct list *list;
	struct map *map;

	switch (json_typeof(json)) {
	case JSON_STRING:
		return value_text(json_string_value(json), json_string_length(json));
	case JSON_INTEGER:
		return value_int(json_integer_value(json));
	case JSON_REAL:
		return value_float(json_real_value(json));
	case JSON_TRUE:
	case JSON_FALSE:
		return value_bool(json_is_true(json));
	case JSON_ARRAY:
		list = arena_calloc(&r->arena, sizeof(*list));
		list->json = json;
		list->count = json_array_size(json);
		return value_list(list, VALUE_LIST);
	case JSON_OBJECT:
		map = arena_calloc(&r->arena, sizeof(*map));
		map->json = json;
		return value_map(map, VALUE_MAP);
	default:
		return VALUE_NULL;
	}
}

struct value value_copy_text(struct render *r, const char *text, size_t len)
{
	char *copy = render_alloc(r, len);

	if (!copy)
		return value_text("", 0);
	if (len)
		memcpy(copy, text, len);
	return value_text(copy, len);
}

struct value value_take(struct render *r, struct buf *b)
{
	return value_copy_text(r, b->data, b->len);
}

struct list *value_new_list(struct render *r, size_t count)
{
	struct list *list = arena_calloc(&r->arena, sizeof(*list));

	list->items = render_alloc(r, count * sizeof(*list->items));
	list->count = list->items ? count : 0;
	return list;
}

struct value value_list(struct list *list, enum value_kind kind)
{
	return (struct value){.kind = (uint8_t)kind, .list = list};
}

struct map *value_new_map(struct render *r, size_t room)
{
	struct map *map = arena_calloc(&r->arena, sizeof(*map));

	map->pairs = render_alloc(r, room * sizeof(*map->pairs));
	map->room = map->pairs ? room : 0;
	return map;
}

struct value value_map(struct map *map, enum value_kind kind)
{
	return (struct value){.kind = (uint8_t)kind, .map = map};
}

/* Strict: an undefined value may not be looked at. */
static void look_at(struct render *r, struct value v)
{
	if (v.kind == VALUE_UNDEFINED && !v.safe && r->options.undefined == JINJA_UNDEFINED_STRICT)
		render_fail(r, JINJA_FAULT_UNDEFINED, "'%.*s' is undefined", (int)v.len, v.text);
}

bool value_is_key(struct render *r, struct value key)
{
	look_at(r, key);
	if (key.kind <= VALUE_TEXT)
		return true;
	if (key.kind != VALUE_TUPLE)
		return false;
	for (size_t i = 0; i < key.list->count; i++)
		if (!value_is_key(r, value_at(r, key.list, i)))
			return false;
	return true;
}

void value_map_set(struct render *r, struct map *map, struct value key, struct value value)
{
	if (!value_is_key(r, key)) {
		render_fail(r, JINJA_FAULT_VALUE, "%s cannot be a key", value_kind_name(key));
		return;
	}
	render_step(r, map->count);
	for (size_t i = 0; i < map->count; i++)
		if (value_equal(r, map->pairs[i].key, key)) {
			map->pairs[i].value = value;
			return;
		}
	if (map->count == map->room) {
		size_t room = map->room ? 2 * map->room : 8;
		struct pair *pairs = render_alloc(r, room * sizeof(*pairs));

		if (!pairs)
			return;
		if (map->count)
			memcpy(pairs, map->pairs, map->count * sizeof(*pairs));
		map->pairs = pairs;
		map->room = room;
	}
	map->pairs[map->count++] = (struct pair){key, value};
}

/* ---- members ---- */

struct value value_at(struct render *r, const struct list *list, size_t index)
{
	return list->json ? value_from_json(r, json_array_get(list->json, index))
			  : list->items[index];
}

size_t value_map_size(const struct map *map)
{
	return map->json ? json_object_size(map->json) : map->count;
}

bool value_map_get(struct render *r, const struct map *map, struct value key, struct value *ret)
{
	look_at(r, key);
	if (map->json) {
		const json_t *json = key.kind == VALUE_TEXT
					     ? json_object_getn(map->json, key.text, key.len)
					     : NULL;

		if (json)
			*ret = value_from_json(r, json);
		return json != NULL;
	}
	render_step(r, map->count);
	for (size_t i = 0; i < map->count; i++)
		if (value_equal(r, map->pairs[i].key, key)) {
			*ret = map->pairs[i].value;
			return true;
		}
	return false;
}

static struct value pair_part(struct render *r, struct value key, struct value value,
			      enum map_part part)
{
	struct list *pair;

	if (part != MAP_ITEMS)
		return part == MAP_KEYS ? key : value;
	pair = value_new_list(r, 2);
	if (pair->count) {
		pair->items[0] = key;
		pair->items[1] = value;
	}
	return value_list(pair, VALUE_TUPLE);
}

struct value value_map_list(struct render *r, const struct map *map, enum map_part part)
{
	struct list *list = value_new_list(r, value_map_size(map));
	size_t i = 0;
	const char *key;
	json_t *member;

	render_step(r, list->count);
	if (!map->json)
		for (; i < list->count; i++)
			list->items[i] = pair_part(r, map->pairs[i].key, map->pairs[i].value, part);
	else if (list->count)
		json_object_foreach ((json_t *)map->json, key, member)
			list->items[i++] = pair_part(r, value_text(key, strlen(key)),
						     value_from_json(r, member), part);
	return value_list(list, VALUE_LIST);
}

/* ---- truth, length ---- */

bool value_truth(struct render *r, struct value v)
{
	look_at(r, v);
	switch ((enum value_kind)v.kind) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
	case VALUE_ABSENT:
		return false;
	case VALUE_BOOL:
		return v.truth;
	case VALUE_INT:
		return v.number != 0;
	case VALUE_FLOAT:
		return v.real != 0;
	case VALUE_TEXT:
		return v.len != 0;
	case VALUE_LIST:
	case VALUE_TUPLE:
		return v.list->count != 0;
	case VALUE_MAP:
		return value_map_size(v.map) != 0;
	case VALUE_NAMESPACE:
	case VALUE_LOOP:
	case VALUE_FUNCTION:
		break;
	}
	return true;
}

int64_t value_length(struct render *r, struct value v)
{
	look_at(r, v);
	switch ((enum value_kind)v.kind) {
	case VALUE_UNDEFINED:
		return 0;
	case VALUE_TEXT:
		render_step(r, v.len / 64);
		return (int64_t)ustr_count(v.text, v.len);
	case VALUE_LIST:
	case VALUE_TUPLE:
		return (int64_t)v.list->count;
	case VALUE_MAP:
		return (int64_t)value_map_size(v.map);
	case VALUE_LOOP:
		return (int64_t)v.loop->items->count;
	default:
		return -1;
	}
}

static const struct list *text_characters(struct render *r, struct value v)
{
	struct list *list = value_new_list(r, ustr_count(v.text, v.len));
	const char *p = v.text;

	render_step(r, list->count);
	for (size_t i = 0; i < list->count; i++) {
		const char *at = p;

		ustr_next(&p, v.text + v.len);
		list->items[i] = value_text(at, (size_t)(p - at));
	}
	return list;
}

const struct list *value_iterate(struct render *r, struct value v)
{
	static const struct list empty;

	look_at(r, v);
	switch ((enum value_kind)v.kind) {
	case VALUE_UNDEFINED:
		return &empty;
	case VALUE_TEXT:
		return text_characters(r, v);
	case VALUE_LIST:
	case VALUE_TUPLE:
		return v.list;
	case VALUE_MAP:
		return value_map_list(r, v.map, MAP_KEYS).list;
	default:
		render_fail(r, JINJA_FAULT_VALUE, "%s cannot be iterated", value_kind_name(v));
		return &empty;
	}
}

/* ---- equality and order ---- */

/* Values in values, bounded. False, with a fault, beyond. */
static bool enter(struct render *r)
{
	if (++r->depth <= JINJA_DEPTH_MAX)
		return true;
	render_fail(r, JINJA_FAULT_LIMIT, "values nest deeper than %d levels", JINJA_DEPTH_MAX);
	r->depth--;
	return false;
}

static bool lists_equal(struct render *r, const struct list *a, const struct list *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; equal && i < a->count && !r->failed; i++)
		equal = value_equal(r, value_at(r, a, i), value_at(r, b, i));
	return equal;
}

static bool maps_equal(struct render *r, const struct map *a, const struct map *b)
{
	const struct list *items = value_map_list(r, a, MAP_ITEMS).list;
	bool equal = value_map_size(a) == value_map_size(b);

	for (size_t i = 0; equal && i < items->count && !r->failed; i++) {
		const struct value *pair = items->items[i].list->items;
		struct value other;

		equal = value_map_get(r, b, pair[0], &other) && value_equal(r, pair[1], other);
	}
	return equal;
}

/* long double has 64 bits of precision on x86-64, 113 elsewhere: no 63-bit number is rounded. */
static long double number_of(struct value v)
{
	return v.kind == VALUE_FLOAT ? (long double)v.real : (long double)value_whole(v);
}

static bool same_kind_equal(struct render *r, struct value a, struct value b)
{
	switch ((enum value_kind)a.kind) {
	case VALUE_TEXT:
		return a.len == b.len && !memcmp(a.text, b.text, a.len);
	case VALUE_LIST:
	case VALUE_TUPLE:
		return lists_equal(r, a.list, b.list);
	case VALUE_MAP:
		return maps_equal(r, a.map, b.map);
	case VALUE_NAMESPACE:
		return a.map == b.map;
	case VALUE_LOOP:
		return a.loop == b.loop;
	case VALUE_FUNCTION:
		return a.function == b.function;
	default:
		return true;
	}
}

bool value_equal(struct render *r, struct value a, struct value b)
{
	bool equal;

	look_at(r, a);
	look_at(r, b);
	render_step(r, 1);
	if (value_is_number(a) && value_is_number(b))
		return number_of(a) == number_of(b);
	if (a.kind != b.kind || !enter(r))
		return false;
	equal = same_kind_equal(r, a, b);
	r->depth--;
	return equal;
}

static int compare_text(struct value a, struct value b)
{
	uint32_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.text, b.text, len) : 0; /* UTF-8 sorts as its characters do */

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_lists(struct render *r, const struct list *a, const struct list *b,
			 bool *unordered)
{
	for (size_t i = 0; i < a->count && i < b->count && !r->failed; i++) {
		struct value x = value_at(r, a, i), y = value_at(r, b, i);

		if (!value_equal(r, x, y))
			return value_compare(r, x, y, unordered);
	}
	return (a->count > b->count) - (a->count < b->count);
}

int value_compare(struct render *r, struct value a, struct value b, bool *unordered)
{
	int order = 0;

	*unordered = false;
	render_step(r, 1);
	if (value_is_number(a) && value_is_number(b)) {
		long double x = number_of(a), y = number_of(b);

		*unordered = isnan(x) || isnan(y);
		return (x > y) - (x < y);
	}
	if (a.kind == VALUE_TEXT && b.kind == VALUE_TEXT)
		return compare_text(a, b);
	if (a.kind != b.kind || !value_is_sequence(a)) {
		render_fail(r, JINJA_FAULT_VALUE, "%s and %s have no order", value_kind_name(a),
			    value_kind_name(b));
	} else if (enter(r)) {
		order = compare_lists(r, a.list, b.list, unordered);
		r->depth--;
	}
	return order;
}

static bool text_contains(struct render *r, struct value haystack, struct value needle)
{
	if (needle.kind != VALUE_TEXT) {
		render_fail(r, JINJA_FAULT_VALUE, "only a text can be in a text, not %s",
			    value_kind_name(needle));
		return false;
	}
	render_step(r, haystack.len / 64);
	return !needle.len || memmem(haystack.text, haystack.len, needle.text, needle.len);
}

bool value_contains(struct render *r, struct value haystack, struct value needle)
{
	const struct list *list;
	struct value found;

	if (haystack.kind == VALUE_TEXT)
		return text_contains(r, haystack, needle);
	if (haystack.kind == VALUE_MAP) {
		if (!value_is_key(r, needle))
			render_fail(r, JINJA_FAULT_VALUE, "%s cannot be a key",
				    value_kind_name(needle));
		return value_map_get(r, haystack.map, needle, &found);
	}
	list = value_iterate(r, haystack);
	for (size_t i = 0; i < list->count && !r->failed; i++)
		if (value_equal(r, value_at(r, list, i), needle))
			return true;
	return false;
}

const char *value_kind_name(struct value v)
{
	static const char *const names[] = {
		[VALUE_UNDEFINED] = "an undefined value",
		[VALUE_NONE] = "none",
		[VALUE_BOOL] = "a boolean",
		[VALUE_INT] = "a whole number",
		[VALUE_FLOAT] = "a number",
		[VALUE_TEXT] = "a text",
		[VALUE_LIST] = "a list",
		[VALUE_TUPLE] = "a tuple",
		[VALUE_MAP] = "a map",
		[VALUE_NAMESPACE] = "a namespace",
		[VALUE_LOOP] = "a loop",
		[VALUE_FUNCTION] = "a function",
		[VALUE_ABSENT] = "nothing",
	};

	return names[v.kind];
}

/* ---- text ---- */

static char repr_quote(struct value v)
{
	return v.len && memchr(v.text, '\'', v.len) && !memchr(v.text, '"', v.len) ? '"' : '\'';
}

static void put_repr_character(struct render *r, struct buf *b, uint32_t c, char quote)
{
	static const char names[] = "\t\n\r\\", letters[] = "tnr\\";
	const char *name = c && c < 0x80 ? strchr(names, (int)c) : NULL;
	char text[16];

	if (name)
		snprintf(text, sizeof(text), "\\%c", letters[name - names]);
	else if (c == (uint32_t)quote)
		snprintf(text, sizeof(text), "\\%c", quote);
	else if (ustr_is_printable(c)) {
		render_put(r, b, "", 0);
		ustr_put(b, c);
		return;
	} else
		snprintf(text, sizeof(text),
			 c < 0x100     ? "\\x%02x"
			 : c < 0x10000 ? "\\u%04x"
				       : "\\U%08x",
			 c);
	render_put_text(r, b, text);
}

static void put_repr_text(struct render *r, struct buf *b, struct value v)
{
	char quote = repr_quote(v);

	render_step(r, v.len / 16);
	if (v.safe)
		render_put_text(r, b, "Markup(");
	render_put(r, b, &quote, 1);
	for (const char *p = v.text; p < v.text + v.len && !r->failed;)
		put_repr_character(r, b, ustr_next(&p, v.text + v.len), quote);
	render_put(r, b, &quote, 1);
	if (v.safe)
		render_put_text(r, b, ")");
}

static void put_repr_list(struct render *r, struct buf *b, struct value v)
{
	const struct list *list = v.list;

	render_put_text(r, b, v.kind == VALUE_LIST ? "[" : "(");
	for (size_t i = 0; i < list->count && !r->failed; i++) {
		if (i)
			render_put_text(r, b, ", ");
		value_put_repr(r, b, value_at(r, list, i));
	}
	if (v.kind == VALUE_TUPLE && list->count == 1)
		render_put_text(r, b, ",");
	render_put_text(r, b, v.kind == VALUE_LIST ? "]" : ")");
}

static void put_repr_map(struct render *r, struct buf *b, const struct map *map)
{
	const struct list *items = value_map_list(r, map, MAP_ITEMS).list;

	render_put_text(r, b, "{");
	for (size_t i = 0; i < items->count && !r->failed; i++) {
		const struct value *pair = items->items[i].list->items;

		if (!items->items[i].list->count)
			break;
		if (i)
			render_put_text(r, b, ", ");
		value_put_repr(r, b, pair[0]);
		render_put_text(r, b, ": ");
		value_put_repr(r, b, pair[1]);
	}
	render_put_text(r, b, "}");
}

static void put_number(struct render *r, struct buf *b, struct value v)
{
	char text[USTR_FLOAT_SIZE];

	if (v.kind == VALUE_FLOAT)
		render_put(r, b, text, ustr_float(v.real, text));
	else
		render_put(r, b, text, ustr_whole(v.number, text));
}

static void put_inner(struct render *r, struct buf *b, struct value v)
{
	switch ((enum value_kind)v.kind) {
	case VALUE_UNDEFINED:
		render_put_text(r, b, "Undefined");
		break;
	case VALUE_NONE:
		render_put_text(r, b, "None");
		break;
	case VALUE_BOOL:
		render_put_text(r, b, v.truth ? "True" : "False");
		break;
	case VALUE_INT:
	case VALUE_FLOAT:
		put_number(r, b, v);
		break;
	case VALUE_TEXT:
		put_repr_text(r, b, v);
		break;
	case VALUE_LIST:
	case VALUE_TUPLE:
		put_repr_list(r, b, v);
		break;
	case VALUE_MAP:
		put_repr_map(r, b, v.map);
		break;
	default:
		render_fail(r, JINJA_FAULT_VALUE, "%s has no text", value_kind_name(v));
	}
}

void value_put_repr(struct render *r, struct buf *b, struct value v)
{
	render_step(r, 1);
	if (!enter(r))
		return;
	put_inner(r, b, v);
	r->depth--;
}

void value_put_text(struct render *r, struct buf *b, struct value v)
{
	if (v.kind == VALUE_UNDEFINED)
		look_at(r, v);
	else if (v.kind == VALUE_TEXT)
		render_put(r, b, v.text, v.len);
	else
		value_put_repr(r, b, v);
}

struct value value_to_text(struct render *r, struct value v)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	if (v.kind == VALUE_TEXT)
		return v;
	value_put_text(r, &b, v);
	return value_take(r, &b);
}
