/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/classifier_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* From here on filter `bit` wants the values, or no longer does. */
struct classifier_edge {
	u128 at;
	uint32_t bit;
	uint32_t on;
};

/* Finds sets that are stored already: open addressing, number + 1. */
struct interner {
	struct classifier_table *table;
	uint32_t *slots;
	uint32_t size; /* a power of two */
	uint32_t room; /* sets that fit into table->bits */
};

static void edge_add(struct classifier_edges *edges, u128 at, uint32_t bit, uint32_t on)
{
	if (edges->count == edges->room) {
		edges->room = edges->room ? 2 * edges->room : 64;
		edges->items = xreallocarray(edges->items, edges->room, sizeof(edges->items[0]));
	}
	edges->items[edges->count++] = (struct classifier_edge){at, bit, on};
}

void classifier_edges_add(struct classifier_edges *edges, const struct interval *ranges,
			  uint32_t count, uint32_t bit)
{
	for (uint32_t i = 0; i < count; i++) {
		edge_add(edges, ranges[i].from, bit, 1);
		if (ranges[i].to != ~(u128)0)
			edge_add(edges, ranges[i].to + 1, bit, 0);
	}
}

void classifier_edges_fini(struct classifier_edges *edges)
{
	free(edges->items);
	*edges = (struct classifier_edges){0};
}

/* Ends before beginnings at the same value, so that ranges of one filter may touch. */
static int compare(const void *a, const void *b)
{
	const struct classifier_edge *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->on < y->on ? -1 : x->on > y->on;
}

/* ---- sets ---- */

static size_t set_bytes(const struct classifier_table *t)
{
	return 2 * (size_t)t->words * sizeof(uint64_t);
}

static uint32_t hash_of(const struct interner *in, const uint64_t *set)
{
	uint64_t h = 0;

	for (uint32_t w = 0; w < 2 * in->table->words; w++)
		h = (h ^ set[w]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
	return (uint32_t)h & (in->size - 1);
}

static void intern_place(struct interner *in, uint32_t number)
{
	const struct classifier_table *t = in->table;
	uint32_t at = hash_of(in, t->bits + (size_t)number * 2 * t->words);

	while (in->slots[at])
		at = (at + 1) & (in->size - 1);
	in->slots[at] = number + 1;
}

static void intern_grow(struct interner *in)
{
	struct classifier_table *t = in->table;

	in->room = in->room ? 2 * in->room : 32;
	t->bits = xreallocarray(t->bits, in->room, set_bytes(t));
	free(in->slots);
	in->size = 4 * in->room;
	in->slots = xcalloc(in->size, sizeof(in->slots[0]));
	for (uint32_t i = 0; i < t->sets; i++)
		intern_place(in, i);
}

/* The number of this set, stored if it is new. */
static uint32_t intern(struct interner *in, const uint64_t *set)
{
	struct classifier_table *t = in->table;
	uint32_t at;

	if (t->sets == in->room)
		intern_grow(in);
	for (at = hash_of(in, set); in->slots[at]; at = (at + 1) & (in->size - 1)) {
		uint32_t number = in->slots[at] - 1;

		if (!memcmp(t->bits + (size_t)number * 2 * t->words, set, set_bytes(t)))
			return number;
	}
	memcpy(t->bits + (size_t)t->sets * 2 * t->words, set, set_bytes(t));
	in->slots[at] = ++t->sets;
	return t->sets - 1;
}

/* ---- the sweep ---- */

static void put_key(struct classifier_table *t, u128 at, uint32_t set)
{
	uint32_t i = t->count;

	/* behind the largest value nothing is looked up */
	if ((i && t->set[i - 1] == set) || (t->key32 && at > UINT32_MAX))
		return;
	if (t->key32)
		t->key32[i] = (uint32_t)at;
	else
		t->key128[i] = at;
	t->set[i] = set;
	t->count++;
}

/* 16 bits hold the set's number but for a hostile table with a different set for each of 65536
 * ports: then some ports are matched wrongly, but no other memory is read. */
static void put_direct(struct classifier_table *t, u128 from, u128 to, uint32_t set)
{
	for (u128 value = from; value < to && value < t->direct_size; value++)
		t->direct[value] = (uint16_t)set;
}

static void sweep(struct classifier_table *t, struct interner *in,
		  const struct classifier_edges *edges, uint64_t *present)
{
	size_t i = 0;
	u128 at = 0;

	do {
		uint32_t set;
		u128 next;

		for (; i < edges->count && edges->items[i].at == at; i++) {
			const struct classifier_edge *edge = &edges->items[i];
			uint64_t bit = (uint64_t)1 << edge->bit % 64;

			if (edge->on)
				present[edge->bit / 64] |= bit;
			else
				present[edge->bit / 64] &= ~bit;
		}
		set = intern(in, present);
		next = i < edges->count ? edges->items[i].at : ~(u128)0;
		if (t->direct)
			put_direct(t, at, next, set);
		else
			put_key(t, at, set);
		at = next;
	} while (i < edges->count);
}

void classifier_table_build(struct classifier_table *t, struct classifier_edges *edges,
			    const uint64_t *always, uint32_t words, enum classifier_table_kind kind,
			    uint32_t direct_size)
{
	uint64_t *present = xmemdup(always, 2 * (size_t)words * sizeof(uint64_t));
	struct interner in = {.table = t};

	*t = (struct classifier_table){.words = words, .direct_size = direct_size};
	if (edges->count)
		qsort(edges->items, edges->count, sizeof(edges->items[0]), compare);
	if (direct_size)
		t->direct = xcalloc(direct_size, sizeof(t->direct[0]));
	else if (kind == CLASSIFIER_TABLE_32)
		t->key32 = xcalloc(edges->count + 1, sizeof(t->key32[0]));
	else
		t->key128 = xcalloc(edges->count + 1, sizeof(t->key128[0]));
	if (!direct_size)
		t->set = xcalloc(edges->count + 1, sizeof(t->set[0]));
	intern(&in, always);
	sweep(t, &in, edges, present);
	free(in.slots);
	free(present);
}

void classifier_table_fini(struct classifier_table *t)
{
	free(t->bits);
	free(t->direct);
	free(t->key32);
	free(t->key128);
	free(t->set);
	*t = (struct classifier_table){0};
}
