/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/utf8.h"

#include <string.h>

#include "base/alloc.h"

size_t utf8_fit(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return len;
	for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

char *utf8_copy(const char *text, size_t max)
{
	size_t len = utf8_fit(text, max);
	char *copy = xmalloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void utf8_put(char *ret, size_t size, const char *text)
{
	size_t len = utf8_fit(text, size - 1);

	memcpy(ret, text, len);
	ret[len] = '\0';
}
