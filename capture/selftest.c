/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/selftest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "capture/ring_block.h"
#include "capture/ring_selftest.h"

#define PACKETS_PER_LAP (SELFTEST_BLOCKS * SELFTEST_BLOCK_BYTES / 1000 + SELFTEST_BLOCKS)
#define PATIENCE	(500 * DUR_MS) /* per step; the kernel needs microseconds */

static void *block_at(const struct selftest_rig *rig, uint64_t seq)
{
	return (uint8_t *)rig->memory + (seq - 1) % SELFTEST_BLOCKS * SELFTEST_BLOCK_BYTES;
}

static void fail(struct selftest_result *ret, const char *reason)
{
	ret->mode = HISTORY_HOLD;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

/* Sends until block seq is retired. Returns 0 or -errno. */
static int fill_until(const struct selftest_rig *rig, uint64_t seq)
{
	mono_t end = mono_add(mono_now(), PATIENCE);
	const void *block = block_at(rig, seq);

	while (ring_block_status(block) != RING_BLOCK_USER || ring_block_seq(block) != seq) {
		int r = rig->send(rig->owner);

		if (r < 0)
			return r;
		if (mono_sub(end, mono_now()) < 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* Sends a lap's worth of packets, and then waits for nothing: they must not arrive. */
static int send_lap(const struct selftest_rig *rig)
{
	for (unsigned i = 0; i < 2 * PACKETS_PER_LAP; i++) {
		int r = rig->send(rig->owner);

		if (r < 0)
			return r;
	}
	poll(NULL, 0, 5); /* what is still on its way between two CPUs */
	return 0;
}

static const char *content_of(const void *block, char hex[SHA256_HEX_SIZE])
{
	struct ring_block_walk walk;
	struct packet packet;
	struct sha256 h;

	sha256_init(&h);
	ring_block_walk_init(&walk, block, SELFTEST_BLOCK_BYTES);
	sha256_add(&h, &walk.left, sizeof(walk.left));
	while (!ring_block_next(&walk, &packet))
		sha256_add(&h, packet.data, packet.captured_bytes);
	return sha256_format(&h, hex);
}

static int is_unchanged(const void *block, uint64_t seq, const char *content)
{
	char now[SHA256_HEX_SIZE];

	return ring_block_seq(block) == seq && !strcmp(content_of(block, now), content);
}

/* Blocks 1 to 4 are filled and released; block 2 is then our history. */
static int prepare(const struct selftest_rig *rig, char content[SHA256_HEX_SIZE],
		   struct selftest_result *ret)
{
	int r = fill_until(rig, 4);

	if (r < 0) {
		snprintf(ret->reason, sizeof(ret->reason), "no packets pass over lo: %s",
			 strerror(-r));
		return r;
	}
	content_of(block_at(rig, 2), content);
	for (uint64_t seq = 1; seq <= 4; seq++)
		ring_block_release(block_at(rig, seq));
	return fill_until(rig, 5);
}

/* Sequence: the ring wraps up to the claimed block 2 and stops; then it is released and overwritten
 * by block 10. */
void selftest_prove(const struct selftest_rig *rig, struct selftest_result *ret)
{
	char content[SHA256_HEX_SIZE];
	void *history = block_at(rig, 2);

	*ret = (struct selftest_result){.mode = HISTORY_HOLD};
	if (prepare(rig, content, ret) < 0) {
		if (!*ret->reason)
			fail(ret, "the ring stops although blocks are free");
		return;
	}
	if (!is_unchanged(history, 2, content)) {
		fail(ret, "a released block does not keep its content");
		return;
	}
	ring_block_claim(history);
	if (send_lap(rig) < 0 || !is_unchanged(history, 2, content)) {
		fail(ret, "a claimed block is overwritten");
		return;
	}
	if (ring_block_seq(block_at(rig, 9)) != 9) {
		fail(ret, "a claimed block stops the ring too early");
		return;
	}
	for (uint64_t seq = 2; seq <= 9; seq++)
		ring_block_release(block_at(rig, seq));
	if (fill_until(rig, 10) < 0) {
		fail(ret, "the ring does not go on after a claimed block is released");
		return;
	}
	ret->mode = HISTORY_CLAIM;
}

void selftest_run(const char *test_hook, struct selftest_result *ret)
{
	struct ring_selftest lo;
	struct selftest_rig rig = {.send = ring_selftest_send, .owner = &lo};
	int r;

	*ret = (struct selftest_result){.mode = HISTORY_HOLD};
	if (!strcmp(test_hook, "selftest=fail")) {
		fail(ret, "made to fail by a test hook");
		return;
	}
	r = ring_selftest_open(&lo, SELFTEST_BLOCK_BYTES, SELFTEST_BLOCKS);
	if (r < 0) {
		snprintf(ret->reason, sizeof(ret->reason), "no ring on lo: %s", strerror(-r));
		return;
	}
	rig.memory = lo.memory;
	selftest_prove(&rig, ret);
	ring_selftest_close(&lo);
}
