/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define CAPACITY_MIN 16

void table_init(struct table *table, size_t key)
{
	*table = (struct table){.key = key};
}

void table_fini(struct table *table)
{
	free(table->items);
	free(table->slots);
	*table = (struct table){.key = table->key};
}

static const char *key_of(const struct table *table, size_t slot)
{
	return (const char *)table->items[table->slots[slot] - 1] + table->key;
}

/* wyhash's round. The table's own address is the seed: it differs by process (ASLR) and is told to
 * nobody, so a sender cannot choose names that collide. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t home_of(const struct table *table, const char *key)
{
	size_t left = strlen(key);
	uint64_t hash = (uintptr_t)table ^ 0x9e3779b97f4a7c15ull ^ left;

	while (left) {
		size_t take = left < 8 ? left : 8;
		uint64_t word = 0;

		memcpy(&word, key, take);
		hash = mix(hash ^ word, 0xe7037ed1a0b428dbull);
		key += take;
		left -= take;
	}
	return (size_t)hash & (table->capacity - 1);
}

static size_t next_slot(const struct table *table, size_t slot)
{
	return (slot + 1) & (table->capacity - 1);
}

/* The slot of the key, or the free one where it belongs. */
static size_t locate(const struct table *table, const char *key)
{
	size_t slot = home_of(table, key);

	while (table->slots[slot] && strcmp(key_of(table, slot), key))
		slot = next_slot(table, slot);
	return slot;
}

void *table_find(const struct table *table, const char *key)
{
	size_t slot = table->count ? locate(table, key) : 0;

	return table->count && table->slots[slot] ? table->items[table->slots[slot] - 1] : NULL;
}

static void grow(struct table *table)
{
	table->capacity = table->capacity ? 2 * table->capacity : CAPACITY_MIN;
	table->items = xreallocarray(table->items, table->capacity / 4 * 3, sizeof(void *));
	free(table->slots);
	table->slots = xcalloc(table->capacity, sizeof(table->slots[0]));
	for (size_t i = 0; i < table->count; i++)
		table->slots[locate(table, (const char *)table->items[i] + table->key)] =
			(uint32_t)i + 1;
}

void table_add(struct table *table, void *item)
{
	size_t slot;

	if (table->count == table->capacity / 4 * 3)
		grow(table);
	slot = locate(table, (const char *)item + table->key);
	bug_on(table->slots[slot]);
	table->items[table->count++] = item;
	table->slots[slot] = (uint32_t)table->count;
}

/* What was probed past the freed slot moves up, so that no marks of the dead are needed. */
static void close_gap(struct table *table, size_t gap)
{
	size_t mask = table->capacity - 1;

	for (size_t slot = next_slot(table, gap); table->slots[slot];
	     slot = next_slot(table, slot)) {
		size_t home = home_of(table, key_of(table, slot));

		if (((slot - home) & mask) < ((slot - gap) & mask))
			continue;
		table->slots[gap] = table->slots[slot];
		table->slots[slot] = 0;
		gap = slot;
	}
}

void *table_take(struct table *table, const char *key)
{
	size_t slot = table->count ? locate(table, key) : 0;
	uint32_t place = table->count ? table->slots[slot] : 0;
	void *item, *last;

	if (!place)
		return NULL;
	item = table->items[place - 1];
	last = table->items[table->count - 1];
	table->slots[locate(table, (const char *)last + table->key)] = place;
	table->slots[slot] = 0;
	table->items[place - 1] = last;
	table->count--;
	close_gap(table, slot);
	return item;
}
