/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/alloc.h"
#include "capture/ring.h"
#include "capture/ring_filler.h"
#include "capture/ring_socket.h"
#include "tests/unit/test.h"

#define BLOCKS	    32
#define BLOCK_BYTES 4096
#define REACH	    (BLOCKS - BLOCKS / 4 - 2)

struct fixture {
	struct shared_ring shared;
	struct ring_filler filler;
	struct ring *ring;
	uint8_t *memory;
	int64_t time_ns; /* of the next packet; one per second */
	uint32_t number;
};

static struct instant at(int64_t seconds)
{
	return (struct instant){{seconds * DUR_S}, {1000000 * DUR_S + seconds * DUR_S}};
}

static void adopt(struct fixture *f, enum history_mode mode, uint64_t orphan)
{
	struct ring_options options = {.memory = f->memory,
				       .block_bytes = BLOCK_BYTES,
				       .block_count = BLOCKS,
				       .shared = &f->shared,
				       .mode = mode,
				       .orphan_seq = orphan};

	ring_free(f->ring);
	check(!ring_new(&options, at(f->number), &f->ring));
}

static struct fixture *fixture_new(enum history_mode mode)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->memory = aligned_alloc(4096, BLOCKS * BLOCK_BYTES + RING_FILLER_NOTES_BYTES);
	memset(f->memory, 0, BLOCKS * BLOCK_BYTES + RING_FILLER_NOTES_BYTES);
	ring_filler_init(&f->filler, f->memory, BLOCK_BYTES, BLOCKS, at(0).wall.ns);
	adopt(f, mode, UINT64_MAX);
	return f;
}

static void fixture_free(struct fixture *f)
{
	ring_free(f->ring);
	free(f->memory);
	free(f);
}

/* One packet with a number, then the block is retired: block s holds packet s. */
static int fill_one(struct fixture *f)
{
	struct packet p = {.captured_bytes = 64, .original_bytes = 64};
	uint8_t data[64] = {0};
	int r;

	f->number++;
	memcpy(data, &f->number, sizeof(f->number));
	p.data = data;
	p.wall_ns = at(f->number).wall.ns;
	r = ring_filler_add(&f->filler, &p);
	ring_filler_retire(&f->filler, p.wall_ns);
	return r;
}

/* Fills n blocks; the ring thread's turn comes after each. */
static void run(struct fixture *f, int n, uint64_t keep)
{
	for (int i = 0; i < n; i++) {
		check(!fill_one(f));
		check_int(ring_step(f->ring, at(f->number)), 1);
		ring_release(f->ring, keep, at(f->number));
	}
}

static uint32_t read_block(struct fixture *f, uint64_t seq)
{
	struct ring_block_walk walk;
	struct packet p;
	uint32_t number;

	check(!ring_take(f->ring, seq, &walk));
	check(!ring_block_next(&walk, &p));
	memcpy(&number, p.data, sizeof(number));
	check_int(p.captured_bytes, 64);
	check_int(ring_block_next(&walk, &p), RING_BLOCK_END);
	check(!ring_put(f->ring, seq));
	return number;
}

/* Released blocks are history until they are overwritten; reach ends well before that. */
static void test_history(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);

	check_int(ring_head(f->ring), 1);
	check_int(ring_reach(f->ring), 1);
	run(f, 3 * BLOCKS, UINT64_MAX);
	check_int(ring_head(f->ring), 3 * BLOCKS + 1);
	check_int(ring_held(f->ring), ring_head(f->ring));
	check_int(ring_reach(f->ring), 3 * BLOCKS + 1 - REACH);
	for (uint64_t seq = ring_reach(f->ring); seq < ring_head(f->ring); seq++)
		check_int(read_block(f, seq), seq);
	check_int(f->shared.head_seq, ring_head(f->ring));
	check_int(f->shared.packets, 3 * BLOCKS);
	check_int(f->shared.newest_wall_ns, at(3 * BLOCKS).wall.ns);
	check_int(f->shared.oldest_wall_ns, at(3 * BLOCKS - REACH).wall.ns);
	check_int(f->filler.drops, 0);
	fixture_free(f);
}

/* While a block is claimed the kernel stops in front of it; afterwards it goes on. */
static void test_claim(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct ring_block_walk walk;
	struct packet p;
	uint64_t seq;
	int dropped = 0;

	run(f, 2 * BLOCKS, UINT64_MAX);
	seq = ring_reach(f->ring);
	check(!ring_take(f->ring, seq, &walk));
	for (int i = 0; i < BLOCKS; i++)
		dropped += fill_one(f) == RING_FILLER_DROPPED;
	check_int(dropped, BLOCKS - (seq - 1 + BLOCKS - 2 * BLOCKS));
	check(!ring_block_next(&walk, &p));
	check(!memcmp(p.data, &(uint32_t){(uint32_t)seq}, 4));
	check(!ring_put(f->ring, seq));
	ring_step(f->ring, at(f->number));
	ring_release(f->ring, UINT64_MAX, at(f->number));
	check(!fill_one(f));
	fixture_free(f);
}

