/* SPDX-License-Identifier: Apache-2.0 */
/* A collection of structs found by a text key inside them, in constant time: an array in no
 * promised order and a hash over it, for what comes and goes with alerts. (index.h is for settings:
 * sorted.)
 *
 * Items are the caller's; their keys must not change while inside. Taking one out moves the last
 * item to its place, so a loop that takes items goes from the end to the beginning. The table
 * itself must not move in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table {
	void **items;
	size_t count;
	size_t capacity; /* of slots, a power of two; items has room for three quarters */
	uint32_t *slots; /* place in items, from 1; 0 = free */
	size_t key;	 /* offset of the item's key, a char array */
};

/* key: offsetof(struct item, member). */
void table_init(struct table *table, size_t key);
/* The items are the caller's to free before. */
void table_fini(struct table *table);

/* NULL if there is none. */
void *table_find(const struct table *table, const char *key);
/* The item's key must not be in the table yet. */
void table_add(struct table *table, void *item);
/* Takes the item with that key out; NULL if there is none. */
void *table_take(struct table *table, const char *key);
