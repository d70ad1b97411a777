/* SPDX-License-Identifier: Apache-2.0 */
/* How long a ring thread may sleep. Pure: facts in, a decision out.
 *
 * A wake-up costs more than taking a hundred blocks, so few of them make the recorder cheap. But
 * while the thread sleeps nothing is given back to the kernel, and a kernel that comes within a
 * quarter of the ring of a held block drops packets. So one sleep may never be longer than the
 * fastest wire we know of needs for half the ring, however slow it is now: a rate that steps up
 * during a sleep still finds room. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

/* Ring bytes per second that one NIC can bring, slots' overhead included; twice what one processor
 * was seen to deliver, and 20 Gbit/s of full frames. */
#define PACE_RATE_MAX 2500000000.0

struct pace {
	/* set by pace_init */
	uint32_t block_count;
	dur_t idle_most;
	dur_t busy_most;
	/* state */
	dur_t sleep;
	mono_t woken;
};

/* idle_most: the user's upper bound for one sleep while nothing is captured. */
void pace_init(struct pace *pace, uint32_t block_bytes, uint32_t block_count, dur_t idle_most);

#define PACE_NEXT_BLOCK 0 /* blocks are rare: sleep until the next one is retired */

/* After a wake-up that found `taken` blocks: the time to sleep, or PACE_NEXT_BLOCK.
 * Idle: nothing is captured, a packet is in no hurry. Busy: a packet should be in its file soon. */
dur_t pace_idle(struct pace *pace, uint32_t taken, mono_t now);
dur_t pace_busy(struct pace *pace, uint32_t taken, mono_t now);
