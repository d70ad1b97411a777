/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/utf8.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

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

/* Length of the character at text, 0 if it is none. The second byte's range excludes overlong
 * forms, surrogates and what is beyond U+10FFFF. */
static size_t char_size(const unsigned char *text, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t size;

	if (*text < 0x80)
		return 1;
	if (*text < 0xc2 || *text > 0xf4)
		return 0;
	size = *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
	if (*text == 0xe0)
		low = 0xa0;
	else if (*text == 0xed)
		high = 0x9f;
	else if (*text == 0xf0)
		low = 0x90;
	else if (*text == 0xf4)
		high = 0x8f;
	if (size > len || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

size_t utf8_valid(const char *text, size_t len)
{
	size_t i = 0, size;

	for (; i < len; i += size) {
		size = char_size((const unsigned char *)text + i, len - i);
		if (!size)
			break;
	}
	return i;
}

char *utf8_repair(const char *text, size_t len, size_t *ret_len)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;

	while (len) {
		size_t good = utf8_valid(text, len);

		buf_append(&buf, text, good);
		if (good < len) {
			buf_append_text(&buf, "\xef\xbf\xbd");
			good++;
		}
		text += good;
		len -= good;
	}
	*ret_len = buf.len;
	return buf_take(&buf);
}
