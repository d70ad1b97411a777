/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

void index_init(struct index *index, size_t key)
{
	*index = (struct index){.key = key};
}

void index_fini(struct index *index)
{
	free(index->items);
	index->items = NULL;
	index->count = index->capacity = 0;
}

static const char *key_at(const struct index *index, size_t position)
{
	return (const char *)index->items[position] + index->key;
}

/* Where the key is, or belongs. */
static size_t locate(const struct index *index, const char *key, bool *found)
{
	size_t low = 0, high = index->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(key_at(index, middle), key);

		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *index_find(const struct index *index, const char *key)
{
	bool found;
	size_t position = locate(index, key, &found);

	return found ? index->items[position] : NULL;
}

void index_add(struct index *index, void *item)
{
	bool found;
	size_t position = locate(index, (const char *)item + index->key, &found);

	bug_on(found);
	if (index->count == index->capacity) {
		index->capacity = index->capacity ? 2 * index->capacity : 8;
		index->items =
			xreallocarray(index->items, index->capacity, sizeof(index->items[0]));
	}
	memmove(&index->items[position + 1], &index->items[position],
		(index->count - position) * sizeof(index->items[0]));
	index->items[position] = item;
	index->count++;
}

void *index_take(struct index *index, const char *key)
{
	bool found;
	size_t position = locate(index, key, &found);
	void *item;

	if (!found)
		return NULL;
	item = index->items[position];
	index->count--;
	memmove(&index->items[position], &index->items[position + 1],
		(index->count - position) * sizeof(index->items[0]));
	return item;
}
