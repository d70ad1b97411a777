/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "capture/ring_block.h"
#include "capture/ring_filler.h"
#include "capture/selftest.h"

enum behaviour {
	AS_LINUX,
	ERASES,	       /* a released block is wiped */
	IGNORES_CLAIM, /* a claimed block is overwritten */
	STOPS_FOR_GOOD,
	SENDS_NOTHING,
};

struct kernel {
	_Alignas(4096)
		uint8_t memory[SELFTEST_BLOCKS * SELFTEST_BLOCK_BYTES + RING_FILLER_NOTES_BYTES];
	struct ring_filler filler;
	enum behaviour behaviour;
	uint8_t count;
};

static uint8_t *block_at(struct kernel *k, uint64_t seq)
{
	return k->memory + (seq - 1) % SELFTEST_BLOCKS * SELFTEST_BLOCK_BYTES;
}

/* Wipes what was filled and is free again. */
static void erase(struct kernel *k)
{
	for (uint64_t seq = 1; seq < k->filler.seq && seq <= SELFTEST_BLOCKS; seq++)
		if (ring_block_status(block_at(k, seq)) == RING_BLOCK_KERNEL)
			memset(block_at(k, seq) + 48, 0, SELFTEST_BLOCK_BYTES - 48);
}

static int send_one(void *owner)
{
	struct kernel *k = owner;
	uint8_t data[1000];
	struct packet p = {.data = data,
			   .captured_bytes = sizeof(data),
			   .original_bytes = sizeof(data),
			   .wall_ns = 1};

	memset(data, k->count++, sizeof(data));
	if (k->behaviour == SENDS_NOTHING)
		return 0;
	if (k->behaviour == ERASES)
		erase(k);
	if (k->behaviour == IGNORES_CLAIM && k->filler.seq > 6)
		ring_block_release(block_at(k, 2));
	if (k->behaviour == STOPS_FOR_GOOD && k->filler.drops)
		return 0;
	ring_filler_add(&k->filler, &p);
	return 0;
}

static void prove(enum behaviour behaviour, struct selftest_result *ret)
{
	static struct kernel k;
	struct selftest_rig rig = {.memory = k.memory, .send = send_one, .owner = &k};

	memset(&k, 0, sizeof(k));
	k.behaviour = behaviour;
	ring_filler_init(&k.filler, k.memory, SELFTEST_BLOCK_BYTES, SELFTEST_BLOCKS, 1);
	selftest_prove(&rig, ret);
}

static void check_fails(enum behaviour behaviour, const char *reason)
{
	struct selftest_result result;

	prove(behaviour, &result);
	check_int(result.mode, HISTORY_HOLD);
	check_text(result.reason, reason);
}

int main(void)
{
	struct selftest_result result;

	prove(AS_LINUX, &result);
	check_text(result.reason, "");
	check_int(result.mode, HISTORY_CLAIM);
	check_fails(ERASES, "a released block does not keep its content");
	check_fails(IGNORES_CLAIM, "a claimed block is overwritten");
	check_fails(STOPS_FOR_GOOD, "the ring does not go on after a claimed block is released");
	check_fails(SENDS_NOTHING, "no packets pass over lo: Connection timed out");
	selftest_run("selftest=fail", &result);
	check_int(result.mode, HISTORY_HOLD);
	check_text(result.reason, "made to fail by a test hook");
	return 0;
}
