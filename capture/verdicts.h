/* SPDX-License-Identifier: Apache-2.0 */
/* What a ring's classifier says of the packets of a block, remembered for all tracks that read the
 * block: the first one pays, the others go from hit to hit, or past the block. Where only one track
 * has a structured filter nothing is remembered. The ring thread owns it. */
#pragma once

#include <stdint.h>

#include "capture/classifier.h"
#include "capture/ring_block.h"

struct verdicts;

struct verdicts *verdicts_new(uint32_t link_type);
struct verdicts *verdicts_free(struct verdicts *verdicts);

/* As classifier_add and classifier_remove; table NULL = CLASSIFIER_NONE, matches everything. */
uint32_t verdicts_add(struct verdicts *verdicts, struct match_table *table);
void verdicts_remove(struct verdicts *verdicts, uint32_t slot);

/* Does slot's filter match this packet? After verdicts_prepare. */
int verdicts_match(struct verdicts *verdicts, uint32_t slot, const struct packet *packet);

enum verdicts_outcome {
	VERDICTS_ALONE = 1, /* nothing is remembered: ask packet by packet */
};

/* Before the packets of a claimed block are read, from wherever the walk stands. Returns 0, where
 * verdicts_next leads from hit to hit, or VERDICTS_ALONE (always, where the block has packets
 * outside of the two times). */
int verdicts_prepare(struct verdicts *verdicts, uint64_t seq, const struct ring_block_walk *walk,
		     int64_t from_ns, int64_t until_ns);
/* Moves the walk to the next packet that slot's filter matches, or to the end. Returns how many
 * packets it passed. */
uint32_t verdicts_next(struct verdicts *verdicts, uint32_t slot, struct ring_block_walk *walk);