/* The kernel was faster: the claim fails, and nothing stalls because of it. */
static void test_torn(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct ring_block_walk walk;
	uint64_t seq;

	run(f, 2 * BLOCKS, UINT64_MAX);
	seq = ring_reach(f->ring);
	while (f->filler.seq < seq + BLOCKS)
		check(!fill_one(f));
	/* block seq itself is intact yet, but the kernel has opened the one before it: too close */
	check_int(ring_take(f->ring, seq + 1, &walk), RING_TORN);
	check_int(ring_take(f->ring, seq, &walk), RING_TORN);
	check_int(f->shared.torn, 2);
	for (int i = 0; i < 3; i++)
		check(!fill_one(f));
	check_int(ring_step(f->ring, at(f->number)), f->filler.seq - 1 - 2 * BLOCKS);
	fixture_free(f);
}

/* A follower's blocks are held, but never so many that the kernel would drop. */
static void test_keep(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);

	run(f, 5, 3);
	check_int(ring_held(f->ring), 3);
	run(f, 2 * BLOCKS, 3);
	check_int(ring_held(f->ring), ring_reach(f->ring));
	check_int(f->filler.drops, 0);
	fixture_free(f);
}

static void test_hold_mode(void)
{
	struct fixture *f = fixture_new(HISTORY_HOLD);

	run(f, 3 * BLOCKS, UINT64_MAX);
	check_int(ring_held(f->ring), ring_reach(f->ring));
	for (uint64_t seq = ring_reach(f->ring); seq < ring_head(f->ring); seq++)
		check_int(read_block(f, seq), seq);
	check_int(f->filler.drops, 0);
	fixture_free(f);
}

/* By the time the block was taken, whatever the wall clock did. */
static void test_find(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct ring_query query = {.from_wall_ns = 1};

	run(f, BLOCKS, UINT64_MAX);
	query.from = at(BLOCKS - 4).mono;
	check_int(ring_find(f->ring, &query), BLOCKS - 4);
	query.from = at(BLOCKS + 1).mono;
	check_int(ring_find(f->ring, &query), BLOCKS + 1);
	query.from = at(-1000).mono;
	check_int(ring_find(f->ring, &query), ring_reach(f->ring));
	/* after a restart the block's own times count */
	adopt(f, HISTORY_CLAIM, UINT64_MAX);
	query.from_wall_ns = at(BLOCKS - 4).wall.ns;
	check_int(ring_find(f->ring, &query), BLOCKS - 4);
	check_int(ring_open_ns(f->ring, BLOCKS - 4), at(BLOCKS - 5).wall.ns);
	check_int(ring_open_ns(f->ring, BLOCKS + 1), at(BLOCKS).wall.ns);
	fixture_free(f);
}

/* A recorder died while it held blocks; the kernel went on and ran full. Its successor finds every
 * block, knows what was lost and where. */
static void test_adopt(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct ring_block_walk walk;
	unsigned dropped = 0;

	f->shared.kernel_drops = 5;
	run(f, BLOCKS + 4, BLOCKS - 3);			/* held: BLOCKS - 3 … BLOCKS + 4 */
	check(!ring_take(f->ring, BLOCKS - 10, &walk)); /* died with a claim */
	for (int i = 0; i < 3 * BLOCKS; i++)
		dropped += fill_one(f) == RING_FILLER_DROPPED;
	check(dropped > 0);
	f->shared.kernel_drops = 5 + dropped;
	adopt(f, HISTORY_CLAIM, BLOCKS - 3);
	check_int(ring_head(f->ring), f->filler.seq);
	check_int(ring_packets_before(f->ring, ring_head(f->ring)), ring_head(f->ring) - 1);
	check_int(ring_packets_before(f->ring, BLOCKS + 2), BLOCKS + 1);
	check_int(ring_adopted_end(f->ring), f->filler.seq);
	check_int(ring_held(f->ring), BLOCKS - 3);
	check_int(read_block(f, BLOCKS + 4), BLOCKS + 4);
	check_int(ring_get_info(f->ring, ring_head(f->ring) - 1)->kernel_drops, 5);
	ring_release(f->ring, UINT64_MAX, at(f->number));
	check_int(ring_held(f->ring),
		  ring_reach(f->ring) > BLOCKS - 3 ? ring_reach(f->ring) : BLOCKS - 3);
	ring_release(f->ring, UINT64_MAX, at(f->number + 60)); /* nobody came for them */
	check_int(ring_held(f->ring), ring_head(f->ring));
	run(f, 1, UINT64_MAX);
	check_int(ring_get_info(f->ring, ring_head(f->ring) - 1)->kernel_drops, 5 + dropped);
	fixture_free(f);
}

