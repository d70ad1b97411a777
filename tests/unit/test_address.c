/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include "tests/unit/test.h"

static void ranges_in_their_shortest_form(void)
{
	static const char *const rows[][2] = {
		{"10.0.0.1", "10.0.0.1"},
		{"10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"},
		{"10.0.0.0-10.255.255.255", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"192.0.2.7/32", "192.0.2.7"},
		{"2001:DB8:0::/32", "2001:db8::/32"},
		{"::/0", "::/0"},
		{"::1-::1", "::1"},
		{"fe80::1-fe80::ff", "fe80::1-fe80::ff"},
		{"02:00:5E:10:00:01", "02:00:5e:10:00:01"},
		{"02:00:00:00:00:00-02:00:00:ff:ff:ff", "02:00:00:00:00:00-02:00:00:ff:ff:ff"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address_range range;
		char text[ADDRESS_RANGE_TEXT_SIZE];

		check(!address_range_parse(rows[i][0], &range));
		check_text(address_range_format(&range, text), rows[i][1]);
	}
}

static void what_is_no_address_is_refused(void)
{
	static const char *const rows[] = {
		"",
		" 10.0.0.1",
		"10.0.0.1 ",
		"10.0.0",
		"10.0.0.256",
		"010.0.0.1",
		"0x7f.1",
		"localhost",
		"10.0.0.1 or host 0.0.0.0/0",
		"1.2.3.4) or (ip",
		"10.0.0.1/33",
		"10.0.0.1/8",
		"10.0.0.0/",
		"10.0.0.0/08x",
		"10.0.0.0/-1",
		"10.0.0.9-10.0.0.1",
		"10.0.0.1-::1",
		"10.0.0.1-",
		"-10.0.0.1",
		"10.0.0.1-10.0.0.2-10.0.0.3",
		"fe80::1%eth0",
		"::ffff:1.2.3.4.5",
		"2001:db8::/129",
		"02:00:5e:10:00",
		"02-00-5e-10-00-01",
		"02:00:5e:10:00:0g",
		"02:00:00:00:00:00/24",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address_range range;

		if (!address_range_parse(rows[i], &range)) {
			fprintf(stderr, "\"%s\" passed\n", rows[i]);
			exit(1);
		}
	}
}

static void sets_are_merged_and_found(void)
{
	struct range_set set = {0}, other = {0}, copy;
	u128 top = ~(u128)0;

	range_set_add(&set, 10, 20);
	range_set_add(&set, 30, 30);
	range_set_add(&set, 21, 25);
	range_set_add(&set, top - 1, top);
	range_set_add(&set, 15, 18);
	range_set_add(&set, top, top);
	range_set_sort(&set);
	check_int(set.count, 3);
	check(range_set_has(&set, 10) && range_set_has(&set, 25) && range_set_has(&set, 30));
	check(!range_set_has(&set, 9) && !range_set_has(&set, 26) && !range_set_has(&set, 31));
	check(range_set_has(&set, top) && !range_set_has(&set, top - 2));
	range_set_add(&set, 40, 50);
	range_set_sort(&set);
	check_int(set.count, 4);
	range_set_copy(&copy, &set);
	check(range_set_equal(&copy, &set) && range_set_intersects(&copy, &set));
	range_set_add(&other, 26, 29);
	range_set_add(&other, 31, 39);
	range_set_sort(&other);
	check(!range_set_intersects(&set, &other) && !range_set_intersects(&other, &set));
	range_set_add(&other, 50, 60);
	range_set_sort(&other);
	check(range_set_intersects(&set, &other) && !range_set_equal(&set, &other));
	range_set_fini(&set);
	range_set_fini(&other);
	range_set_fini(&copy);
}

int main(void)
{
	ranges_in_their_shortest_form();
	what_is_no_address_is_refused();
	sets_are_merged_and_found();
	return 0;
}
