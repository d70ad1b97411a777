/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"

#define PREFETCH	8	     /* blocks */
#define ORPHAN_PATIENCE (10 * DUR_S) /* how long held blocks wait for tracks to be resumed */

struct ring {
	uint8_t *memory;
	uint32_t block_bytes;
	uint32_t block_count;
	uint32_t span; /* blocks between reach and head, at most */
	struct shared_ring *shared;
	enum history_mode mode;
	uint64_t head;
	uint64_t held;
	uint64_t adopted_end;
	int is_fresh;
	uint64_t total; /* packets in all blocks < head; as shared->packets */
	uint64_t orphan_seq;
	mono_t orphan_until;
	uint32_t tear_at;
	uint32_t history_reads;
	struct ring_info *infos; /* by index */
};

static void *block_at(const struct ring *ring, uint64_t seq)
{
	return ring->memory + (seq - 1) % ring->block_count * ring->block_bytes;
}

static struct ring_info *info_at(const struct ring *ring, uint64_t seq)
{
	return &ring->infos[(seq - 1) % ring->block_count];
}

uint64_t ring_head(const struct ring *ring)
{
	return ring->head;
}

uint64_t ring_held(const struct ring *ring)
{
	return ring->held;
}

uint64_t ring_adopted_end(const struct ring *ring)
{
	return ring->adopted_end;
}

int ring_is_fresh(const struct ring *ring)
{
	return ring->is_fresh;
}

uint64_t ring_reach(const struct ring *ring)
{
	return ring->head > ring->span ? ring->head - ring->span : 1;
}

const struct ring_info *ring_get_info(const struct ring *ring, uint64_t seq)
{
	const struct ring_info *info;

	if (!seq || seq >= ring->head)
		return NULL;
	info = info_at(ring, seq);
	return info->seq == seq ? info : NULL;
}

uint64_t ring_packets_before(const struct ring *ring, uint64_t seq)
{
	/* a block that was torn when this process found the ring has no facts: the next one counts
	 */
	for (; seq < ring->head; seq++) {
		const struct ring_info *info = ring_get_info(ring, seq);

		if (info)
			return info->before;
	}
	return ring->total;
}

int64_t ring_open_ns(const struct ring *ring, uint64_t seq)
{
	const struct ring_info *info = ring_get_info(ring, seq);

	if (info)
		return info->open_ns;
	/* the kernel's block: its header tells, unless the ring is frozen just there */
	if (ring_block_seq(block_at(ring, seq)) == seq)
		return ring_block_open_ns(block_at(ring, seq));
	info = ring_get_info(ring, seq - 1);
	return info ? info->last_ns : 0;
}

static void note_block(struct ring *ring, uint64_t seq, mono_t taken, uint64_t kernel_drops)
{
	struct ring_block_facts facts;

	ring_block_load(block_at(ring, seq), ring->block_bytes, &facts);
	*info_at(ring, seq) = (struct ring_info){
		.seq = seq,
		.open_ns = facts.open_ns,
		.first_ns = facts.first_ns,
		.last_ns = facts.last_ns,
		.taken = taken,
		.kernel_drops = kernel_drops,
		.nic_drops = atomic_load_explicit(&ring->shared->nic_drops, memory_order_relaxed),
		.before = ring->total,
		.packets = facts.packets,
		.bytes = facts.bytes,
	};
	ring->total += facts.packets;
}

/* A retired block has status "user". One more case is taken for retired, so that a claim lost to
 * the kernel (see ring_take) can never stall the head: the kernel has gone on to the next block. */
static int is_retired(const struct ring *ring, uint64_t seq)
{
	const void *block = block_at(ring, seq);

	if (ring_block_status(block) == RING_BLOCK_USER)
		return ring_block_seq(block) == seq;
	return ring_block_seq(block_at(ring, seq + 1)) == seq + 1 && ring_block_seq(block) == seq;
}

static void count_block(struct ring *ring, const struct ring_info *info)
{
	struct shared_ring *s = ring->shared;

	atomic_fetch_add_explicit(&s->packets, info->packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bytes, info->bytes, memory_order_relaxed);
	if (info->packets)
		atomic_store_explicit(&s->newest_wall_ns, info->last_ns, memory_order_relaxed);
}

