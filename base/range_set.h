/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of unsigned numbers as sorted lists of ranges. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

__extension__ typedef unsigned __int128 u128;

/* Both ends belong to it. */
struct interval {
	u128 from;
	u128 to;
};

/* Call range_set_sort after the last range_set_add; everything else wants a sorted set: ascending,
 * neither overlapping nor touching. Zero-initialised = empty. */
struct range_set {
	struct interval *items;
	size_t count;
	size_t room;
};

void range_set_fini(struct range_set *set);
/* from <= to. */
void range_set_add(struct range_set *set, u128 from, u128 to);
void range_set_sort(struct range_set *set);
/* A deep copy of `from` replaces what *to held, which is not freed. */
void range_set_copy(struct range_set *to, const struct range_set *from);

bool range_set_has(const struct range_set *set, u128 value);
bool range_set_intersects(const struct range_set *a, const struct range_set *b);
bool range_set_equal(const struct range_set *a, const struct range_set *b);
