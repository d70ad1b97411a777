/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of values, and the few global functions. */
#include "base/jinja/filters.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

struct method {
	const char *name;
	uint8_t kind; /* enum value_kind of what it belongs to; VALUE_NONE = a global function */
	uint8_t min, max;
	struct value (*run)(struct render *r, struct value self, const struct call *call);
};

static bool is_text(struct render *r, struct value v)
{
	if (v.kind != VALUE_TEXT)
		render_fail(r, JINJA_FAULT_VALUE, "a text is expected, not %s", value_kind_name(v));
	return v.kind == VALUE_TEXT;
}

/* ---- texts ---- */

static struct value changed_case(struct render *r, struct value self,
				 void (*put)(struct buf *, const char *, size_t))
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct value v;

	render_step(r, self.len / 16);
	put(&b, self.text, self.len);
	v = value_take(r, &b);
	v.safe = self.safe;
	return v;
}

static struct value method_upper(struct render *r, struct value self, const struct call *call)
{
	(void)call;
	return changed_case(r, self, ustr_put_upper);
}

static struct value method_lower(struct render *r, struct value self, const struct call *call)
{
	(void)call;
	return changed_case(r, self, ustr_put_lower);
}

static bool is_among(uint32_t c, struct value set)
{
	if (set.kind != VALUE_TEXT)
		return ustr_is_space(c);
	for (const char *p = set.text; p < set.text + set.len;)
		if (ustr_next(&p, set.text + set.len) == c)
			return true;
	return false;
}

enum { STRIP_LEFT = 1, STRIP_RIGHT = 2 };

static struct value strip(struct render *r, struct value self, struct value set, int sides)
{
	const char *from = self.text, *end = from + self.len;
	struct value v;

	if (set.kind != VALUE_ABSENT && set.kind != VALUE_NONE && !is_text(r, set))
		return self;
	render_step(r, self.len / 16 + (set.kind == VALUE_TEXT ? set.len : 0));
	for (const char *p = from; sides & STRIP_LEFT && p < end; from = p)
		if (!is_among(ustr_next(&p, end), set))
			break;
	while (sides & STRIP_RIGHT && end > from) {
		const char *at = end - 1, *p;

		while (at > from && ((unsigned char)*at & 0xc0) == 0x80)
			at--;
		p = at;
		if (!is_among(ustr_next(&p, end), set))
			break;
		end = at;
	}
	v = value_text(from, (size_t)(end - from));
	v.safe = self.safe;
	return v;
}

static struct value method_strip(struct render *r, struct value self, const struct call *call)
{
	return strip(r, self, call->args[0], STRIP_LEFT | STRIP_RIGHT);
}

static struct value method_lstrip(struct render *r, struct value self, const struct call *call)
{
	return strip(r, self, call->args[0], STRIP_LEFT);
}

static struct value method_rstrip(struct render *r, struct value self, const struct call *call)
{
	return strip(r, self, call->args[0], STRIP_RIGHT);
}

static bool begins(struct value self, struct value with)
{
	return with.len <= self.len && !memcmp(self.text, with.text, with.len);
}

static bool ends(struct value self, struct value with)
{
	return with.len <= self.len &&
	       !memcmp(self.text + self.len - with.len, with.text, with.len);
}

/* The argument is a text or a tuple of texts, one of which has to fit. */
static struct value fits(struct render *r, struct value self, struct value arg,
			 bool (*fit)(struct value, struct value))
{
	bool found = false;

	if (arg.kind != VALUE_TUPLE)
		return value_bool(is_text(r, arg) && fit(self, arg));
	for (size_t i = 0; i < arg.list->count && !found; i++) {
		struct value v = value_at(r, arg.list, i);

		found = is_text(r, v) && fit(self, v);
	}
	return value_bool(found);
}

static struct value method_startswith(struct render *r, struct value self, const struct call *call)
{
	return fits(r, self, call->args[0], begins);
}

static struct value method_endswith(struct render *r, struct value self, const struct call *call)
{
	return fits(r, self, call->args[0], ends);
}

static struct value method_replace(struct render *r, struct value self, const struct call *call)
{
	static const char name[] = "replace";
	struct value args[ARGUMENTS_MAX];

	for (size_t i = 0; i < ARGUMENTS_MAX; i++)
		args[i] = call->args[i];
	if (!is_text(r, args[0]) || !is_text(r, args[1]))
		return self;
	return filters_find(name, sizeof(name) - 1)->run(r, self, args);
}

