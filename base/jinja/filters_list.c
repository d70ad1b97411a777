/* SPDX-License-Identifier: Apache-2.0 */
/* Filters over lists and maps, and `default`. Where Jinja2 gives a generator we give a list. */
#include "base/alloc.h"
#include "base/jinja/filters.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

static bool is_given(struct value arg)
{
	return arg.kind != VALUE_ABSENT && arg.kind != VALUE_NONE;
}

static struct value filter_default(struct render *r, struct value v, const struct value *args)
{
	bool missing = v.kind == VALUE_UNDEFINED ||
		       (argument_truth(r, &args[1]) && !value_truth(r, v));

	if (!missing)
		return v;
	return args[0].kind == VALUE_ABSENT ? value_text("", 0) : args[0];
}

static struct value filter_length(struct render *r, struct value v, const struct value *args)
{
	int64_t length = value_length(r, v);

	(void)args;
	if (length < 0)
		render_fail(r, JINJA_FAULT_VALUE, "%s has no length", value_kind_name(v));
	return value_int(length);
}

static struct value list_end(struct render *r, struct value v, bool first)
{
	static const char name[] = "an item of an empty list";
	const struct list *list = value_iterate(r, v);

	if (!list->count)
		return value_undefined(name, sizeof(name) - 1);
	return value_at(r, list, first ? 0 : list->count - 1);
}

static struct value filter_first(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return list_end(r, v, true);
}

static struct value filter_last(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return list_end(r, v, false);
}

/* A list of our own with v's items, that may be reordered. */
static struct list *copy_list(struct render *r, struct value v)
{
	const struct list *list = value_iterate(r, v);
	struct list *copy = value_new_list(r, list->count);

	render_step(r, copy->count);
	for (size_t i = 0; i < copy->count; i++)
		copy->items[i] = value_at(r, list, i);
	return copy;
}

static struct value filter_list(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return value_list(copy_list(r, v), VALUE_LIST);
}

static struct value reverse_text(struct render *r, struct value v)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	const struct list *list = value_iterate(r, v);
	struct value text;

	for (size_t i = list->count; i-- > 0 && !r->failed;)
		render_put(r, &b, list->items[i].text, list->items[i].len);
	text = value_take(r, &b);
	text.safe = v.safe;
	return text;
}

static struct value filter_reverse(struct render *r, struct value v, const struct value *args)
{
	struct list *list;

	(void)args;
	if (v.kind == VALUE_TEXT)
		return reverse_text(r, v);
	list = copy_list(r, v);
	for (size_t i = 0; i < list->count / 2; i++) {
		struct value item = list->items[i];

		list->items[i] = list->items[list->count - 1 - i];
		list->items[list->count - 1 - i] = item;
	}
	return value_list(list, VALUE_LIST);
}

/* ---- join ---- */

static bool has_safe(const struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].kind == VALUE_TEXT && list->items[i].safe)
			return true;
	return false;
}

static struct value filter_join(struct render *r, struct value v, const struct value *args)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct list *list = copy_list(r, v);
	struct value between = args[0].kind == VALUE_ABSENT ? value_text("", 0)
							    : value_to_text(r, args[0]);
	bool safe;

	for (size_t i = 0; is_given(args[1]) && i < list->count && !r->failed; i++)
		list->items[i] = render_path(r, list->items[i], args[1]);
	safe = r->options.escape != JINJA_ESCAPE_NONE && (between.safe || has_safe(list));
	if (safe)
		between = render_escape(r, between);
	for (size_t i = 0; i < list->count && !r->failed; i++) {
		if (i)
			render_put(r, &b, between.text, between.len);
		value_put_text(r, &b, safe ? render_escape(r, list->items[i]) : list->items[i]);
	}
	v = value_take(r, &b);
	v.safe = safe;
	return v;
}

/* ---- order ---- */

struct sorting {
	struct render *r;
	struct value attribute; /* absent = the item itself */
	bool sensitive, reverse;
};

/* Without a character that has a lower case. */
static bool is_folded(struct value key)
{
	for (uint32_t i = 0; i < key.len; i++)
		if ((key.text[i] >= 'A' && key.text[i] <= 'Z') || key.text[i] & 0x80)
			return false;
	return true;
}

