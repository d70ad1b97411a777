/* SPDX-License-Identifier: Apache-2.0 */
/* Filters about numbers, sizes and times. datetimeformat, durationformat and bytesformat are ours.
 */
#include <math.h>
#include <time.h>

#include "base/clock.h"
#include "base/jinja/filters.h"
#include "base/jinja/lexer.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

static void fail_undefined(struct render *r, struct value v)
{
	render_fail(r, JINJA_FAULT_UNDEFINED, "'%.*s' is undefined", (int)v.len, v.text);
}

/* ---- conversion ---- */

static struct value int_of_real(struct render *r, double real, struct value missing)
{
	if (isnan(real))
		return missing;
	if (fabs(real) >= 9.2e18)
		render_fail(r, JINJA_FAULT_LIMIT, "whole numbers have at most 63 bits");
	return r->failed ? missing : value_int((int64_t)real);
}

static struct value int_of_text(struct render *r, struct value v, int base, struct value missing)
{
	int64_t whole;
	double real;
	bool huge;

	if (ustr_parse_int(v.text, v.len, base, &whole, &huge))
		return value_int(whole);
	if (huge)
		render_fail(r, JINJA_FAULT_LIMIT, "whole numbers have at most 63 bits");
	return ustr_parse_float(v.text, v.len, &real) ? int_of_real(r, real, missing) : missing;
}

static struct value filter_int(struct render *r, struct value v, const struct value *args)
{
	struct value missing = args[0].kind == VALUE_ABSENT ? value_int(0) : args[0];
	int64_t base = argument_int(r, &args[1], 10);

	switch ((enum value_kind)v.kind) {
	case VALUE_UNDEFINED:
		fail_undefined(r, v);
		return missing;
	case VALUE_BOOL:
	case VALUE_INT:
		return value_int(value_whole(v));
	case VALUE_FLOAT:
		return int_of_real(r, v.real, missing);
	case VALUE_TEXT:
		return int_of_text(r, v, base >= 0 && base <= 36 ? (int)base : 1, missing);
	default:
		return missing;
	}
}

static struct value filter_float(struct render *r, struct value v, const struct value *args)
{
	struct value missing = args[0].kind == VALUE_ABSENT ? value_float(0) : args[0];
	double real;

	if (v.kind == VALUE_UNDEFINED)
		fail_undefined(r, v);
	if (value_is_number(v))
		return value_float(value_real(v));
	if (v.kind == VALUE_TEXT && ustr_parse_float(v.text, v.len, &real))
		return value_float(real);
	return missing;
}

static struct value filter_abs(struct render *r, struct value v, const struct value *args)
{
	(void)args;
	if (v.kind == VALUE_UNDEFINED)
		fail_undefined(r, v);
	else if (!value_is_number(v))
		render_fail(r, JINJA_FAULT_VALUE, "abs: a number is expected, not %s",
			    value_kind_name(v));
	if (r->failed)
		return v;
	if (v.kind == VALUE_FLOAT)
		return value_float(fabs(v.real));
	if (value_whole(v) >= 0)
		return value_int(value_whole(v));
	return render_binary(r, '-', value_int(0), v);
}

/* ---- round ---- */

/* To `digits` decimals, ties by the exact binary value, as Python's round(). */
static double round_real(double real, int64_t digits)
{
	static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
	char text[700];

	if (!isfinite(real) || digits > 323)
		return real;
	if (digits < -308)
		return copysign(0, real);
	if (digits < 0) {
		double unit = pow(10, (double)-digits);

		return nearbyint(real / unit) * unit;
	}
	if ((size_t)digits < ARRAY_SIZE(powers)) {
		double unit = powers[digits], scaled = real * unit, whole = nearbyint(scaled);

		/* far from a tie, and both exact: the division gives the nearest double */
		if (fabs(scaled) < 1e12 && fabs(fabs(scaled - whole) - 0.5) > 0.01)
			return copysign(whole / unit, real);
	}
	snprintf(text, sizeof(text), "%.*f", (int)digits, real);
	return strtod(text, NULL);
}

/* Python rounds whole numbers to even multiples of a power of ten. */
static struct value round_whole(struct render *r, int64_t whole, int64_t digits)
{
	int64_t unit = 1, rest;

	if (digits >= 0)
		return value_int(whole);
	if (digits < -18)
		return value_int(0);
	while (digits++)
		unit *= 10;
	rest = whole % unit;
	whole -= rest;
	if (llabs(rest) * 2 > unit || (llabs(rest) * 2 == unit && whole / unit % 2))
		return render_binary(r, '+', value_int(whole), value_int(rest < 0 ? -unit : unit));
	return value_int(whole);
}

