/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

static void test_wall_parse(void)
{
	char text[WALL_TEXT_SIZE];
	wall_t t;

	check(!wall_parse("2023-11-14T22:13:20Z", &t));
	check_int(t.ns, 1700000000 * DUR_S);
	check(!wall_parse("2023-11-15T06:13:20.000000001+08:00", &t));
	check_int(t.ns, 1700000000 * DUR_S + 1);
	check_text(wall_format(t, text), "2023-11-14T22:13:20.000000001Z");
	check_text(wall_format_compact(t, text), "20231114T221320.000Z");
	check(!wall_parse("0001-01-01T00:00:00Z", &t));
	check(!wall_known(t));
	check(wall_parse("2023-11-14T22:13:20", &t) < 0);
	check(wall_parse("2023-13-14T22:13:20Z", &t) < 0);
	check(wall_parse("2023-11-14T22:13:20.Z", &t) < 0);
	check(wall_parse("yesterday", &t) < 0);
}

static void test_dur(void)
{
	char text[DUR_TEXT_SIZE];
	dur_t d;

	check(!dur_parse("1h30m", &d));
	check_int(d, 90 * DUR_MIN);
	check_text(dur_format(d, text), "1h30m");
	check(!dur_parse("250ms", &d));
	check_text(dur_format(d, text), "250ms");
	check(!dur_parse("0", &d));
	check_text(dur_format(d, text), "0s");
	check(dur_parse("5", &d) < 0);
	check(dur_parse("", &d) < 0);
	check(dur_parse("5 m", &d) < 0);
	check(dur_parse("99999999999999999999s", &d) < 0);
}

int main(void)
{
	test_wall_parse();
	test_dur();
	return 0;
}