/* Takes blocks while they are retired. The head in shared memory moves before any of them can be
 * released, so that a successor never finds a block overwritten that nobody took. */
static uint32_t take_retired(struct ring *ring, mono_t taken, uint64_t kernel_drops)
{
	uint32_t n = 0;

	while (n < ring->block_count && is_retired(ring, ring->head)) {
		/* a header is one cache line in a page of its own, written on another processor */
		__builtin_prefetch(block_at(ring, ring->head + PREFETCH), 1);
		note_block(ring, ring->head, taken, kernel_drops);
		count_block(ring, info_at(ring, ring->head));
		ring->head++;
		n++;
	}
	if (n) {
		atomic_store_explicit(&ring->shared->head_seq, ring->head, memory_order_release);
		atomic_store_explicit(&ring->shared->taken_drops, kernel_drops,
				      memory_order_relaxed);
	}
	return n;
}

static void tell_oldest(struct ring *ring)
{
	atomic_store_explicit(&ring->shared->oldest_wall_ns, ring_open_ns(ring, ring_reach(ring)),
			      memory_order_relaxed);
}

uint32_t ring_step(struct ring *ring, struct instant now)
{
	uint64_t drops = atomic_load_explicit(&ring->shared->kernel_drops, memory_order_relaxed);
	uint32_t n = take_retired(ring, now.mono, drops);

	if (n)
		tell_oldest(ring);
	return n;
}

void ring_release(struct ring *ring, uint64_t keep_seq, struct instant now)
{
	uint64_t reach = ring_reach(ring);

	if (ring->mode == HISTORY_HOLD)
		keep_seq = reach;
	if (mono_sub(now.mono, ring->orphan_until) > 0)
		ring->orphan_seq = UINT64_MAX;
	if (keep_seq > ring->orphan_seq)
		keep_seq = ring->orphan_seq;
	if (keep_seq < reach)
		keep_seq = reach;
	if (keep_seq > ring->head)
		keep_seq = ring->head;
	for (; ring->held < keep_seq; ring->held++)
		ring_block_release(block_at(ring, ring->held));
}

/* Whether all of block seq can be read already: not entirely older than asked for. */
static int is_wanted(const struct ring_info *info, const struct ring_query *query)
{
	if (info->taken.ns)
		return mono_sub(info->taken, query->from) >= 0;
	return info->last_ns >= query->from_wall_ns;
}

uint64_t ring_find(const struct ring *ring, const struct ring_query *query)
{
	uint64_t seq = ring->head, reach = ring_reach(ring);

	while (seq > reach) {
		const struct ring_info *info = ring_get_info(ring, seq - 1);

		if (!info || !is_wanted(info, query))
			break;
		seq--;
	}
	return seq;
}

/* After the claim, before the first read: the block is still seq, and so is its predecessor. The
 * kernel looks at a block's status only after it has filled the one before, so it will look at this
 * one later, and find it claimed. */
static int is_ours(const struct ring *ring, uint64_t seq)
{
	if (ring_block_seq(block_at(ring, seq)) != seq)
		return 0;
	return seq == 1 || ring_block_seq(block_at(ring, seq - 1)) != seq - 1 + ring->block_count;
}

static void count_torn(struct ring *ring)
{
	atomic_fetch_add_explicit(&ring->shared->torn, 1, memory_order_relaxed);
}

int ring_take(struct ring *ring, uint64_t seq, struct ring_block_walk *walk)
{
	void *block = block_at(ring, seq);

	if (seq < ring->held) {
		if (++ring->history_reads == ring->tear_at)
			ring_block_spoil(block);
		ring_block_claim(block);
		if (!is_ours(ring, seq)) {
			ring_block_release(block);
			count_torn(ring);
			return RING_TORN;
		}
	}
	ring_block_walk_init(walk, block, ring->block_bytes);
	return 0;
}

int ring_put(struct ring *ring, uint64_t seq)
{
	void *block = block_at(ring, seq);
	int whole = ring_block_seq(block) == seq;

	if (seq < ring->held)
		ring_block_release(block);
	if (whole)
		return 0;
	count_torn(ring);
	return RING_TORN;
}