static struct value fold(struct render *r, struct value key)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	if (key.kind != VALUE_TEXT || is_folded(key))
		return key;
	ustr_put_lower(&b, key.text, key.len);
	return value_take(r, &b);
}

static struct value sort_key(const struct sorting *s, struct value item)
{
	if (is_given(s->attribute))
		item = render_path(s->r, item, s->attribute);
	return s->sensitive ? item : fold(s->r, item);
}

/* sort's attribute may be several, separated by commas: then the key is a list. */
static struct value sort_keys(const struct sorting *s, struct value item)
{
	struct sorting part = *s;
	const char *p = s->attribute.text, *end;
	struct list *keys;
	size_t count = 1;

	if (s->attribute.kind != VALUE_TEXT || !memchr(p, ',', s->attribute.len))
		return sort_key(s, item);
	end = p + s->attribute.len;
	for (const char *q = p; q < end; q++)
		count += *q == ',';
	keys = value_new_list(s->r, count);
	for (size_t i = 0; i < keys->count; i++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		part.attribute = value_text(p, (size_t)((comma ? comma : end) - p));
		keys->items[i] = sort_key(&part, item);
		p = comma ? comma + 1 : end;
	}
	return value_list(keys, VALUE_LIST);
}

/* Does b come before a? Equal ones have no order and need none. */
static bool is_before(const struct sorting *s, struct value b, struct value a)
{
	bool unordered;
	int order;

	if (value_equal(s->r, a, b))
		return false;
	order = value_compare(s->r, b, a, &unordered);
	return !unordered && (s->reverse ? order > 0 : order < 0);
}

struct keyed {
	struct value key, item;
};

static void merge(const struct sorting *s, const struct keyed *from, size_t low, size_t middle,
		  size_t high, struct keyed *to)
{
	size_t a = low, b = middle;

	for (size_t i = low; i < high; i++) {
		bool second = a == middle ||
			      (b < high && !s->r->failed && is_before(s, from[b].key, from[a].key));

		to[i] = from[second ? b++ : a++];
	}
}

/* Stable; the items are sorted in place. */
static void sort_list(const struct sorting *s, struct list *list)
{
	size_t n = list->count;
	struct keyed *from = xcalloc(n, sizeof(*from)), *to = xcalloc(n, sizeof(*to));

	for (size_t i = 0; i < n && !s->r->failed; i++)
		from[i] = (struct keyed){sort_keys(s, list->items[i]), list->items[i]};
	for (size_t width = 1; width < n && !s->r->failed; width *= 2) {
		struct keyed *swap = from;

		for (size_t low = 0; low < n; low += 2 * width) {
			size_t middle = low + width < n ? low + width : n;
			size_t high = low + 2 * width < n ? low + 2 * width : n;

			merge(s, from, low, middle, high, to);
		}
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n && !s->r->failed; i++)
		list->items[i] = from[i].item;
	free(from);
	free(to);
}

static struct value filter_sort(struct render *r, struct value v, const struct value *args)
{
	struct sorting s = {r, args[2], argument_truth(r, &args[1]), argument_truth(r, &args[0])};
	struct list *list = copy_list(r, v);

	sort_list(&s, list);
	return value_list(list, VALUE_LIST);
}

static struct value filter_dictsort(struct render *r, struct value v, const struct value *args)
{
	struct value by = argument_text(r, &args[1], "key");
	bool by_key = by.len == 3 && !memcmp(by.text, "key", 3);
	struct sorting s = {r, value_int(by_key ? 0 : 1), argument_truth(r, &args[0]),
			    argument_truth(r, &args[2])};
	struct list *list;

	if (v.kind != VALUE_MAP)
		render_fail(r, JINJA_FAULT_VALUE, "dictsort: a map is expected, not %s",
			    value_kind_name(v));
	if (!by_key && (by.len != 5 || memcmp(by.text, "value", 5)))
		render_fail(r, JINJA_FAULT_VALUE, "dictsort: by 'key' or 'value'");
	if (r->failed)
		return VALUE_NULL;
	list = copy_list(r, value_map_list(r, v.map, MAP_ITEMS));
	sort_list(&s, list);
	return value_list(list, VALUE_LIST);
}

