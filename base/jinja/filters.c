/* SPDX-License-Identifier: Apache-2.0 */
/* The filters by name, and their arguments. */
#include "base/jinja/filters.h"

#include "base/jinja/render.h"

const struct filter *filters_find(const char *name, size_t len)
{
	static const struct filter *const tables[] = {filters_text, filters_list, filters_number,
						      filters_select};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct filter *f = tables[i]; f->name; f++)
			if (strlen(f->name) == len && !memcmp(f->name, name, len))
				return f;
	return NULL;
}

int filters_parameter(const struct filter *filter, const char *name, size_t len)
{
	int place = 0;

	for (const char *p = filter->params; *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, name, n) && *p != '|' && *p != '-')
			return place;
		place += *p != '|';
		p += n + (p[n] == ' ');
	}
	return -1;
}

int filters_positional(const struct filter *filter)
{
	int places = 0;

	for (const char *p = filter->params; *p && *p != '|';) {
		size_t n = strcspn(p, " ");

		places++;
		p += n + (p[n] == ' ');
	}
	return places;
}

int64_t argument_int(struct render *r, const struct value *arg, int64_t missing)
{
	if (arg->kind == VALUE_ABSENT)
		return missing;
	if (arg->kind == VALUE_INT || arg->kind == VALUE_BOOL)
		return value_whole(*arg);
	render_fail(r, JINJA_FAULT_VALUE, "a whole number is expected, not %s",
		    value_kind_name(*arg));
	return missing;
}

bool argument_truth(struct render *r, const struct value *arg)
{
	return arg->kind != VALUE_ABSENT && value_truth(r, *arg);
}

struct value argument_text(struct render *r, const struct value *arg, const char *missing)
{
	if (arg->kind == VALUE_ABSENT)
		return value_text(missing, strlen(missing));
	if (arg->kind != VALUE_TEXT)
		render_fail(r, JINJA_FAULT_VALUE, "a text is expected, not %s",
			    value_kind_name(*arg));
	return arg->kind == VALUE_TEXT ? *arg : value_text("", 0);
}
