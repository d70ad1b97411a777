/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/format.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

#define WIDTH_MAX     1000
#define PRECISION_MAX 100

/* One "%…" and where its value comes from. */
struct format {
	struct render *r;
	struct buf *out;
	const char *p, *end;
	struct value values;
	size_t used; /* of a tuple */
	bool safe;
	/* the directive */
	bool left, plus, blank, zero, alternate;
	int width, precision; /* -1 = not told */
};

static void fail_format(struct format *f, const char *what)
{
	render_fail(f->r, JINJA_FAULT_VALUE, "format: %s", what);
}

static struct value next_value(struct format *f)
{
	if (f->values.kind == VALUE_TUPLE) {
		if (f->used < f->values.list->count)
			return value_at(f->r, f->values.list, f->used++);
	} else if (!f->used++) {
		return f->values;
	}
	fail_format(f, "more values are asked for than there are");
	return VALUE_NULL;
}

/* "(name)": the map's member. */
static struct value named_value(struct format *f)
{
	const char *close = memchr(f->p, ')', (size_t)(f->end - f->p));
	struct value found = VALUE_NULL;

	if (!close) {
		fail_format(f, "a name in parentheses is never ended");
		f->p = f->end;
		return found;
	}
	if (f->values.kind != VALUE_MAP)
		fail_format(f, "names in parentheses need a map");
	else if (!value_map_get(f->r, f->values.map,
				value_text(f->p + 1, (size_t)(close - f->p) - 1), &found))
		fail_format(f, "there is no value of that name");
	f->used = 1;
	f->p = close + 1;
	return found;
}

static void read_flags(struct format *f)
{
	for (; f->p < f->end; f->p++) {
		if (*f->p == '-')
			f->left = true;
		else if (*f->p == '+')
			f->plus = true;
		else if (*f->p == ' ')
			f->blank = true;
		else if (*f->p == '0')
			f->zero = true;
		else if (*f->p == '#')
			f->alternate = true;
		else
			return;
	}
}

static int read_number(struct format *f, int max)
{
	struct value v;
	int n = 0;

	if (f->p < f->end && *f->p == '*') {
		f->p++;
		v = next_value(f);
		if (v.kind != VALUE_INT || v.number < 0 || v.number > max)
			fail_format(f, "* needs a small whole number");
		return f->r->failed ? 0 : (int)v.number;
	}
	for (; f->p < f->end && isdigit((unsigned char)*f->p); f->p++)
		if (n <= max)
			n = n * 10 + (*f->p - '0');
	if (n > max)
		fail_format(f, "the width is too large");
	return n <= max ? n : 0;
}

static void put_blanks(struct format *f, int n, char blank)
{
	for (; n > 0 && !f->r->failed; n--)
		render_put(f->r, f->out, &blank, 1);
}

/* `text` with a sign (or 0x) of `sign` bytes first, at the asked width. */
static void put_padded(struct format *f, const char *text, size_t len, size_t sign)
{
	int missing = f->width - (int)ustr_count(text, len);
	bool zero = f->zero && !f->left && sign != SIZE_MAX;

	if (sign == SIZE_MAX)
		sign = 0;
	if (!f->left && !zero)
		put_blanks(f, missing, ' ');
	render_put(f->r, f->out, text, sign);
	if (zero)
		put_blanks(f, missing, '0');
	render_put(f->r, f->out, text + sign, len - sign);
	if (f->left)
		put_blanks(f, missing, ' ');
}

static void put_text(struct format *f, struct value v, bool repr)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	size_t len;

	if (repr)
		value_put_repr(f->r, &b, v);
	else
		value_put_text(f->r, &b, f->safe ? render_escape(f->r, v) : v);
	len = b.len;
	if (f->precision >= 0 && len)
		len = ustr_offset(b.data, len, (size_t)f->precision);
	put_padded(f, b.data ? b.data : "", len, SIZE_MAX);
}

static size_t put_sign(const struct format *f, bool negative, char *text)
{
	text[0] = negative ? '-' : f->plus ? '+' : ' ';
	return negative || f->plus || f->blank;
}

