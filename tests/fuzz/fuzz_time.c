/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as senders and people write them. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/fuzz/fuzz.h"

static void check_wall(const char *text)
{
	char plain[WALL_TEXT_SIZE];
	wall_t t = {7}, again;
	int r = wall_parse(text, &t);

	fuzz_check(r == 0 || r == -EINVAL);
	if (r)
		fuzz_check(t.ns == 7);
	wall_format(t, plain);
	if (!wall_known(t)) {
		fuzz_check(!*plain);
		return;
	}
	fuzz_check(!wall_parse(plain, &again));
	fuzz_check(t.ns == again.ns);
}

static void check_dur(const char *text)
{
	char plain[DUR_TEXT_SIZE];
	dur_t d = 7, again;
	int r = dur_parse(text, &d);

	fuzz_check(r == 0 || r == -EINVAL);
	fuzz_check(d >= 0);
	if (r)
		fuzz_check(d == 7);
	dur_format(d, plain);
	fuzz_check(!dur_parse(plain, &again));
	fuzz_check(d == again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	CLEANUP_FREE char *text = fuzz_take_text(&input);

	check_wall(text);
	check_dur(text);
	return 0;
}
