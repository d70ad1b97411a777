/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic, and what + * % do with texts and lists. */
#include <math.h>

#include "base/jinja/format.h"
#include "base/jinja/lexer.h"
#include "base/jinja/render.h"

static struct value fail_huge(struct render *r)
{
	render_fail(r, JINJA_FAULT_LIMIT, "whole numbers have at most 63 bits");
	return VALUE_NULL;
}

static struct value fail_zero(struct render *r)
{
	render_fail(r, JINJA_FAULT_VALUE, "division by zero");
	return VALUE_NULL;
}

/* ---- numbers ---- */

static struct value power_whole(struct render *r, int64_t base, int64_t exponent)
{
	int64_t result = 1;

	if (exponent < 0)
		return base ? value_float(pow((double)base, (double)exponent)) : fail_zero(r);
	while (exponent) {
		if (exponent & 1 && __builtin_mul_overflow(result, base, &result))
			return fail_huge(r);
		exponent >>= 1;
		if (exponent && __builtin_mul_overflow(base, base, &base))
			return fail_huge(r);
	}
	return value_int(result);
}

/* Rounded towards minus infinity, as Python does. */
static struct value divide_whole(struct render *r, int op, int64_t a, int64_t b)
{
	int64_t quotient, rest;

	if (!b)
		return fail_zero(r);
	if (a == INT64_MIN && b == -1)
		return fail_huge(r);
	quotient = a / b;
	rest = a % b;
	if (rest && (rest < 0) != (b < 0)) {
		quotient--;
		rest += b;
	}
	return value_int(op == '%' ? rest : quotient);
}

static struct value operate_whole(struct render *r, int op, int64_t a, int64_t b)
{
	int64_t result = 0;
	bool huge = false;

	switch (op) {
	case '+':
		huge = __builtin_add_overflow(a, b, &result);
		break;
	case '-':
		huge = __builtin_sub_overflow(a, b, &result);
		break;
	case '*':
		huge = __builtin_mul_overflow(a, b, &result);
		break;
	case '/':
		return b ? value_float((double)a / (double)b) : fail_zero(r);
	case OPERATOR('*', '*'):
		return power_whole(r, a, b);
	default:
		return divide_whole(r, op, a, b);
	}
	return huge ? fail_huge(r) : value_int(result);
}

/* CPython 3.11, float_divmod. */
static struct value divide_real(int op, double a, double b)
{
	double rest = fmod(a, b), quotient = (a - rest) / b, floored;

	if (rest != 0) {
		if ((b < 0) != (rest < 0)) {
			rest += b;
			quotient -= 1;
		}
	} else {
		rest = copysign(0, b);
	}
	if (quotient != 0) {
		floored = floor(quotient);
		if (quotient - floored > 0.5)
			floored += 1;
	} else {
		floored = copysign(0, a / b);
	}
	return value_float(op == '%' ? rest : floored);
}

static struct value power_real(struct render *r, double a, double b)
{
	double result;

	if (a == 0 && b < 0)
		return fail_zero(r);
	result = pow(a, b);
	if (isnan(result) && !isnan(a) && !isnan(b))
		render_fail(r, JINJA_FAULT_UNSUPPORTED, "complex numbers are not supported");
	else if (isinf(result) && isfinite(a) && isfinite(b))
		render_fail(r, JINJA_FAULT_VALUE, "the result is too large");
	return value_float(result);
}

static struct value operate_real(struct render *r, int op, double a, double b)
{
	switch (op) {
	case '+':
		return value_float(a + b);
	case '-':
		return value_float(a - b);
	case '*':
		return value_float(a * b);
	case OPERATOR('*', '*'):
		return power_real(r, a, b);
	}
	if (b == 0)
		return fail_zero(r);
	return op == '/' ? value_float(a / b) : divide_real(op, a, b);
}

/* ---- texts and lists ---- */

static struct value join_texts(struct render *r, struct value a, struct value b)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	bool safe = a.safe || b.safe;
	struct value joined;

	value_put_text(r, &text, safe ? render_escape(r, a) : a);
	value_put_text(r, &text, safe ? render_escape(r, b) : b);
	joined = value_take(r, &text);
	joined.safe = safe;
	return joined;
}

static struct value join_lists(struct render *r, struct value a, struct value b)
{
	struct list *list = value_new_list(r, a.list->count + b.list->count);

	render_step(r, list->count);
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = i < a.list->count ? value_at(r, a.list, i)
						   : value_at(r, b.list, i - a.list->count);
	return value_list(list, (enum value_kind)a.kind);
}

static struct value repeat_text(struct render *r, struct value v, int64_t times)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct value repeated;

	if (v.len)
		for (int64_t i = 0; i < times && !r->failed; i++) {
			render_step(r, 1);
			render_put(r, &text, v.text, v.len);
		}
	repeated = value_take(r, &text);
	repeated.safe = v.safe;
	return repeated;
}

static struct value repeat_list(struct render *r, struct value v, int64_t times)
{
	size_t count = v.list->count;
	struct list *list;

	if (times < 0 || !count)
		times = 0;
	if (times > JINJA_MEMORY_MAX || count > JINJA_MEMORY_MAX)
		times = JINJA_MEMORY_MAX; /* refused by the next line */
	list = value_new_list(r, count * (size_t)times);
	render_step(r, list->count);
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = value_at(r, v.list, i % count);
	return value_list(list, (enum value_kind)v.kind);
}

static struct value repeat(struct render *r, struct value v, struct value times)
{
	return v.kind == VALUE_TEXT ? repeat_text(r, v, value_whole(times))
				    : repeat_list(r, v, value_whole(times));
}

static bool is_repeatable(struct value v)
{
	return v.kind == VALUE_TEXT || value_is_sequence(v);
}

static bool is_whole(struct value v)
{
	return v.kind == VALUE_INT || v.kind == VALUE_BOOL;
}

static struct value operate_other(struct render *r, int op, struct value a, struct value b)
{
	if (op == '+' && a.kind == VALUE_TEXT && b.kind == VALUE_TEXT)
		return join_texts(r, a, b);
	if (op == '+' && a.kind == b.kind && value_is_sequence(a))
		return join_lists(r, a, b);
	if (op == '*' && is_repeatable(a) && is_whole(b))
		return repeat(r, a, b);
	if (op == '*' && is_whole(a) && is_repeatable(b))
		return repeat(r, b, a);
	if (op == '%' && a.kind == VALUE_TEXT)
		return format_value(r, a, b);
	render_fail(r, JINJA_FAULT_VALUE, "%s and %s do not go together with '%s%c'",
		    value_kind_name(a), value_kind_name(b),
		    op == OPERATOR('*', '*')   ? "*"
		    : op == OPERATOR('/', '/') ? "/"
					       : "",
		    op & 0xff);
	return VALUE_NULL;
}

struct value render_binary(struct render *r, int op, struct value a, struct value b)
{
	struct value missing = a.kind == VALUE_UNDEFINED ? a : b;

	if (missing.kind == VALUE_UNDEFINED && !(op == '%' && a.kind == VALUE_TEXT)) {
		render_fail(r, JINJA_FAULT_UNDEFINED, "'%.*s' is undefined", (int)missing.len,
			    missing.text);
		return VALUE_NULL;
	}
	if (!value_is_number(a) || !value_is_number(b))
		return operate_other(r, op, a, b);
	if (a.kind == VALUE_FLOAT || b.kind == VALUE_FLOAT)
		return operate_real(r, op, value_real(a), value_real(b));
	return operate_whole(r, op, value_whole(a), value_whole(b));
}