static void put_whole(struct format *f, struct value v, char kind)
{
	char text[2 * PRECISION_MAX + 80];
	const char *format = kind == 'x'   ? "%.*" PRIx64
			     : kind == 'X' ? "%.*" PRIX64
			     : kind == 'o' ? "%.*" PRIo64
					   : "%.*" PRIu64;
	int64_t n = 0;
	size_t sign;

	if (v.kind == VALUE_FLOAT && (kind == 'd' || kind == 'i' || kind == 'u') &&
	    fabs(v.real) < 9.2e18)
		n = (int64_t)v.real;
	else if (v.kind == VALUE_INT || v.kind == VALUE_BOOL)
		n = value_whole(v);
	else if (v.kind == VALUE_FLOAT && isfinite(v.real) && strchr("diu", kind))
		render_fail(f->r, JINJA_FAULT_LIMIT, "whole numbers have at most 63 bits");
	else
		fail_format(f, "a whole number is asked for");
	if (f->r->failed)
		return;
	sign = put_sign(f, n < 0, text);
	if (f->alternate && format[strlen(format) - 1] != 'u')
		sign += (size_t)snprintf(text + sign, 3, "0%c", kind);
	put_padded(f, text,
		   sign + (size_t)snprintf(text + sign, sizeof(text) - sign, format,
					   f->precision < 1 ? 1 : f->precision,
					   n < 0 ? 0 - (uint64_t)n : (uint64_t)n),
		   sign);
}

static void put_real(struct format *f, struct value v, char kind)
{
	char text[PRECISION_MAX + 400], format[8];
	double real;
	size_t sign;

	if (!value_is_number(v)) {
		fail_format(f, "a number is asked for");
		return;
	}
	real = value_real(v);
	sign = put_sign(f, signbit(real) && !isnan(real), text);
	snprintf(format, sizeof(format), "%%%s.*%c", f->alternate ? "#" : "", kind);
	if (f->precision == 0 && (kind == 'g' || kind == 'G'))
		f->precision = 1;
	if (!isfinite(real) && f->zero)
		f->zero = false;
	put_padded(f, text,
		   sign + (size_t)snprintf(text + sign, sizeof(text) - sign, format,
					   f->precision < 0 ? 6 : f->precision, fabs(real)),
		   sign);
}

static void put_character(struct format *f, struct value v)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	if (v.kind == VALUE_TEXT && ustr_count(v.text, v.len) == 1)
		buf_append(&b, v.text, v.len);
	else if (v.kind == VALUE_INT && v.number >= 0 && v.number <= 0x10ffff &&
		 (v.number < 0xd800 || v.number >= 0xe000))
		ustr_put(&b, (uint32_t)v.number);
	else
		fail_format(f, "one character is asked for");
	put_padded(f, b.data ? b.data : "", b.len, SIZE_MAX);
}

static void put_directive(struct format *f)
{
	bool named = f->p < f->end && *f->p == '(';
	struct value v = named ? named_value(f) : VALUE_NULL;
	char kind;

	f->left = f->plus = f->blank = f->zero = f->alternate = false;
	read_flags(f);
	f->width = read_number(f, WIDTH_MAX);
	f->precision = -1;
	if (f->p < f->end && *f->p == '.') {
		f->p++;
		f->precision = read_number(f, PRECISION_MAX);
	}
	while (f->p < f->end && strchr("hlL", *f->p))
		f->p++;
	kind = f->p < f->end ? *f->p++ : '\0';
	if (kind == '%') {
		render_put(f->r, f->out, "%", 1);
		return;
	}
	if (!kind || !strchr("srdiuxXofFeEgGc", kind)) {
		fail_format(f, "unknown letter behind %");
		return;
	}
	if (!named)
		v = next_value(f);
	if (f->r->failed)
		return;
	if (kind == 's' || kind == 'r')
		put_text(f, v, kind == 'r');
	else if (kind == 'c')
		put_character(f, v);
	else if (strchr("fFeEgG", kind))
		put_real(f, v, kind);
	else
		put_whole(f, v, kind);
}

/* What has members may leave some unused, as in CPython. */
static bool uses_all(const struct format *f)
{
	if (f->values.kind == VALUE_TUPLE)
		return f->used == f->values.list->count;
	return f->used || f->values.kind == VALUE_MAP || f->values.kind == VALUE_LIST ||
	       f->values.kind == VALUE_UNDEFINED;
}

struct value format_value(struct render *r, struct value text, struct value values)
{
	CLEANUP_BUF struct buf out = BUF_INIT;
	struct format f = {
		.r = r,
		.out = &out,
		.p = text.text,
		.end = text.text + text.len,
		.values = values,
		.safe = text.safe,
	};
	struct value result;

	while (f.p < f.end && !r->failed) {
		const char *percent = memchr(f.p, '%', (size_t)(f.end - f.p));

		render_put(r, &out, f.p, (size_t)((percent ? percent : f.end) - f.p));
		f.p = percent ? percent + 1 : f.end;
		render_step(r, 1);
		if (percent)
			put_directive(&f);
	}
	if (!r->failed && !uses_all(&f))
		fail_format(&f, "not all values are used");
	result = value_take(r, &out);
	result.safe = text.safe;
	return result;
}