/* func(value * 10**digits) / 10**digits */
static struct value round_towards(struct render *r, struct value v, int64_t digits,
				  double (*towards)(double))
{
	struct value unit = render_binary(r, OPERATOR('*', '*'), value_int(10), value_int(digits));
	struct value scaled = render_binary(r, '*', v, unit);

	if (r->failed)
		return v;
	if (scaled.kind == VALUE_FLOAT) {
		if (!isfinite(scaled.real))
			render_fail(r, JINJA_FAULT_VALUE, "round: the number is not finite");
		/* Python's are whole numbers, which have no negative zero */
		scaled = value_float(towards(scaled.real) + 0.0);
	}
	return render_binary(r, '/', scaled, unit);
}

static struct value filter_round(struct render *r, struct value v, const struct value *args)
{
	int64_t digits = argument_int(r, &args[0], 0);
	struct value method = argument_text(r, &args[1], "common");
	bool ceiling = method.len == 4 && !memcmp(method.text, "ceil", 4);

	if (v.kind == VALUE_UNDEFINED)
		fail_undefined(r, v);
	else if (!value_is_number(v))
		render_fail(r, JINJA_FAULT_VALUE, "round: a number is expected, not %s",
			    value_kind_name(v));
	if (r->failed)
		return v;
	if (method.len == 6 && !memcmp(method.text, "common", 6))
		return v.kind == VALUE_FLOAT ? value_float(round_real(v.real, digits))
					     : round_whole(r, value_whole(v), digits);
	if (!ceiling && (method.len != 5 || memcmp(method.text, "floor", 5))) {
		render_fail(r, JINJA_FAULT_VALUE, "round: common, ceil or floor is expected");
		return v;
	}
	return round_towards(r, v, digits, ceiling ? ceil : floor);
}

static struct value filter_sum(struct render *r, struct value v, const struct value *args)
{
	const struct list *list = value_iterate(r, v);
	struct value sum = args[1].kind == VALUE_ABSENT ? value_int(0) : args[1];

	if (sum.kind == VALUE_TEXT)
		render_fail(r, JINJA_FAULT_VALUE, "sum: texts are joined with join");
	for (size_t i = 0; i < list->count && !r->failed; i++) {
		struct value item = value_at(r, list, i);

		if (args[0].kind != VALUE_ABSENT && args[0].kind != VALUE_NONE)
			item = render_path(r, item, args[0]);
		sum = render_binary(r, '+', sum, item);
	}
	return sum;
}

/* ---- sizes ---- */

/* float(value), or a fault. */
static double number_of(struct render *r, struct value v, const char *filter)
{
	double real = 0;

	if (value_is_number(v))
		return value_real(v);
	if (v.kind != VALUE_TEXT || !ustr_parse_float(v.text, v.len, &real))
		render_fail(r, JINJA_FAULT_VALUE, "%s: a number is expected, not %s", filter,
			    value_kind_name(v));
	return real;
}

static struct value filter_filesizeformat(struct render *r, struct value v,
					  const struct value *args)
{
	static const char letters[] = "kMGTPEZY";
	bool binary = argument_truth(r, &args[0]);
	double bytes = number_of(r, v, "filesizeformat"), base = binary ? 1024 : 1000, unit;
	char text[400];
	int i = 0;

	if (bytes == 1)
		return value_text("1 Byte", 6);
	if (isnan(bytes) || bytes == INFINITY) { /* beyond every unit */
		snprintf(text, sizeof(text), "%s Y%s", isnan(bytes) ? "nan" : "inf",
			 binary ? "iB" : "B");
		return value_copy_text(r, text, strlen(text));
	}
	if (isinf(bytes))
		render_fail(r, JINJA_FAULT_VALUE, "filesizeformat: the number is not finite");
	if (bytes < base) {
		snprintf(text, sizeof(text), "%.0f Bytes", trunc(bytes) + 0.0);
		return value_copy_text(r, text, strlen(text));
	}
	for (unit = base * base; i < 7 && bytes >= unit; i++)
		unit *= base;
	snprintf(text, sizeof(text), "%.1f %c%s", base * bytes / unit,
		 binary && !i ? 'K' : letters[i], binary ? "iB" : "B");
	return value_copy_text(r, text, strlen(text));
}

/* Ours: as filesizeformat, but nothing for what is unknown and 1024 by default. */
static struct value filter_bytesformat(struct render *r, struct value v, const struct value *args)
{
	struct value binary = args[0].kind == VALUE_ABSENT ? value_bool(true) : args[0];

	if (v.kind == VALUE_UNDEFINED || v.kind == VALUE_NONE || (v.kind == VALUE_TEXT && !v.len))
		return value_text("", 0);
	return filter_filesizeformat(r, v, &binary);
}

/* ---- times ---- */

