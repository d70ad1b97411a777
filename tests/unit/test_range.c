/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/range.h"

#include "tests/unit/test.h"

static void expect(const char *header, uint64_t size, uint64_t from, uint64_t to)
{
	struct range range = {0};

	check_int(range_parse(header, size, &range), 0);
	check_int(range.from, from);
	check_int(range.to, to);
}

static void expect_outcome(const char *header, uint64_t size, int outcome)
{
	struct range range;

	check_int(range_parse(header, size, &range), outcome);
}

int main(void)
{
	expect("bytes=0-0", 10, 0, 1);
	expect("bytes=2-4", 10, 2, 5);
	expect("bytes=2-", 10, 2, 10);
	expect("BYTES=2-", 10, 2, 10);
	expect("bytes=9-99999", 10, 9, 10);
	expect("bytes=-3", 10, 7, 10);
	expect("bytes=-30", 10, 0, 10);
	expect("bytes=0-18446744073709551615", 10, 0, 10);
	expect("bytes=0-99999999999999999999999", 10, 0, 10);

	expect_outcome("bytes=10-", 10, RANGE_UNSATISFIABLE);
	expect_outcome("bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE);
	expect_outcome("bytes=-0", 10, RANGE_UNSATISFIABLE);
	expect_outcome("bytes=0-", 0, RANGE_UNSATISFIABLE);
	expect_outcome("bytes=-5", 0, RANGE_UNSATISFIABLE);

	expect_outcome(NULL, 10, RANGE_WHOLE);
	expect_outcome("", 10, RANGE_WHOLE);
	expect_outcome("bytes=", 10, RANGE_WHOLE);
	expect_outcome("bytes=-", 10, RANGE_WHOLE);
	expect_outcome("bytes=4-2", 10, RANGE_WHOLE);
	expect_outcome("bytes=1-2,4-5", 10, RANGE_WHOLE);
	expect_outcome("bytes=1-2x", 10, RANGE_WHOLE);
	expect_outcome("bytes=+1-2", 10, RANGE_WHOLE);
	expect_outcome("packets=1-2", 10, RANGE_WHOLE);
	return 0;
}
