/* SPDX-License-Identifier: Apache-2.0 */
/* The Range header: 8 bytes of body size, then the header. */
#include <inttypes.h>

#include "base/cleanup.h"
#include "dispatch/serve/range.h"
#include "tests/fuzz/fuzz.h"

/* What was found, asked for again in the plainest form, is found again. */
static void check_again(const struct range *range, uint64_t size)
{
	struct range again = {0};
	char text[64];

	snprintf(text, sizeof(text), "bytes=%" PRIu64 "-%" PRIu64, range->from, range->to - 1);
	fuzz_check(!range_parse(text, size, &again));
	fuzz_check(again.from == range->from && again.to == range->to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint64_t body = fuzz_take(&input, 8);
	CLEANUP_FREE char *header = fuzz_take_text(&input);
	struct range range = {1, 0};
	int r = range_parse(header, body, &range);

	fuzz_check(r == 0 || r == RANGE_WHOLE || r == RANGE_UNSATISFIABLE);
	if (r) {
		fuzz_check(range.from == 1 && range.to == 0);
		return 0;
	}
	fuzz_check(range.from < range.to && range.to <= body);
	check_again(&range, body);
	return 0;
}
