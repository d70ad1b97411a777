/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a render: Python's meaning of truth, equality, order and text, over JSON and over what
 * the template makes itself.
 *
 * Values are small and passed by copy. What they point to lives in the compiled template, in the
 * variables, or in the render's arena: nothing is freed by itself. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct render;

enum value_kind {
	VALUE_UNDEFINED, /* text = the name, for the complaint */
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_TEXT, /* UTF-8, len bytes, not NUL-terminated */
	VALUE_LIST,
	VALUE_TUPLE,
	VALUE_MAP,
	VALUE_NAMESPACE, /* a map that `set ns.x = …` may change */
	VALUE_LOOP,
	VALUE_FUNCTION,
	VALUE_ABSENT, /* an argument that was not given */
};

struct value {
	uint8_t kind;
	bool safe; /* text that is escaped already (Jinja2's Markup); undefined that is never a
		      fault */
	uint32_t len;
	union {
		bool truth;
		int64_t number;
		double real;
		const char *text;
		const struct list *list;
		struct map *map;
		struct loop *loop;
		const struct function *function;
	};
};

/* Either a JSON array or our own items. */
struct list {
	const json_t *json;
	struct value *items;
	size_t count;
};

struct pair {
	struct value key;
	struct value value;
};

/* Either a JSON object or our own pairs, in insertion order. */
struct map {
	const json_t *json;
	struct pair *pairs;
	size_t count, room;
};

/* A name that can be called: range, or a method with what it belongs to. */
struct function {
	const char *name;
	size_t len;
	struct value self;
};

#define VALUE_NULL    ((struct value){.kind = VALUE_NONE})
#define VALUE_MISSING ((struct value){.kind = VALUE_ABSENT})

static inline struct value value_bool(bool truth)
{
	return (struct value){.kind = VALUE_BOOL, .truth = truth};
}

static inline struct value value_int(int64_t number)
{
	return (struct value){.kind = VALUE_INT, .number = number};
}

static inline struct value value_float(double real)
{
	return (struct value){.kind = VALUE_FLOAT, .real = real};
}

/* Borrows text. */
static inline struct value value_text(const char *text, size_t len)
{
	return (struct value){.kind = VALUE_TEXT, .len = (uint32_t)len, .text = text};
}

static inline struct value value_undefined(const char *name, size_t len)
{
	return (struct value){.kind = VALUE_UNDEFINED, .len = (uint32_t)len, .text = name};
}

static inline bool value_is_number(struct value v)
{
	return v.kind == VALUE_INT || v.kind == VALUE_FLOAT || v.kind == VALUE_BOOL;
}

static inline bool value_is_sequence(struct value v)
{
	return v.kind == VALUE_LIST || v.kind == VALUE_TUPLE;
}

/* Whole numbers and booleans as a number. */
static inline int64_t value_whole(struct value v)
{
	return v.kind == VALUE_BOOL ? v.truth : v.number;
}

static inline double value_real(struct value v)
{
	return v.kind == VALUE_FLOAT ? v.real : (double)value_whole(v);
}

/* JSON → value; arrays and objects are borrowed, their members converted when looked at. */
struct value value_from_json(struct render *r, const json_t *json);
/* Copies text into the arena. */
struct value value_copy_text(struct render *r, const char *text, size_t len);
/* The buffer's text, which must be within the limits (render_put sees to it). */
struct value value_take(struct render *r, struct buf *b);
/* A list of count items, to be filled by the caller; NULL items if over the limit. */
struct list *value_new_list(struct render *r, size_t count);
struct value value_list(struct list *list, enum value_kind kind);
struct map *value_new_map(struct render *r, size_t room);
struct value value_map(struct map *map, enum value_kind kind);
void value_map_set(struct render *r, struct map *map, struct value key, struct value value);

struct value value_at(struct render *r, const struct list *list, size_t index);
size_t value_map_size(const struct map *map);
/* What Python can hash. A key is looked at: strict, an undefined one fails. */
bool value_is_key(struct render *r, struct value key);
/* False if there is no such key. */
bool value_map_get(struct render *r, const struct map *map, struct value key, struct value *ret);
/* The map's pairs as a list of what `part` says. */
enum map_part {
	MAP_KEYS,
	MAP_VALUES,
	MAP_ITEMS,
};
struct value value_map_list(struct render *r, const struct map *map, enum map_part part);

bool value_truth(struct render *r, struct value v);
bool value_equal(struct render *r, struct value a, struct value b);
/* < 0, 0, > 0; fails for kinds that have no order; a comparison with NaN gives *unordered. */
int value_compare(struct render *r, struct value a, struct value b, bool *unordered);
/* Number of characters or members; -1 for what has no length. */
int64_t value_length(struct render *r, struct value v);
/* `needle in haystack`. */
bool value_contains(struct render *r, struct value haystack, struct value needle);
/* What a loop runs over: a list; fails for what cannot be iterated. */
const struct list *value_iterate(struct render *r, struct value v);

/* Python's str(): text as it is, everything else as value_put_repr; undefined is "". */
struct value value_to_text(struct render *r, struct value v);
void value_put_text(struct render *r, struct buf *b, struct value v);
void value_put_repr(struct render *r, struct buf *b, struct value v);
/* As json.dumps with sorted keys, safe in HTML; indent < 0 = one line. */
void value_put_json(struct render *r, struct buf *b, struct value v, int indent);

/* "an integer", for complaints. */
const char *value_kind_name(struct value v);
