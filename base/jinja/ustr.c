/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/ustr.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jinja/ustr_table.h"

/* ---- characters ---- */

uint32_t ustr_next(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *)*p;
	int more = *s < 0x80 ? 0 : *s < 0xc0 ? -1 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	uint32_t c = more <= 0 ? *s : *s & (0x3fu >> more);

	(*p)++;
	if (more < 0 || end - *p < more)
		return 0xfffd;
	for (; more > 0; more--)
		c = c << 6 | ((unsigned char)*(*p)++ & 0x3f);
	return c;
}

void ustr_put(struct buf *b, uint32_t c)
{
	char s[4];
	int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (int i = n - 1; i > 0; i--, c >>= 6)
		s[i] = (char)(0x80 | (c & 0x3f));
	s[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
	buf_append(b, s, (size_t)n);
}

bool ustr_is_space(uint32_t c)
{
	if (c < 0x80)
		return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool ustr_is_printable(uint32_t c)
{
	size_t low = 0, high = ustr_unprintable_count;

	if (c < 0x7f)
		return c >= 0x20;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (c > ustr_unprintable[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low == ustr_unprintable_count || c < ustr_unprintable[low].first;
}

size_t ustr_space_prefix(const char *text, size_t len)
{
	const char *p = text, *next = text;

	while (next < text + len && ustr_is_space(ustr_next(&next, text + len)))
		p = next;
	return (size_t)(p - text);
}

size_t ustr_space_suffix(const char *text, size_t len)
{
	size_t kept = len;

	while (kept) {
		size_t at = kept - 1;
		const char *p;

		while (at && ((unsigned char)text[at] & 0xc0) == 0x80)
			at--;
		p = text + at;
		if (!ustr_is_space(ustr_next(&p, text + kept)))
			break;
		kept = at;
	}
	return len - kept;
}

size_t ustr_count(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

size_t ustr_offset(const char *text, size_t len, size_t index)
{
	size_t i = 0;
	uint64_t eight;

	/* most texts are ASCII, and looked at eight bytes at a time */
	for (; index >= 8 && len - i >= 8; i += 8, index -= 8) {
		memcpy(&eight, text + i, 8);
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < len && index) {
		for (i++; i < len && ((unsigned char)text[i] & 0xc0) == 0x80; i++)
			;
		index--;
	}
	return i;
}

bool ustr_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *at = *p, *next = at;

	if (at == end)
		return false;
	*line = at;
	while (at < end) {
		uint32_t c = ustr_next(&next, end);

		if ((c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
		    c == 0x2029) {
			if (c == '\r' && next < end && *next == '\n')
				next++;
			break;
		}
		at = next;
	}
	*len = (size_t)(at - *line);
	*p = next;
	return true;
}

/* ---- case ---- */

static uint32_t change_case(const struct ustr_case *table, size_t count, uint32_t c)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (c > table[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || c < table[low].first || (c - table[low].first) % table[low].stride)
		return c;
	return (uint32_t)((int32_t)c + table[low].delta);
}

static const char *special_case(const struct ustr_special *table, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count && table[i].code <= c; i++)
		if (table[i].code == c)
			return table[i].text;
	return NULL;
}

static uint32_t to_upper(uint32_t c)
{
	if (c < 0x80)
		return (uint32_t)toupper((int)c);
	return change_case(ustr_upper, ustr_upper_count, c);
}

static uint32_t to_lower(uint32_t c)
{
	if (c < 0x80)
		return (uint32_t)tolower((int)c);
	return change_case(ustr_lower, ustr_lower_count, c);
}

void ustr_put_upper(struct buf *b, const char *text, size_t len)
{
	for (const char *p = text; p < text + len;) {
		uint32_t c = ustr_next(&p, text + len);
		const char *special =
			c < 0x80 ? NULL
				 : special_case(ustr_upper_special, ustr_upper_special_count, c);

		if (special)
			buf_append_text(b, special);
		else
			ustr_put(b, to_upper(c));
	}
}

/* A sigma that ends a word has a form of its own. */
static bool is_final_sigma(const char *text, const char *sigma, const char *after, const char *end)
{
	uint32_t before = 0, next = 0;

	const char *p = sigma;

	while (p > text && ((unsigned char)*--p & 0xc0) == 0x80)
		;
	if (p < sigma)
		before = ustr_next(&p, sigma);
	if (after < end)
		next = ustr_next(&after, end);
	return before && to_upper(before) != to_lower(before) && to_upper(next) == to_lower(next);
}

void ustr_put_lower(struct buf *b, const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *p = text; p < end;) {
		const char *at = p;
		uint32_t c = ustr_next(&p, end);
		const char *special =
			c < 0x80 ? NULL
				 : special_case(ustr_lower_special, ustr_lower_special_count, c);

		if (special)
			buf_append_text(b, special);
		else if (c == 0x3a3 && is_final_sigma(text, at, p, end))
			ustr_put(b, 0x3c2);
		else
			ustr_put(b, to_lower(c));
	}
}

void ustr_put_capital(struct buf *b, const char *text, size_t len)
{
	const char *p = text, *special;

	if (!len)
		return;
	special = special_case(ustr_title_special, ustr_title_special_count,
			       ustr_next(&p, text + len));
	if (special)
		buf_append_text(b, special);
	else
		ustr_put_upper(b, text, (size_t)(p - text));
	ustr_put_lower(b, p, (size_t)(text + len - p));
}

static bool has_upper(uint32_t c)
{
	return to_upper(c) != c ||
	       special_case(ustr_upper_special, ustr_upper_special_count, c) != NULL;
}

static bool has_lower(uint32_t c)
{
	return to_lower(c) != c ||
	       special_case(ustr_lower_special, ustr_lower_special_count, c) != NULL;
}

/* What has the other case counts, and nothing has this one. */
static bool is_case(const char *text, size_t len, bool (*has_this)(uint32_t),
		    bool (*has_other)(uint32_t))
{
	bool found = false;

	for (const char *p = text; p < text + len;) {
		uint32_t c = ustr_next(&p, text + len);

		if (has_this(c))
			return false;
		found |= has_other(c);
	}
	return found;
}

bool ustr_is_lower(const char *text, size_t len)
{
	return is_case(text, len, has_lower, has_upper);
}

bool ustr_is_upper(const char *text, size_t len)
{
	return is_case(text, len, has_upper, has_lower);
}

/* ---- numbers ---- */

/* The fewest digits that give the same number again: 15 always suffice for what has that many. */
static void shortest(double real, char digits[32], int *exponent)
{
	char text[40], *e;

	for (int n = 15; n <= 17; n++) {
		snprintf(text, sizeof(text), "%.*e", n - 1, real);
		if (n == 17 || strtod(text, NULL) == real)
			break;
	}
	e = strchr(text, 'e');
	*exponent = (int)strtol(e + 1, NULL, 10);
	while (e[-1] == '0')
		e--;
	digits[0] = text[0];
	memcpy(digits + 1, text + 2, (size_t)(e - text) - 1);
	digits[e[-1] == '.' ? 1 : e - text - 1] = '\0';
}

static size_t put_scientific(const char *digits, int exponent, char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%c%s%se%c%02d", digits[0], digits[1] ? "." : "",
				digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
}

static size_t put_plain(const char *digits, int exponent, char *ret, size_t size)
{
	int len = (int)strlen(digits);

	if (exponent < 0)
		return (size_t)snprintf(ret, size, "0.%.*s%s", -exponent - 1, "0000", digits);
	if (exponent >= len - 1)
		return (size_t)snprintf(ret, size, "%s%.*s.0", digits, exponent - len + 1,
					"0000000000000000");
	return (size_t)snprintf(ret, size, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
}

size_t ustr_whole(int64_t number, char text[USTR_WHOLE_SIZE])
{
	char digits[USTR_WHOLE_SIZE];
	uint64_t n = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	size_t len = 0, sign = 0;

	if (number < 0)
		text[sign++] = '-';
	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	for (size_t i = 0; i < len; i++)
		text[sign + i] = digits[len - 1 - i];
	return sign + len;
}

/* "12.050": `decimals` digits of fraction. */
static size_t put_decimal(uint64_t whole, uint64_t fraction, int decimals, char *ret)
{
	size_t len = ustr_whole((int64_t)whole, ret);

	ret[len++] = '.';
	for (int i = decimals - 1; i >= 0; i--, fraction /= 10)
		ret[len + (size_t)i] = (char)('0' + fraction % 10);
	return len + (size_t)decimals;
}

/* Numbers of few decimals without printf: n / 10^k with both exact is the double nearest to that
 * decimal (IEEE 754), so if it is `real`, these are its fewest digits. 0 if there are none such. */
static size_t put_short(double real, char *ret)
{
	static const double units[] = {10, 100, 1000, 10000, 100000, 1000000};

	if (real >= 1e9 || real < 1e-3)
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(units); k++) {
		double n = nearbyint(real * units[k]);
		uint64_t whole = (uint64_t)n, unit = (uint64_t)units[k];

		if (n / units[k] == real)
			return put_decimal(whole / unit, whole % unit, (int)k + 1, ret);
	}
	return 0;
}

size_t ustr_float(double real, char text[USTR_FLOAT_SIZE])
{
	char digits[32];
	int exponent;
	size_t sign = 0, len;

	if (isnan(real))
		return (size_t)snprintf(text, USTR_FLOAT_SIZE, "nan");
	if (signbit(real))
		text[sign++] = '-';
	real = fabs(real);
	if (isinf(real))
		return sign + (size_t)snprintf(text + sign, USTR_FLOAT_SIZE - sign, "inf");
	len = put_short(real, text + sign);
	if (len)
		return sign + len;
	shortest(real, digits, &exponent);
	return sign + (exponent < -4 || exponent >= 16 ? put_scientific : put_plain)(
			      digits, exponent, text + sign, USTR_FLOAT_SIZE - sign);
}

/* Copies a number's text without blanks around it and single underscores between digits. */
static bool plain_number(const char *text, size_t len, char *ret, size_t size)
{
	size_t skip = ustr_space_prefix(text, len), n = 0;

	text += skip;
	len -= skip;
	len -= ustr_space_suffix(text, len);
	if (!len || len >= size)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '_') {
			if (!i || !isxdigit((unsigned char)text[i - 1]) || i + 1 == len ||
			    !isxdigit((unsigned char)text[i + 1]))
				return false;
			continue;
		}
		if (!text[i] || text[i] & 0x80)
			return false;
		ret[n++] = text[i];
	}
	ret[n] = '\0';
	return true;
}

/* Behind sign and prefix ("0x" with base 16 or 0); sets the base. NULL if it is no number. */
static const char *number_digits(const char *p, int *base)
{
	int prefix = 0;

	if (p[0] == '0' && p[1])
		prefix = tolower(p[1]) == 'x'	? 16
			 : tolower(p[1]) == 'o' ? 8
			 : tolower(p[1]) == 'b' ? 2
						: 0;
	if (prefix && (*base == prefix || !*base)) {
		*base = prefix;
		p += 2;
	} else if (!*base) {
		*base = 10;
		if (*p == '0' && strspn(p, "0") != strlen(p))
			return NULL;
	}
	return isalnum((unsigned char)*p) ? p : NULL;
}

bool ustr_parse_int(const char *text, size_t len, int base, int64_t *ret, bool *huge)
{
	char number[400], *end;
	const char *digits;
	bool negative;
	uint64_t n;

	*huge = false;
	if (!plain_number(text, len, number, sizeof(number)) || base == 1 || base < 0 || base > 36)
		return false;
	negative = number[0] == '-';
	digits = number_digits(number + (negative || number[0] == '+'), &base);
	if (!digits)
		return false;
	errno = 0;
	n = strtoull(digits, &end, base);
	/* strtoull takes "0x" by itself */
	if (*end || (base == 16 && digits[0] == '0' && tolower(digits[1]) == 'x'))
		return false;
	*huge = errno || n > (uint64_t)INT64_MAX;
	if (*huge)
		return false;
	*ret = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

bool ustr_parse_float(const char *text, size_t len, double *ret)
{
	static const char *const words[] = {"inf", "infinity", "nan"};
	char number[400], *end;
	const char *p = number;

	if (!plain_number(text, len, number, sizeof(number)))
		return false;
	p += *p == '-' || *p == '+';
	for (size_t i = 0; !isdigit((unsigned char)*p) && *p != '.'; i++) {
		if (i == ARRAY_SIZE(words))
			return false;
		if (!strcasecmp(p, words[i]))
			break;
	}
	if (isdigit((unsigned char)*p) || *p == '.')
		if (strspn(p, "0123456789.eE+-") != strlen(p))
			return false;
	*ret = strtod(number, &end);
	return end != number && !*end;
}