static struct value extreme(struct render *r, struct value v, const struct value *args,
			    bool largest)
{
	static const char name[] = "an item of an empty list";
	struct sorting s = {r, args[1], argument_truth(r, &args[0]), largest};
	const struct list *list = value_iterate(r, v);
	struct value best = value_undefined(name, sizeof(name) - 1), best_key = best;

	for (size_t i = 0; i < list->count && !r->failed; i++) {
		struct value item = value_at(r, list, i), key = sort_key(&s, item);
		bool unordered = false;

		if (i) {
			int order = value_compare(r, key, best_key, &unordered);

			if (unordered || (largest ? order <= 0 : order >= 0))
				continue;
		}
		best = item;
		best_key = key;
	}
	return best;
}

static struct value filter_min(struct render *r, struct value v, const struct value *args)
{
	return extreme(r, v, args, false);
}

static struct value filter_max(struct render *r, struct value v, const struct value *args)
{
	return extreme(r, v, args, true);
}

static bool is_among(struct render *r, const struct list *list, struct value key)
{
	for (size_t i = 0; i < list->count && !r->failed; i++)
		if (value_equal(r, list->items[i], key))
			return true;
	return false;
}

static struct value filter_unique(struct render *r, struct value v, const struct value *args)
{
	struct sorting s = {r, args[1], argument_truth(r, &args[0]), false};
	struct list *list = copy_list(r, v), *keys = value_new_list(r, list->count);
	size_t n = list->count, kept = 0;

	if (keys->count < n)
		return VALUE_NULL;
	keys->count = 0;
	for (size_t i = 0; i < n && !r->failed; i++) {
		struct value key = sort_key(&s, list->items[i]);

		if (!value_is_key(r, key))
			render_fail(r, JINJA_FAULT_VALUE, "unique: %s is no key",
				    value_kind_name(key));
		if (is_among(r, keys, key))
			continue;
		keys->items[keys->count++] = key;
		list->items[kept++] = list->items[i];
	}
	list->count = kept;
	return value_list(list, VALUE_LIST);
}

/* ---- shape ---- */

static struct value filter_items(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	if (v.kind == VALUE_MAP)
		return value_map_list(r, v.map, MAP_ITEMS);
	if (v.kind != VALUE_UNDEFINED)
		render_fail(r, JINJA_FAULT_VALUE, "items: a map is expected, not %s",
			    value_kind_name(v));
	return value_list(value_new_list(r, 0), VALUE_LIST);
}

static struct value filter_batch(struct render *r, struct value v, const struct value *args)
{
	const struct list *list = value_iterate(r, v);
	int64_t size = argument_int(r, &args[0], 1);
	struct list *batches;

	if (size < 1 || size > JINJA_ITERATIONS_MAX)
		render_fail(r, JINJA_FAULT_VALUE, "batch: a size from 1 to %d is expected",
			    JINJA_ITERATIONS_MAX);
	if (r->failed)
		return VALUE_NULL;
	batches = value_new_list(r, (list->count + (size_t)size - 1) / (size_t)size);
	for (size_t i = 0; i < batches->count && !r->failed; i++) {
		size_t from = i * (size_t)size, count = list->count - from;
		struct list *batch;

		if (count > (size_t)size || is_given(args[1]))
			count = (size_t)size;
		batch = value_new_list(r, count);
		render_step(r, count);
		for (size_t k = 0; k < batch->count; k++)
			batch->items[k] = from + k < list->count ? value_at(r, list, from + k)
								 : args[1];
		batches->items[i] = value_list(batch, VALUE_LIST);
	}
	if (r->failed)
		batches->count = 0;
	return value_list(batches, VALUE_LIST);
}

const struct filter filters_list[] = {
	{"default", "default_value boolean", 0, filter_default},
	{"d", "default_value boolean", 0, filter_default},
	{"length", "", 0, filter_length},
	{"count", "", 0, filter_length},
	{"first", "", 0, filter_first},
	{"last", "", 0, filter_last},
	{"list", "", 0, filter_list},
	{"reverse", "", 0, filter_reverse},
	{"join", "d attribute", 0, filter_join},
	{"sort", "reverse case_sensitive attribute", 0, filter_sort},
	{"dictsort", "case_sensitive by reverse", 0, filter_dictsort},
	{"min", "case_sensitive attribute", 0, filter_min},
	{"max", "case_sensitive attribute", 0, filter_max},
	{"unique", "case_sensitive attribute", 0, filter_unique},
	{"items", "", 0, filter_items},
	{"batch", "linecount fill_with", 1, filter_batch},
	{0},
};
