/* SPDX-License-Identifier: Apache-2.0 */
/* What the API, or somebody in its place, says, on its way to a terminal. */
#include <locale.h>

#include "base/json.h"
#include "cli/text.h"
#include "tests/fuzz/fuzz.h"

/* One line without anything a terminal obeys or that turns text around. */
static void check_clean(const char *text)
{
	static const char *const turning[] = {
		"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d",
		"\u202e", "\u2028", "\u2029", "\u2066", "\u2067", "\u2068", "\u2069",
	};

	fuzz_check(fuzz_is_utf8(text));
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		fuzz_check(*p >= 0x20 && *p != 0x7f && (*p != 0xc2 || p[1] >= 0xa0));
	for (size_t i = 0; i < sizeof(turning) / sizeof(turning[0]); i++)
		fuzz_check(!strstr(text, turning[i]));
	fuzz_check(text_width(text) <= 2 * strlen(text));
}

static void check_members(const json_t *json)
{
	static const char *const paths[] = {"a", "a.b", "", ".", "a..b"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CLEANUP_FREE char *text = text_format_member(json, paths[i]);

		fuzz_check(*text);
		check_clean(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	CLEANUP_FREE char *text = fuzz_take_text(&input), *clean = NULL, *again = NULL;
	CLEANUP_JSON json_t *json = NULL;

	setlocale(LC_CTYPE, "C.UTF-8");
	clean = text_format_clean(text);
	check_clean(clean);
	again = text_format_clean(clean);
	fuzz_check(!strcmp(clean, again));
	if (!json_parse((const char *)data, size, JSON_BYTES_MAX, &json, NULL))
		check_members(json);
	return 0;
}