/* The filler itself: a successor retires the half-filled block and goes on behind it. */
static void test_filler_adopts(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct packet p = {.data = f->memory, .captured_bytes = 100, .original_bytes = 100};
	struct ring_block_walk walk;
	struct packet got;
	unsigned n = 0;

	run(f, 2, UINT64_MAX);
	for (int i = 0; i < 7; i++)
		check(!ring_filler_add(&f->filler, &p));
	ring_filler_init(&f->filler, f->memory, BLOCK_BYTES, BLOCKS, at(3).wall.ns);
	check_int(f->filler.position, 9);
	check_int(f->filler.seq, 4);
	check_int(ring_step(f->ring, at(3)), 1);
	check(!ring_take(f->ring, 3, &walk));
	while (!ring_block_next(&walk, &got))
		n++;
	check_int(n, 7);
	fixture_free(f);
}

/* Numbers in a block that make no sense end the walk. */
static void test_nonsense(void)
{
	struct fixture *f = fixture_new(HISTORY_CLAIM);
	struct ring_block_walk walk;
	struct packet p;

	run(f, 1, UINT64_MAX);
	for (uint32_t word = 0; word < 24; word++) {
		uint32_t *at_word = (uint32_t *)f->memory + word, old = *at_word;

		*at_word = 0xfffffff0;
		ring_block_walk_init(&walk, f->memory, BLOCK_BYTES);
		for (int i = 0; i < 100 && !ring_block_next(&walk, &p); i++)
			check(p.data >= f->memory &&
			      p.data + p.captured_bytes <= f->memory + BLOCK_BYTES);
		*at_word = old;
	}
	fixture_free(f);
}

/* One packet per second; returns how many seconds a ring of that memory reaches back then. The
 * blocks are small here, which changes nothing where time retires them. */
static int64_t quiet_reach(uint64_t memory_bytes)
{
	struct shared_ring shared = {0};
	struct ring_options options = {.shared = &shared,
				       .block_bytes = 4096,
				       .mode = HISTORY_CLAIM,
				       .orphan_seq = UINT64_MAX};
	struct packet p = {.data = (const uint8_t *)"x", .captured_bytes = 1, .original_bytes = 1};
	struct ring_geometry plan;
	struct ring_filler filler;
	struct ring *ring;
	int64_t now_ns = 0, retire_ns;
	void *memory;

	ring_socket_plan(memory_bytes, &plan);
	options.block_count = plan.block_count;
	memory = aligned_alloc(4096, plan.block_count * 4096ul + RING_FILLER_NOTES_BYTES);
	memset(memory, 0, plan.block_count * 4096ul + RING_FILLER_NOTES_BYTES);
	ring_filler_init(&filler, memory, 4096, plan.block_count, at(0).wall.ns);
	options.memory = memory;
	check(!ring_new(&options, at(0), &ring));
	retire_ns = plan.retire_ms * DUR_MS;
	for (int64_t second = 1; second < 2 * plan.block_count; second++) {
		struct instant now = at(second);

		p.wall_ns = now.wall.ns;
		while (now_ns + retire_ns < second * DUR_S) {
			now_ns += retire_ns;
			ring_filler_retire(&filler, at(0).wall.ns + now_ns);
		}
		check(!ring_filler_add(&filler, &p));
		ring_step(ring, now);
		ring_release(ring, UINT64_MAX, now);
	}
	now_ns = p.wall_ns - shared.oldest_wall_ns;
	ring_free(ring);
	free(memory);
	return now_ns / DUR_S;
}

static void test_quiet_reach(void)
{
	check(quiet_reach(256ull << 20) >= 15 * 60);
	check(quiet_reach(1ull << 30) >= 60 * 60);
}

static void test_geometry(void)
{
	struct shared_ring shared = {0};
	struct ring_options options = {.block_bytes = 4096, .block_count = 8, .shared = &shared};
	struct ring *ring;

	check_int(ring_new(&options, at(0), &ring), -EINVAL);
	options.block_count = 32;
	options.block_bytes = 100;
	check_int(ring_new(&options, at(0), &ring), -EINVAL);
}

int main(void)
{
	test_history();
	test_claim();
	test_torn();
	test_keep();
	test_hold_mode();
	test_find();
	test_adopt();
	test_filler_adopts();
	test_nonsense();
	test_geometry();
	test_quiet_reach();
	return 0;
}