static struct value method_join(struct render *r, struct value self, const struct call *call)
{
	static const char name[] = "join";
	const struct list *list = value_iterate(r, call->args[0]);
	struct value args[ARGUMENTS_MAX] = {self, VALUE_MISSING};

	for (size_t i = 0; i < list->count && !r->failed; i++)
		is_text(r, value_at(r, list, i));
	return r->failed ? self : filters_find(name, sizeof(name) - 1)->run(r, call->args[0], args);
}

/* Where the next piece of a text that is split ends, and what follows begins. */
static const char *find_separator(const char *p, const char *end, struct value separator,
				  const char **behind)
{
	if (separator.kind == VALUE_TEXT) {
		const char *at = memmem(p, (size_t)(end - p), separator.text, separator.len);

		*behind = at ? at + separator.len : end;
		return at ? at : end;
	}
	for (const char *next = p; p < end; p = next)
		if (ustr_is_space(ustr_next(&next, end)))
			break;
	*behind = p + ustr_space_prefix(p, (size_t)(end - p));
	return p;
}

static struct value method_split(struct render *r, struct value self, const struct call *call)
{
	struct value separator = call->args[0];
	bool blanks = separator.kind == VALUE_ABSENT || separator.kind == VALUE_NONE;
	int64_t max = argument_int(r, &call->args[1], -1);
	struct list *list = value_new_list(r, 0);
	const char *p = self.text, *end = p + self.len, *behind = p;
	size_t room = 0;

	if (!blanks && is_text(r, separator) && !separator.len)
		render_fail(r, JINJA_FAULT_VALUE, "split: the separator is empty");
	if (blanks)
		p += ustr_space_prefix(p, (size_t)(end - p));
	if (blanks && p == end)
		return value_list(list, VALUE_LIST);
	while (!r->failed) {
		bool last = max >= 0 && (int64_t)list->count >= max;
		const char *at = last ? end : find_separator(p, end, separator, &behind);

		if (list->count == room) {
			struct list *grown = value_new_list(r, room ? 2 * room : 8);

			if (!grown->count)
				break;
			if (room)
				memcpy(grown->items, list->items, room * sizeof(*list->items));
			room = grown->count;
			list->items = grown->items;
		}
		render_step(r, 1);
		list->items[list->count] = value_text(p, (size_t)(at - p));
		list->items[list->count++].safe = self.safe;
		if (at == end || (blanks && behind == end))
			break;
		p = behind;
	}
	return value_list(list, VALUE_LIST);
}

/* ---- maps ---- */

static struct value method_items(struct render *r, struct value self, const struct call *call)
{
	(void)call;
	return value_map_list(r, self.map, MAP_ITEMS);
}

static struct value method_keys(struct render *r, struct value self, const struct call *call)
{
	(void)call;
	return value_map_list(r, self.map, MAP_KEYS);
}

static struct value method_values(struct render *r, struct value self, const struct call *call)
{
	(void)call;
	return value_map_list(r, self.map, MAP_VALUES);
}

static struct value method_get(struct render *r, struct value self, const struct call *call)
{
	struct value found = call->args[1].kind == VALUE_ABSENT ? VALUE_NULL : call->args[1];

	value_map_get(r, self.map, call->args[0], &found);
	return found;
}

/* ---- loops ---- */

static struct value method_cycle(struct render *r, struct value self, const struct call *call)
{
	(void)r;
	return call->args[self.loop->index % call->count];
}

static struct value method_changed(struct render *r, struct value self, const struct call *call)
{
	struct list *list = value_new_list(r, call->count);
	struct value now = value_list(list, VALUE_TUPLE);
	bool changed;

	for (size_t i = 0; i < list->count; i++)
		list->items[i] = call->args[i];
	changed = self.loop->changed.kind == VALUE_ABSENT ||
		  !value_equal(r, self.loop->changed, now);
	self.loop->changed = now;
	return value_bool(changed);
}

/* ---- global functions ---- */

static struct value global_range(struct render *r, struct value self, const struct call *call)
{
	int64_t n[3] = {0, 0, 1}, count;
	struct list *list;

