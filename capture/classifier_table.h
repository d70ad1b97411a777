/* SPDX-License-Identifier: Apache-2.0 */
/* From the value of one header field to the set of filters that want it. A set has two halves of
 * `words` 64-bit words: filters that want the value on their own side, and on their peer's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/range_set.h"

/* Ranges of all filters, for building. Zero-initialised = none. */
struct classifier_edges {
	struct classifier_edge *items;
	size_t count;
	size_t room;
};

/* Filter number `bit` (of both halves together) wants these values. */
void classifier_edges_add(struct classifier_edges *edges, const struct interval *ranges,
			  uint32_t count, uint32_t bit);
void classifier_edges_fini(struct classifier_edges *edges);

/* Equal sets are stored once. */
struct classifier_table {
	uint32_t words;
	uint64_t *bits; /* sets, 2 * words each; the first one is that of a missing field */
	uint32_t sets;
	/* values below `direct_size` by number */
	uint16_t *direct;
	uint32_t direct_size;
	/* or: values from key[i] to below key[i + 1], key[0] = 0 */
	uint32_t count;
	uint32_t *key32; /* if all values are below 2^32, */
	u128 *key128;	 /* else this */
	uint32_t *set;
};

enum classifier_table_kind {
	CLASSIFIER_TABLE_32,
	CLASSIFIER_TABLE_128,
};

/* direct_size 0 = by search. `always` (2 * words): filters that do not look at the field; they are
 * in every set. Edges are sorted in place. */
void classifier_table_build(struct classifier_table *table, struct classifier_edges *edges,
			    const uint64_t *always, uint32_t words, enum classifier_table_kind kind,
			    uint32_t direct_size);
void classifier_table_fini(struct classifier_table *table);

/* Is there any value with a set other than the missing field's? */
static inline int classifier_table_is_used(const struct classifier_table *t)
{
	return t->sets > 1;
}

static inline const uint64_t *classifier_table_none(const struct classifier_table *t)
{
	return t->bits;
}

static inline const uint64_t *classifier_table_direct(const struct classifier_table *t,
						      uint32_t value)
{
	return t->bits + (size_t)t->direct[value] * 2 * t->words;
}

/* The search has no branch that depends on the value: only on the number of keys. */
static inline const uint64_t *classifier_table_find32(const struct classifier_table *t,
						      uint32_t value)
{
	const uint32_t *key = t->key32;
	uint32_t n = t->count;

	while (n > 1) {
		uint32_t half = n / 2;

		key += key[half] <= value ? half : 0;
		n -= half;
	}
	return t->bits + (size_t)t->set[key - t->key32] * 2 * t->words;
}

static inline const uint64_t *classifier_table_find128(const struct classifier_table *t, u128 value)
{
	const u128 *key = t->key128;
	uint32_t n = t->count;

	while (n > 1) {
		uint32_t half = n / 2;

		key += key[half] <= value ? half : 0;
		n -= half;
	}
	return t->bits + (size_t)t->set[key - t->key128] * 2 * t->words;
}
