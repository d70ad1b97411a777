/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of one NIC, mapped: which blocks there are, who may read them, when they are released.
 *
 * Block s lives at index (s - 1) % count. From old to new:
 *
 *      overwritten  |  out of reach  |  history: released  |  held: user  |  the kernel's
 *   ----------------+----------------+---------------------+--------------+---------------> s
 *              head - count        reach                 held           head
 *
 * `head` is the block the kernel fills or fills next; ring_step takes retired blocks and moves it.
 * Blocks in [held, head) are ours until ring_release. Blocks in [reach, held) are given back but
 * not yet overwritten; they are claimed while they are read. `reach` keeps more than a quarter of
 * the ring between any block we hold and the kernel, because tpacket_rcv looks a quarter ahead and
 * drops packets when it finds a held block there. A successor of a dead recorder finds the same
 * state in the ring itself and in struct shared_ring. One thread owns a ring. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "capture/ring_block.h"
#include "capture/shared.h"

#define RING_BLOCKS_MIN 16

/* Blocks between reach and head, at most: three quarters less a slack for what the kernel retires
 * between a look and a claim. */
static inline uint32_t ring_reach_blocks(uint32_t block_count)
{
	uint32_t slack = block_count / 32 > 2 ? block_count / 32 : 2;

	return block_count - block_count / 4 - slack;
}

/* What is remembered of a taken block. */
struct ring_info {
	uint64_t seq;
	int64_t open_ns;
	int64_t first_ns;
	int64_t last_ns;
	mono_t taken;	       /* 0 = found there by a successor: not known */
	uint64_t kernel_drops; /* shared counters when it was taken */
	uint64_t nic_drops;
	uint64_t before; /* packets in all blocks taken before it */
	uint32_t packets;
	uint32_t bytes;
};

struct ring_options {
	void *memory; /* borrowed; the caller maps and unmaps it */
	uint32_t block_bytes;
	uint32_t block_count;
	struct shared_ring *shared;
	enum history_mode mode;
	uint64_t orphan_seq; /* hold from here for tracks to be resumed; UINT64_MAX = none */
	uint32_t tear_at;    /* test hook: spoil the n-th history block that is read; 0 = none */
};

/* Maps nothing; takes over where the head in options->shared says. Returns 0 or -EINVAL where the
 * geometry makes no sense. */
struct ring;
int ring_new(const struct ring_options *options, struct instant now, struct ring **ret);
struct ring *ring_free(struct ring *ring);

/* Takes all retired blocks; returns their number. */
uint32_t ring_step(struct ring *ring, struct instant now);
/* Gives back blocks older than keep_seq, and whatever is out of reach. */
void ring_release(struct ring *ring, uint64_t keep_seq, struct instant now);

uint64_t ring_head(const struct ring *ring);
uint64_t ring_held(const struct ring *ring);
uint64_t ring_reach(const struct ring *ring);
/* First block that this process took itself, as far as it is known. */
uint64_t ring_adopted_end(const struct ring *ring);
/* True if no predecessor took a block of it: marks of dead recorders are of another ring. */
int ring_is_fresh(const struct ring *ring);
/* Facts of a block in [head - count, head), or NULL. Until the next ring_step. */
const struct ring_info *ring_get_info(const struct ring *ring, uint64_t seq);
/* Packets in all blocks < seq ever taken, by predecessors too: the difference of two is right even
 * for blocks that are long overwritten. reach ≤ seq ≤ head. */
uint64_t ring_packets_before(const struct ring *ring, uint64_t seq);
/* The moment from which block seq (≤ head) covers the wire. */
int64_t ring_open_ns(const struct ring *ring, uint64_t seq);

struct ring_query {
	int64_t from_wall_ns; /* for blocks that were found, not taken */
	mono_t from;
};

/* The oldest readable block that is not entirely older than the query; head if all are. */
uint64_t ring_find(const struct ring *ring, const struct ring_query *query);

enum ring_outcome {
	RING_TORN = 1, /* overwritten before it could be claimed */
};

/* Claims block seq in [reach, head) for reading and starts a walk at `walk`.
 * Returns 0 (then ring_put) or RING_TORN. */
int ring_take(struct ring *ring, uint64_t seq, struct ring_block_walk *walk);
/* Gives a claimed block back. Returns 0, or RING_TORN: what was read was not block seq. */
int ring_put(struct ring *ring, uint64_t seq);