/* The newest block of the ring, 0 if there is none. */
static uint64_t find_newest(const struct ring *ring)
{
	uint64_t newest = 0;

	for (uint32_t i = 1; i <= ring->block_count; i++) {
		uint64_t seq = ring_block_seq(block_at(ring, i));

		if (seq > newest && (seq - i) % ring->block_count == 0)
			newest = seq;
	}
	return newest;
}

/* Where the dead recorder's head is not plausible, the oldest block still there is the head. */
static uint64_t plausible_head(const struct ring *ring, uint64_t head)
{
	uint64_t newest = find_newest(ring);
	uint64_t oldest = newest > ring->block_count ? newest - ring->block_count + 1 : 1;

	if (!head)
		return 1;
	if (head < oldest)
		return oldest;
	return head > newest + 1 ? newest + 1 : head;
}

/* The blocks found were counted by a predecessor: its sum is the sum at the head. */
static void count_back(struct ring *ring, uint64_t oldest)
{
	uint64_t sum = atomic_load_explicit(&ring->shared->packets, memory_order_relaxed);
	uint64_t surplus = sum - ring->total;

	for (uint64_t seq = oldest; seq < ring->head; seq++)
		if (ring_get_info(ring, seq))
			info_at(ring, seq)->before += surplus;
	ring->total = sum;
}

/* Blocks that were taken but are still "user": held for a follower (they end at the head), or
 * claimed by a reader that died. */
static void adopt_taken(struct ring *ring, uint64_t drops)
{
	uint64_t oldest = ring->head > ring->block_count ? ring->head - ring->block_count : 1;

	for (uint64_t seq = oldest; seq < ring->head; seq++)
		if (ring_block_seq(block_at(ring, seq)) == seq)
			note_block(ring, seq, (mono_t){0}, drops);
	count_back(ring, oldest);
	while (ring->held > oldest && ring_get_info(ring, ring->held - 1) &&
	       ring_block_status(block_at(ring, ring->held - 1)) == RING_BLOCK_USER)
		ring->held--;
	for (uint64_t seq = oldest; seq < ring->held; seq++)
		if (ring_get_info(ring, seq) &&
		    ring_block_status(block_at(ring, seq)) == RING_BLOCK_USER)
			ring_block_release(block_at(ring, seq));
}

/* What the kernel counted as lost since the last block was taken happened, if at all, after the
 * ring was full: behind the blocks that wait here. They carry the old count. */
static void adopt(struct ring *ring, struct instant now)
{
	uint64_t drops = atomic_load_explicit(&ring->shared->taken_drops, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->shared->head_seq, memory_order_acquire);

	ring->is_fresh = !head;
	ring->head = plausible_head(ring, head);
	ring->held = ring->head;
	adopt_taken(ring, drops);
	take_retired(ring, (mono_t){0}, drops);
	ring->adopted_end = ring->head;
	ring->orphan_until = mono_add(now.mono, ORPHAN_PATIENCE);
	atomic_store_explicit(&ring->shared->head_seq, ring->head, memory_order_release);
	tell_oldest(ring);
}

int ring_new(const struct ring_options *options, struct instant now, struct ring **ret)
{
	struct ring *ring;

	if (options->block_count < RING_BLOCKS_MIN || options->block_count > 1u << 24 ||
	    options->block_bytes < 4096 || options->block_bytes > 1u << 26)
		return -EINVAL;
	ring = xcalloc(1, sizeof(*ring));
	ring->memory = options->memory;
	ring->block_bytes = options->block_bytes;
	ring->block_count = options->block_count;
	ring->span = ring_reach_blocks(options->block_count);
	ring->shared = options->shared;
	ring->mode = options->mode;
	ring->orphan_seq = options->orphan_seq;
	ring->tear_at = options->tear_at;
	ring->infos = xcalloc(options->block_count, sizeof(*ring->infos));
	adopt(ring, now);
	/* a successor has packets waiting, and faults its pages in as it reads them */
	for (uint32_t i = 1; ring_is_fresh(ring) && i <= ring->block_count; i++)
		ring_block_touch(block_at(ring, i));
	*ret = ring;
	return 0;
}

struct ring *ring_free(struct ring *ring)
{
	if (!ring)
		return NULL;
	free(ring->infos);
	free(ring);
	return NULL;
}
