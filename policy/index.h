/* SPDX-License-Identifier: Apache-2.0 */
/* A collection of structs found by a text key inside them: an array of pointers, sorted by key.
 *
 * Finding is O(log n). Adding and removing move at most n pointers: 40 KiB of memmove on average at
 * 10 000 items, a microsecond. Items are the caller's; their keys must not change while inside. */
#pragma once

#include <stddef.h>

struct index {
	void **items;
	size_t count;
	size_t capacity;
	size_t key; /* offset of the item's key, a char array */
};

/* key: offsetof(struct item, member). */
void index_init(struct index *index, size_t key);
/* The items are the caller's to free before. */
void index_fini(struct index *index);

/* NULL if there is none. */
void *index_find(const struct index *index, const char *key);
/* The item's key must not be in the index yet. */
void index_add(struct index *index, void *item);
/* Takes the item with that key out; NULL if there is none. */
void *index_take(struct index *index, const char *key);
