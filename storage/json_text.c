/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/json_text.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"

/* Length of the UTF-8 sequence that p begins with by its first byte; 0 = none can begin so. */
static size_t sequence_size(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* jansson is the judge of what is valid: overlong forms and surrogates too. */
static size_t valid_size(const char *p, size_t left)
{
	size_t n = sequence_size((unsigned char)*p);
	json_t *json = n && n <= left ? json_stringn(p, n) : NULL;

	if (!json)
		return 0;
	json_decref(json);
	return n;
}

static json_t *replace_invalid(const char *text, size_t size)
{
	CLEANUP_BUF struct buf out = BUF_INIT;
	json_t *json;

	for (size_t i = 0; i < size;) {
		size_t n = valid_size(text + i, size - i);

		if (n)
			buf_append(&out, text + i, n);
		else
			buf_append_text(&out, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	json = json_stringn(out.data, out.len);
	bug_on(!json);
	return json;
}

json_t *json_text_sized(const char *text, size_t size)
{
	json_t *json = json_stringn(text, size);

	return json ? json : replace_invalid(text, size);
}

json_t *json_text(const char *text)
{
	return json_text_sized(text, strlen(text));
}

json_t *json_wall(wall_t wall)
{
	char text[WALL_TEXT_SIZE];

	return wall_known(wall) ? json_string(wall_format(wall, text)) : json_null();
}

json_t *json_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}
