/* SPDX-License-Identifier: Apache-2.0 */
#include "base/range_set.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

void range_set_fini(struct range_set *set)
{
	free(set->items);
	*set = (struct range_set){0};
}

void range_set_add(struct range_set *set, u128 from, u128 to)
{
	bug_on(from > to);
	if (set->count == set->room) {
		set->room = set->room ? 2 * set->room : 1;
		set->items = xreallocarray(set->items, set->room, sizeof(set->items[0]));
	}
	set->items[set->count++] = (struct interval){from, to};
}

static int compare(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

void range_set_sort(struct range_set *set)
{
	size_t kept = 0;

	if (!set->count)
		return;
	qsort(set->items, set->count, sizeof(set->items[0]), compare);
	for (size_t i = 1; i < set->count; i++) {
		struct interval *last = &set->items[kept], *next = &set->items[i];

		/* the difference is taken only where it cannot wrap */
		if (next->from <= last->to || next->from - last->to == 1)
			last->to = next->to > last->to ? next->to : last->to;
		else
			set->items[++kept] = *next;
	}
	set->count = kept + 1;
}

void range_set_copy(struct range_set *to, const struct range_set *from)
{
	*to = (struct range_set){.count = from->count, .room = from->count};
	if (from->count)
		to->items = xmemdup(from->items, from->count * sizeof(from->items[0]));
}

bool range_set_has(const struct range_set *set, u128 value)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->items[middle].to < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->items[low].from <= value;
}

bool range_set_intersects(const struct range_set *a, const struct range_set *b)
{
	size_t i = 0, j = 0;

	while (i < a->count && j < b->count) {
		if (a->items[i].to < b->items[j].from)
			i++;
		else if (b->items[j].to < a->items[i].from)
			j++;
		else
			return true;
	}
	return false;
}

bool range_set_equal(const struct range_set *a, const struct range_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i].from != b->items[i].from || a->items[i].to != b->items[i].to)
			return false;
	return true;
}
