/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind "is". */
#include "base/jinja/filters.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

static bool rest_is(struct render *r, struct value v, struct value by, int64_t rest)
{
	struct value remainder = render_binary(r, '%', v, by);

	return !r->failed && value_equal(r, remainder, value_int(rest));
}

static bool test_odd(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return rest_is(r, v, value_int(2), 1);
}

static bool test_even(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return rest_is(r, v, value_int(2), 0);
}

static bool test_divisibleby(struct render *r, struct value v, const struct value *args)
{
	return rest_is(r, v, args[0], 0);
}

static bool test_defined(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind != VALUE_UNDEFINED;
}

static bool test_undefined(struct render *r, struct value v, const struct value *args)
{
	return !test_defined(r, v, args);
}

static bool test_none(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_NONE;
}

static bool test_boolean(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_BOOL;
}

static bool test_true(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_BOOL && v.truth;
}

static bool test_false(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_BOOL && !v.truth;
}

static bool test_integer(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_INT;
}

static bool test_float(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_FLOAT;
}

static bool test_number(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return value_is_number(v);
}

static bool test_string(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_TEXT;
}

static bool test_mapping(struct render *r, struct value v, const struct value *args)
{
	(void)r;
	(void)args;
	return v.kind == VALUE_MAP;
}

static bool test_sequence(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	return (v.kind == VALUE_UNDEFINED && r->options.undefined == JINJA_UNDEFINED_EMPTY) ||
	       v.kind == VALUE_TEXT || v.kind == VALUE_MAP || value_is_sequence(v);
}

static bool test_iterable(struct render *r, struct value v, const struct value *args)
{
	if (v.kind == VALUE_UNDEFINED)
		value_iterate(r, v);
	return test_sequence(r, v, args) || v.kind == VALUE_LOOP;
}

static bool test_lower(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	v = value_to_text(r, v);
	return ustr_is_lower(v.text, v.len);
}

static bool test_upper(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	v = value_to_text(r, v);
	return ustr_is_upper(v.text, v.len);
}

static bool test_in(struct render *r, struct value v, const struct value *args)
{
	return value_contains(r, args[0], v);
}

static bool test_eq(struct render *r, struct value v, const struct value *args)
{
	return value_equal(r, v, args[0]);
}

static bool test_ne(struct render *r, struct value v, const struct value *args)
{
	return !value_equal(r, v, args[0]);
}

static bool test_gt(struct render *r, struct value v, const struct value *args)
{
	bool unordered;

	return value_compare(r, v, args[0], &unordered) > 0 && !unordered;
}

static bool test_lt(struct render *r, struct value v, const struct value *args)
{
	bool unordered;

	return value_compare(r, v, args[0], &unordered) < 0 && !unordered;
}

static bool test_ge(struct render *r, struct value v, const struct value *args)
{
	bool unordered;

	return value_compare(r, v, args[0], &unordered) >= 0 && !unordered;
}

static bool test_le(struct render *r, struct value v, const struct value *args)
{
	bool unordered;

	return value_compare(r, v, args[0], &unordered) <= 0 && !unordered;
}

static const struct predicate tests[] = {
	{"defined", 0, 0, test_defined},
	{"undefined", 0, 0, test_undefined},
	{"none", 0, 0, test_none},
	{"boolean", 0, 0, test_boolean},
	{"true", 0, 0, test_true},
	{"false", 0, 0, test_false},
	{"integer", 0, 0, test_integer},
	{"float", 0, 0, test_float},
	{"number", 0, 0, test_number},
	{"string", 0, 0, test_string},
	{"mapping", 0, 0, test_mapping},
	{"sequence", 0, 0, test_sequence},
	{"iterable", 0, 0, test_iterable},
	{"lower", 0, 0, test_lower},
	{"upper", 0, 0, test_upper},
	{"odd", 0, 0, test_odd},
	{"even", 0, 0, test_even},
	{"divisibleby", 1, 1, test_divisibleby},
	{"in", 1, 1, test_in},
	{"eq", 1, 1, test_eq},
	{"equalto", 1, 1, test_eq},
	{"==", 1, 1, test_eq},
	{"ne", 1, 1, test_ne},
	{"!=", 1, 1, test_ne},
	{"gt", 1, 1, test_gt},
	{"greaterthan", 1, 1, test_gt},
	{">", 1, 1, test_gt},
	{"ge", 1, 1, test_ge},
	{">=", 1, 1, test_ge},
	{"lt", 1, 1, test_lt},
	{"lessthan", 1, 1, test_lt},
	{"<", 1, 1, test_lt},
	{"le", 1, 1, test_le},
	{"<=", 1, 1, test_le},
};

const struct predicate *predicate_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (strlen(tests[i].name) == len && !memcmp(tests[i].name, name, len))
			return &tests[i];
	return NULL;
}
