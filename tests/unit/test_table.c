/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/table.h"

#include <stdbool.h>

#include "tests/unit/test.h"

#define COUNT 300

struct item {
	int number;
	char key[16];
	bool inside;
};

/* Whatever was added and taken: exactly what is inside is found. */
static void finds_what_is_inside(void)
{
	static struct item items[COUNT];
	struct table table;
	unsigned state = 3;
	size_t inside = 0;

	table_init(&table, offsetof(struct item, key));
	check(!table_find(&table, "nothing"));
	check(!table_take(&table, "nothing"));
	for (int i = 0; i < COUNT; i++)
		snprintf(items[i].key, sizeof(items[i].key), "key%d", i);
	for (int round = 0; round < 50000; round++) {
		struct item *item;

		state = state * 1103515245u + 12345u;
		item = &items[(state >> 8) % COUNT];
		check(table_find(&table, item->key) == (item->inside ? item : NULL));
		if (item->inside)
			check(table_take(&table, item->key) == item);
		else
			table_add(&table, item);
		item->inside = !item->inside;
		inside = item->inside ? inside + 1 : inside - 1;
		check_int(table.count, inside);
		check(!item->inside || table.items[table.count - 1] == item);
	}
	table_fini(&table);
}

int main(void)
{
	finds_what_is_inside();
	return 0;
}
