/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pace.h"
#include "tests/unit/test.h"

#define MIB	    (1ull << 20)
#define BLOCK_BYTES (256u << 10)

/* Plays the ring: fills at `rate` for a while and checks that no sleep lets it grow beyond half the
 * ring. Returns the number of wake-ups. */
struct play {
	struct pace pace;
	double ring_bytes;
	double pending; /* bytes retired since the last wake-up, and of the open block */
	int64_t now_ns;
	int watching;
	dur_t sleep;
};

static void play_init(struct play *p, uint64_t ring_bytes, dur_t idle_most)
{
	*p = (struct play){.ring_bytes = (double)ring_bytes, .watching = 1};
	pace_init(&p->pace, BLOCK_BYTES, (uint32_t)(ring_bytes / BLOCK_BYTES), idle_most);
}

static unsigned play(struct play *p, double rate, double seconds)
{
	int64_t end = p->now_ns + (int64_t)(seconds * DUR_S);
	unsigned wakes = 0;

	while (p->now_ns < end) {
		double wait = p->watching ? (BLOCK_BYTES - p->pending) / rate * DUR_S
					  : (double)p->sleep;
		uint32_t taken;

		wait = wait < 1 ? 1 : wait > 1300.0 * DUR_MS ? 1300.0 * DUR_MS : wait;
		p->now_ns += (int64_t)wait;
		p->pending += rate * wait / DUR_S;
		check(p->pending <= p->ring_bytes / 2 + BLOCK_BYTES);
		taken = (uint32_t)(p->pending / BLOCK_BYTES);
		p->pending -= (double)taken * BLOCK_BYTES;
		p->sleep = pace_idle(&p->pace, taken, (mono_t){p->now_ns});
		p->watching = p->sleep == PACE_NEXT_BLOCK;
		wakes++;
	}
	return wakes;
}

/* However the rate steps, and from whatever pace, half of the ring stays free. */
static void test_steps(uint64_t ring_bytes)
{
	static const double rates[] = {1e3, 1e5, 5e6, 3e7, 2e8, 7e8, 1.3e9, 2.4e9};
	struct play p;

	play_init(&p, ring_bytes, DUR_S);
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 8; k++) {
			play(&p, rates[i], 3);
			play(&p, rates[k], 3);
		}
}

static void test_wakes(void)
{
	struct play p;

	play_init(&p, 512 * MIB, DUR_S);
	check(play(&p, 1e3, 10) <= 10);	   /* a quiet link: one per retired block */
	check(play(&p, 2e8, 10) <= 120);   /* 300 kpps of 512 B */
	check(play(&p, 2.4e9, 10) <= 250); /* flood */
	play_init(&p, 512 * MIB, 20 * DUR_MS);
	check(play(&p, 2e8, 10) >= 450); /* the user's bound */
}

/* Held back from running, or beyond the rate we know of: it wakes more often, and recovers. */
static void test_late(void)
{
	struct pace pace;
	dur_t sleep, before;

	pace_init(&pace, BLOCK_BYTES, 1024, DUR_S);
	for (int i = 1; i < 20; i++)
		before = pace_idle(&pace, 20, (mono_t){i * DUR_S});
	sleep = pace_idle(&pace, 700, (mono_t){21 * DUR_S});
	check_int(sleep, before / 2);
	for (int i = 0; i < 30; i++)
		sleep = pace_idle(&pace, 900, (mono_t){(22 + i) * DUR_S});
	check_int(sleep, DUR_MS / 2);
	for (int i = 0; i < 30; i++)
		sleep = pace_idle(&pace, 20, (mono_t){(60 + i) * DUR_S});
	check_int(sleep, before);
}

static void test_busy(void)
{
	struct pace pace;

	pace_init(&pace, BLOCK_BYTES, 1024, DUR_S);
	check_int(pace_busy(&pace, 1, (mono_t){DUR_S}), PACE_NEXT_BLOCK);
	check(pace_busy(&pace, 40, (mono_t){2 * DUR_S}) <= 20 * DUR_MS);
}

int main(void)
{
	test_steps(4 * MIB);
	test_steps(64 * MIB);
	test_steps(512 * MIB);
	test_steps(1ull << 40);
	test_wakes();
	test_late();
	test_busy();
	return 0;
}
