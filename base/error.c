/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the well-formed UTF-8 character at p (RFC 3629), 0 if there is none. */
static size_t character_size(const unsigned char *p)
{
	static const struct {
		unsigned char first, last, second_min, second_max, size;
	} forms[] = {
		{0x01, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t n = 2; n < forms[i].size; n++)
			if ((p[n] & 0xc0) != 0x80)
				return 0;
		return forms[i].size;
	}
	return 0;
}

/* Takes out what is no UTF-8: the person's own bytes, and characters that a bound cut in two. */
static void drop_broken(char *text)
{
	char *out = text;

	while (*text) {
		size_t size = character_size((const unsigned char *)text);

		memmove(out, text, size);
		out += size;
		text += size ? size : 1;
	}
	*out = '\0';
}

int error_set(struct error *err, const char *code, const char *field, const char *format, ...)
{
	va_list ap;

	if (!err)
		return -EINVAL;
	snprintf(err->code, sizeof(err->code), "%s", code);
	snprintf(err->field, sizeof(err->field), "%s", field);
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	drop_broken(err->field);
	drop_broken(err->text);
	return -EINVAL;
}

void bug_fatal(const char *file, int line, const char *what)
{
	fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
	abort();
}
