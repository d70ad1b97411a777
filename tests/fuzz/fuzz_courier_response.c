/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint answers: two bytes of status, one of how much room the excerpt has, then bytes
 * that are both its Retry-After and its body. */
#include "base/cleanup.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/verdict.h"
#include "tests/fuzz/fuzz.h"

static const wall_t now = {1700000000 * DUR_S};

static void check_verdict(unsigned status, const char *retry_after)
{
	struct verdict v = verdict_on_status(status, retry_after, now);
	int64_t ms = verdict_parse_retry_after(retry_after, now);

	fuzz_check(ms >= 0 && ms <= VERDICT_RETRY_AFTER_MAX / DUR_MS);
	fuzz_check(v.retry_after_ms == 0 || v.retry_after_ms == ms);
	fuzz_check((v.verdict == VERDICT_DELIVERED) == (status >= 200 && status <= 299));
	fuzz_check((v.step == COURIER_STEP_NONE) == (v.verdict == VERDICT_DELIVERED));
	fuzz_check(!v.retry_after_ms || v.verdict == VERDICT_RETRY);
	v = verdict_on_failure((int)status, COURIER_STEP_CONNECT);
	fuzz_check(v.verdict != VERDICT_DELIVERED && v.step != COURIER_STEP_NONE);
}

/* One line, UTF-8, nothing a terminal obeys; what is clean stays as it is. */
static void check_excerpt(const struct fuzz_input *body, size_t room)
{
	CLEANUP_FREE char *text = xmalloc(room), *again = xmalloc(room);

	excerpt_format(body->data, body->size, text, room);
	fuzz_check(strnlen(text, room) < room);
	fuzz_check(fuzz_is_utf8(text));
	for (const unsigned char *p = (unsigned char *)text; *p; p++)
		fuzz_check(*p >= 0x20 && *p != 0x7f && (*p != 0xc2 || p[1] >= 0xa0));
	excerpt_format(text, strlen(text), again, room);
	fuzz_check(!strcmp(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size}, text;
	unsigned status = (unsigned)fuzz_take(&input, 2);
	size_t room = 8 + fuzz_take(&input, 1);
	CLEANUP_FREE char *retry_after = NULL;

	text = input;
	retry_after = fuzz_take_text(&text);
	check_verdict(status, retry_after);
	check_excerpt(&input, room);
	return 0;
}
