/* SPDX-License-Identifier: Apache-2.0 */
/* All structured filters of a ring as one: a packet's fields are read once, each field is looked up
 * once in tables merged from all filters, and each look-up gives a set of filters (one bit each).
 * What all sets have in common are the filters that match. So the cost grows with the logarithm of
 * the number of addresses, and hardly with the number of filters.
 *
 * A ring thread owns it. Filters come and go under a slot number that stays theirs; the tables are
 * built again when they are used next after a change. */
#pragma once

#include <stdint.h>

#include "capture/match_table.h"
#include "capture/packet.h"

struct classifier;

#define CLASSIFIER_NONE UINT32_MAX

struct classifier *classifier_new(uint32_t link_type);
struct classifier *classifier_free(struct classifier *classifier);

/* Returns its slot; table is put. */
uint32_t classifier_add(struct classifier *classifier, struct match_table *table);
/* CLASSIFIER_NONE is ignored. */
void classifier_remove(struct classifier *classifier, uint32_t slot);

/* How many filters there are now. */
uint32_t classifier_count(const struct classifier *classifier);
/* Changes whenever sets of bits may have another meaning or size; builds what has to be built. */
uint64_t classifier_version(struct classifier *classifier);
/* 64-bit words in a set; slot s is bit s % 64 of word s / 64. After classifier_version. */
uint32_t classifier_words(const struct classifier *classifier);

/* Which filters match: a set, valid until the next call. After classifier_version. */
const uint64_t *classifier_run(struct classifier *classifier, const struct packet *packet);

/* Does one of them match? */
static inline int classifier_has(const uint64_t *set, uint32_t slot)
{
	return set[slot / 64] >> slot % 64 & 1;
}
