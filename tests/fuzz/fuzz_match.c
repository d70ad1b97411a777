/* SPDX-License-Identifier: Apache-2.0 */
/* A structured filter as a client writes it. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "policy/match_bpf.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 20000

/* Read, shown, read again: one filter, one text. */
static void check_again(const struct match *match)
{
	CLEANUP_JSON json_t *json = match_format(match), *later = NULL;
	struct match again = {0};
	struct error err;

	fuzz_check(!match_read(&again, json, "", &err));
	fuzz_check(match_equal(match, &again));
	later = match_format(&again);
	fuzz_check(json_equal(json, later));
	fuzz_check(!match_excludes(match, &again) || match_excludes(&again, match));
	match_fini(&again);
}

static void check_bpf(const struct match *match)
{
	static const uint32_t link_types[] = {1, 101};

	for (int i = 0; i < 2; i++) {
		CLEANUP_BUF struct buf text = BUF_INIT;
		int r = match_bpf_format(match, link_types[i], TEXT_MAX, &text);

		fuzz_check(r >= 0 && text.len <= TEXT_MAX);
		fuzz_check(!r || !text.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_JSON json_t *json = NULL;
	struct match match = {0}, nothing = {0};
	struct error err = {0};

	if (json_parse((const char *)data, size, 1 << 20, &json, NULL))
		return 0;
	if (match_read(&match, json, "/match", &err)) {
		fuzz_check_error(&err);
		fuzz_check(match_equal(&match, &nothing));
		return 0;
	}
	check_again(&match);
	check_bpf(&match);
	match_fini(&match);
	return 0;
}
