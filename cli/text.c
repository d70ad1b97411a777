/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

/* The characters that reorder what stands around them (Unicode's bidirectional controls). */
static bool is_directional(wchar_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static bool is_shown(wchar_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
		return false;
	/* the C library's C.UTF-8 lets through what is no character */
	if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return false;
	return !is_directional(c);
}

char *text_format_clean(const char *text)
{
	CLEANUP_BUF struct buf out = BUF_INIT;
	mbstate_t state = {0};
	size_t left = strlen(text);

	while (left) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);

		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			n = 1;
		} else if (is_shown(c)) {
			buf_append(&out, text, n);
		} else if (c == '\n' || c == '\t') {
			buf_append_text(&out, " ");
		}
		text += n;
		left -= n;
	}
	return buf_take(&out);
}

size_t text_width(const char *text)
{
	mbstate_t state = {0};
	size_t left = strlen(text), width = 0;

	while (left) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		int columns;

		if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
			return width + left;
		columns = wcwidth(c);
		width += columns > 0 ? (size_t)columns : 0;
		text += n;
		left -= n;
	}
	return width;
}

const char *text_format_bytes(uint64_t bytes, char text[TEXT_BYTES_SIZE])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(text, TEXT_BYTES_SIZE, "%" PRIu64 " B", bytes);
		return text;
	}
	for (; value >= 1023.95 && unit < 5; unit++)
		value /= 1024;
	snprintf(text, TEXT_BYTES_SIZE, "%.1f %s", value, units[unit]);
	return text;
}

const json_t *text_find_member(const json_t *object, const char *path)
{
	while (object && *path) {
		size_t len = strcspn(path, ".");
		CLEANUP_FREE char *key = xasprintf("%.*s", (int)len, path);

		object = json_object_get(object, key);
		path += len + (path[len] == '.');
	}
	return object;
}

/* A time loses its fraction; any other text is only cleaned. */
static char *format_text(const char *text)
{
	CLEANUP_FREE char *clean = text_format_clean(text);
	char stamp[WALL_TEXT_SIZE];
	wall_t t;

	if (!*clean)
		return xstrdup("-");
	if (strlen(text) < 20 || text[10] != 'T' || wall_parse(text, &t))
		return take_ptr(clean);
	if (!wall_known(t))
		return xstrdup("-");
	wall_format(t, stamp);
	return xasprintf("%.19sZ", stamp);
}

static char *format_value(const json_t *value);

static char *format_array(const json_t *array)
{
	CLEANUP_BUF struct buf out = BUF_INIT;
	const json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		CLEANUP_FREE char *text = format_value(item);

		buf_printf(&out, "%s%s", i ? "," : "", text);
	}
	return out.len ? buf_take(&out) : xstrdup("-");
}

static char *format_value(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return format_text(json_string_value(value));
	case JSON_INTEGER:
		return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL:
		return xasprintf("%.3f", json_real_value(value));
	case JSON_TRUE:
		return xstrdup("yes");
	case JSON_FALSE:
		return xstrdup("no");
	case JSON_ARRAY:
		return format_array(value);
	case JSON_OBJECT:
	case JSON_NULL:
		break;
	}
	return xstrdup("-");
}

char *text_format_member(const json_t *object, const char *path)
{
	return format_value(text_find_member(object, path));
}

void text_complain(const char *format, ...)
{
	CLEANUP_FREE char *raw = NULL;
	CLEANUP_FREE char *clean = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&raw, format, ap);
	va_end(ap);
	if (n < 0) {
		raw = NULL;
		return;
	}
	clean = text_format_clean(raw);
	fprintf(stderr, "ringbell: %s\n", clean);
}