	(void)self;
	for (size_t i = 0; i < call->count; i++)
		n[i] = argument_int(r, &call->args[i], 0);
	if (call->count == 1) {
		n[1] = n[0];
		n[0] = 0;
	}
	if (!n[2])
		render_fail(r, JINJA_FAULT_VALUE, "range: the step cannot be 0");
	for (size_t i = 0; i < 3; i++)
		if (n[i] > INT32_MAX || n[i] < INT32_MIN)
			render_fail(r, JINJA_FAULT_LIMIT, "range: the number is too large");
	if (r->failed)
		return VALUE_NULL;
	count = n[2] > 0 ? (n[1] - n[0] + n[2] - 1) / n[2] : (n[0] - n[1] - n[2] - 1) / -n[2];
	list = value_new_list(r, count > 0 ? (size_t)count : 0);
	render_step(r, list->count);
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = value_int(n[0] + (int64_t)i * n[2]);
	return value_list(list, VALUE_LIST);
}

static struct value make_map(struct render *r, const struct call *call, enum value_kind kind)
{
	struct map *map = value_new_map(r, call->keyword_count);

	if (call->count) {
		struct value from = call->args[0];
		const struct list *items =
			from.kind == VALUE_MAP ? value_map_list(r, from.map, MAP_ITEMS).list : NULL;

		if (!items)
			render_fail(r, JINJA_FAULT_VALUE, "a map is expected, not %s",
				    value_kind_name(from));
		for (size_t i = 0; items && i < items->count && !r->failed; i++)
			value_map_set(r, map, value_at(r, items->items[i].list, 0),
				      value_at(r, items->items[i].list, 1));
	}
	for (size_t i = 0; i < call->keyword_count; i++)
		value_map_set(r, map, value_text(call->keywords[i].name, call->keywords[i].len),
			      call->keywords[i].value);
	return value_map(map, kind);
}

static struct value global_namespace(struct render *r, struct value self, const struct call *call)
{
	(void)self;
	return make_map(r, call, VALUE_NAMESPACE);
}

static struct value global_dict(struct render *r, struct value self, const struct call *call)
{
	(void)self;
	return make_map(r, call, VALUE_MAP);
}

/* ---- the table ---- */

static const struct method methods[] = {
	{"upper", VALUE_TEXT, 0, 0, method_upper},
	{"lower", VALUE_TEXT, 0, 0, method_lower},
	{"strip", VALUE_TEXT, 0, 1, method_strip},
	{"lstrip", VALUE_TEXT, 0, 1, method_lstrip},
	{"rstrip", VALUE_TEXT, 0, 1, method_rstrip},
	{"startswith", VALUE_TEXT, 1, 1, method_startswith},
	{"endswith", VALUE_TEXT, 1, 1, method_endswith},
	{"replace", VALUE_TEXT, 2, 3, method_replace},
	{"join", VALUE_TEXT, 1, 1, method_join},
	{"split", VALUE_TEXT, 0, 2, method_split},
	{"items", VALUE_MAP, 0, 0, method_items},
	{"keys", VALUE_MAP, 0, 0, method_keys},
	{"values", VALUE_MAP, 0, 0, method_values},
	{"get", VALUE_MAP, 1, 2, method_get},
	{"cycle", VALUE_LOOP, 1, ARGUMENTS_MAX, method_cycle},
	{"changed", VALUE_LOOP, 0, ARGUMENTS_MAX, method_changed},
	{"range", VALUE_NONE, 1, 3, global_range},
	{"namespace", VALUE_NONE, 0, 1, global_namespace},
	{"dict", VALUE_NONE, 0, 1, global_dict},
};

static const struct method *method_find(int kind, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (methods[i].kind == kind && methods[i].name[0] == *name &&
		    strlen(methods[i].name) == len && !memcmp(methods[i].name, name, len))
			return &methods[i];
	return NULL;
}

bool function_exists(struct value self, const char *name, size_t len)
{
	return self.kind != VALUE_NONE && method_find(self.kind, name, len);
}

bool function_is_global(const char *name, size_t len)
{
	return method_find(VALUE_NONE, name, len);
}

struct value function_call(struct render *r, const struct function *function,
			   const struct call *call)
{
	const struct method *method =
		method_find(function->self.kind, function->name, function->len);

	render_step(r, 1);
	if (call->count < method->min || call->count > method->max ||
	    (call->keyword_count && method->kind != VALUE_NONE) ||
	    (call->keyword_count && method->run == global_range)) {
		render_fail(r, JINJA_FAULT_VALUE, "%s takes %d to %d arguments without names",
			    method->name, method->min, method->max);
		return VALUE_NULL;
	}
	return method->run(r, function->self, call);
}