/* "+08:00", "-0330", "Z" → seconds east of Greenwich. */
static bool parse_zone(struct value zone, int *ret)
{
	const char *p = zone.text;
	int n[4], count = 0;

	if (zone.len == 1 && *p == 'Z') {
		*ret = 0;
		return true;
	}
	if (!zone.len || (*p != '+' && *p != '-'))
		return false;
	for (uint32_t i = 1; i < zone.len; i++) {
		if (p[i] == ':' && count == 2)
			continue;
		if (p[i] < '0' || p[i] > '9' || count == 4)
			return false;
		n[count++] = p[i] - '0';
	}
	if (count != 4 || n[0] * 10 + n[1] > 14 || n[2] > 5)
		return false;
	*ret = (n[0] * 10 + n[1]) * 3600 + (n[2] * 10 + n[3]) * 60;
	*ret = *p == '-' ? -*ret : *ret;
	return true;
}

static void put_zone(struct buf *b, int zone)
{
	buf_printf(b, "%c%02d%02d", zone < 0 ? '-' : '+', abs(zone) / 3600, abs(zone) / 60 % 60);
}

/* strftime(3) in the C locale, for the letters that need no clock and no zone file. */
static void put_time(struct render *r, struct buf *b, struct value format, int64_t ns, int zone)
{
	time_t seconds = (time_t)(ns / DUR_S) + zone;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	for (uint32_t i = 0; i < format.len && !r->failed; i++) {
		char letter = i + 1 < format.len ? format.text[i + 1] : '\0', pattern[3], text[64];

		if (format.text[i] != '%') {
			render_put(r, b, &format.text[i], 1);
			continue;
		}
		i++;
		if (letter == 'z') {
			put_zone(b, zone);
		} else if (letter == 'f') {
			buf_printf(b, "%06d", (int)(ns % DUR_S / 1000));
		} else if (letter && strchr("YmdHMSyjaAbBeIpFTR%", letter)) {
			snprintf(pattern, sizeof(pattern), "%%%c", letter);
			strftime(text, sizeof(text), pattern, &tm);
			render_put_text(r, b, text);
		} else {
			render_fail(
				r, JINJA_FAULT_VALUE,
				"datetimeformat: one of %%Y %%m %%d %%H %%M %%S %%y %%j %%a %%A "
				"%%b %%B %%e %%I %%p %%F %%T %%R %%f %%z %%%% is expected");
		}
	}
}

/* RFC 3339 text or seconds since 1970. */
static int64_t time_of(struct render *r, struct value v)
{
	char text[WALL_TEXT_SIZE + 24];
	double seconds;
	wall_t wall;

	if (v.kind == VALUE_TEXT && v.len < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)v.len, v.text);
		if (!wall_parse(text, &wall))
			return wall.ns;
	}
	seconds = number_of(r, v, "datetimeformat: a time");
	if (!(seconds >= 0 && seconds < 9e9)) {
		render_fail(r, JINJA_FAULT_VALUE, "datetimeformat: seconds since 1970 expected");
		return 0;
	}
	return (int64_t)(seconds * 1e6) * 1000;
}

static struct value filter_datetimeformat(struct render *r, struct value v,
					  const struct value *args)
{
	struct value format = argument_text(r, &args[0], "%Y-%m-%d %H:%M:%S");
	struct value zone = argument_text(r, &args[1], "Z");
	CLEANUP_BUF struct buf b = BUF_INIT;
	int east = 0;

	if (v.kind == VALUE_UNDEFINED || v.kind == VALUE_NONE || (v.kind == VALUE_TEXT && !v.len))
		return value_text("", 0);
	if (!parse_zone(zone, &east))
		render_fail(r, JINJA_FAULT_VALUE,
			    "datetimeformat: a zone like '+08:00' or 'Z' is expected");
	put_time(r, &b, format, time_of(r, v), east);
	return value_take(r, &b);
}

/* Seconds → "1h30m". */
static struct value filter_durationformat(struct render *r, struct value v,
					  const struct value *args)
{
	char text[DUR_TEXT_SIZE];
	double seconds;

	(void)args;
	if (v.kind == VALUE_UNDEFINED || v.kind == VALUE_NONE || (v.kind == VALUE_TEXT && !v.len))
		return value_text("", 0);
	seconds = number_of(r, v, "durationformat");
	if (!(fabs(seconds) < 9e9)) {
		render_fail(r, JINJA_FAULT_VALUE, "durationformat: the number is too large");
		return VALUE_NULL;
	}
	if (seconds >= 1)
		seconds = floor(seconds);
	dur_format((dur_t)(seconds * 1e3) * DUR_MS, text);
	return value_copy_text(r, text, strlen(text));
}

const struct filter filters_number[] = {
	{"int", "default base", 0, filter_int},
	{"float", "default", 0, filter_float},
	{"abs", "", 0, filter_abs},
	{"round", "precision method", 0, filter_round},
	{"sum", "attribute start", 0, filter_sum},
	{"filesizeformat", "binary", 0, filter_filesizeformat},
	{"bytesformat", "binary", 0, filter_bytesformat},
	{"datetimeformat", "format zone", 0, filter_datetimeformat},
	{"durationformat", "", 0, filter_durationformat},
	{0},
};
