/* SPDX-License-Identifier: Apache-2.0 */
/* Filters that are told another filter or a test by name. */
#include "base/jinja/filters.h"
#include "base/jinja/render.h"

/* Places of map's named arguments, behind those that go to the other filter. */
enum { MAP_ATTRIBUTE = 6, MAP_DEFAULT };

/* What is false, of whatever kind, has no items. */
static const struct list *items_of(struct render *r, struct value v)
{
	static const struct list none;

	return value_truth(r, v) ? value_iterate(r, v) : &none;
}

/* environment.getitem for each part, `missing` standing in for what is undefined. */
static struct value member(struct render *r, struct value item, struct value path,
			   struct value missing)
{
	const char *p = path.text, *end = p + path.len;

	if (missing.kind == VALUE_ABSENT || missing.kind == VALUE_NONE || path.kind != VALUE_TEXT) {
		item = render_path(r, item, path);
		return item.kind == VALUE_UNDEFINED && missing.kind != VALUE_ABSENT &&
				       missing.kind != VALUE_NONE
			       ? missing
			       : item;
	}
	while (p <= end && !r->failed) {
		const char *dot = memchr(p, '.', (size_t)(end - p));
		const char *stop = dot ? dot : end;

		item = render_path(r, item, value_text(p, (size_t)(stop - p)));
		if (item.kind == VALUE_UNDEFINED)
			item = missing;
		p = stop + 1;
	}
	return item;
}

/* The filter or test named by arg must take what follows. */
static size_t count_given(const struct value *args, size_t max)
{
	size_t n = 0;

	while (n < max && args[n].kind != VALUE_ABSENT)
		n++;
	return n;
}

static const struct filter *named_filter(struct render *r, const struct value *args)
{
	const struct filter *filter =
		args[0].kind == VALUE_TEXT ? filters_find(args[0].text, args[0].len) : NULL;
	size_t count = count_given(args + 1, MAP_ATTRIBUTE - 1);

	if (!filter)
		render_fail(r, JINJA_FAULT_UNSUPPORTED, "map: there is no filter of that name");
	else if (count > (size_t)filters_positional(filter) || count < filter->required)
		render_fail(r, JINJA_FAULT_VALUE, "map: filter '%s' has other arguments",
			    filter->name);
	return r->failed ? NULL : filter;
}

static struct value filter_map(struct render *r, struct value v, const struct value *args)
{
	const struct list *list = items_of(r, v);
	struct list *mapped = value_new_list(r, list->count);
	bool by_attribute = args[0].kind == VALUE_ABSENT;
	const struct filter *filter = by_attribute ? NULL : named_filter(r, args);
	struct value inner[ARGUMENTS_MAX];

	for (size_t i = 0; i < ARGUMENTS_MAX; i++)
		inner[i] = i + 1 < MAP_ATTRIBUTE ? args[i + 1] : VALUE_MISSING;
	if (by_attribute && args[MAP_ATTRIBUTE].kind == VALUE_ABSENT)
		render_fail(r, JINJA_FAULT_VALUE, "map: a filter or an attribute is expected");
	for (size_t i = 0; i < mapped->count && !r->failed; i++) {
		struct value item = value_at(r, list, i);

		render_step(r, 1);
		mapped->items[i] = by_attribute
					   ? member(r, item, args[MAP_ATTRIBUTE], args[MAP_DEFAULT])
					   : filter->run(r, item, inner);
	}
	if (r->failed)
		mapped->count = 0;
	return value_list(mapped, VALUE_LIST);
}

/* Which items of a list are kept. */
struct choice {
	bool by_attribute; /* args[0] is one, and the test comes behind it */
	bool keep;
};

static const struct predicate *named_test(struct render *r, const struct value *args)
{
	const struct predicate *test =
		args[0].kind == VALUE_TEXT ? predicate_find(args[0].text, args[0].len) : NULL;
	size_t count = count_given(args + 1, 4);

	if (!test)
		render_fail(r, JINJA_FAULT_UNSUPPORTED, "there is no test of that name");
	else if (count < test->min || count > test->max)
		render_fail(r, JINJA_FAULT_VALUE, "test '%s' has other arguments", test->name);
	return r->failed ? NULL : test;
}

static struct value choose(struct render *r, struct value v, const struct value *args,
			   struct choice choice)
{
	const struct value *rest = args + choice.by_attribute;
	const struct list *list = items_of(r, v);
	struct list *kept = value_new_list(r, list->count);
	const struct predicate *test = rest[0].kind == VALUE_ABSENT ? NULL : named_test(r, rest);
	size_t n = 0;

	for (size_t i = 0; i < kept->count && !r->failed; i++) {
		struct value item = value_at(r, list, i), looked_at = item;

		render_step(r, 1);
		if (choice.by_attribute)
			looked_at = render_path(r, item, args[0]);
		if ((test ? test->holds(r, looked_at, rest + 1) : value_truth(r, looked_at)) ==
		    choice.keep)
			kept->items[n++] = item;
	}
	kept->count = n;
	return value_list(kept, VALUE_LIST);
}

static struct value filter_select(struct render *r, struct value v, const struct value *args)
{
	return choose(r, v, args, (struct choice){false, true});
}

static struct value filter_reject(struct render *r, struct value v, const struct value *args)
{
	return choose(r, v, args, (struct choice){false, false});
}

static struct value filter_selectattr(struct render *r, struct value v, const struct value *args)
{
	return choose(r, v, args, (struct choice){true, true});
}

static struct value filter_rejectattr(struct render *r, struct value v, const struct value *args)
{
	return choose(r, v, args, (struct choice){true, false});
}

const struct filter filters_select[] = {
	{"map", "- - - - - - | attribute default", 0, filter_map},
	{"select", "- - - -", 0, filter_select},
	{"reject", "- - - -", 0, filter_reject},
	{"selectattr", "- - - - -", 1, filter_selectattr},
	{"rejectattr", "- - - - -", 1, filter_rejectattr},
	{0},
};
