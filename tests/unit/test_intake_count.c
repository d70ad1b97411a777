/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of alerts by source and result. */
#include "dispatch/serve/intake_count.h"

#include "tests/unit/test.h"

static struct intake_counts counts;

static uint64_t count_of(const char *source, enum intake_result result)
{
	for (size_t i = 0; i < INTAKE_COUNT_SOURCES; i++)
		if (!strcmp(counts.rows[i].source, source))
			return counts.rows[i].results[result];
	return 0;
}

static void test_each_source_has_its_row(void)
{
	memset(&counts, 0, sizeof(counts));
	intake_count_add(&counts, "a", INTAKE_ACCEPTED);
	intake_count_add(&counts, "b", INTAKE_ACCEPTED);
	intake_count_add(&counts, "a", INTAKE_ACCEPTED);
	intake_count_add(&counts, "a", INTAKE_INVALID);
	check(count_of("a", INTAKE_ACCEPTED) == 2);
	check(count_of("a", INTAKE_INVALID) == 1);
	check(count_of("b", INTAKE_ACCEPTED) == 1);
	check(count_of("", INTAKE_ACCEPTED) == 0);
}

static void test_unknown_names_make_no_rows(void)
{
	memset(&counts, 0, sizeof(counts));
	intake_count_add(&counts, NULL, INTAKE_UNAUTHORIZED);
	intake_count_add(&counts, "", INTAKE_UNAUTHORIZED);
	check(count_of("", INTAKE_UNAUTHORIZED) == 2);
	check(!counts.rows[1].source[0]);
}

static void test_rows_are_bounded(void)
{
	char name[16];

	memset(&counts, 0, sizeof(counts));
	for (int i = 0; i < 2 * INTAKE_COUNT_SOURCES; i++) {
		snprintf(name, sizeof(name), "source%d", i);
		intake_count_add(&counts, name, INTAKE_ACCEPTED);
	}
	check(count_of("source0", INTAKE_ACCEPTED) == 1);
	check(count_of("source62", INTAKE_ACCEPTED) == 1);
	check(count_of("source63", INTAKE_ACCEPTED) == 0);
	check(count_of("", INTAKE_ACCEPTED) == INTAKE_COUNT_SOURCES + 1);
}

int main(void)
{
	test_each_source_has_its_row();
	test_unknown_names_make_no_rows();
	test_rows_are_bounded();
	return 0;
}
