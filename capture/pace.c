/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pace.h"

#define SLEEP_MIN (DUR_MS / 2)
#define BUSY_MOST (20 * DUR_MS)

static dur_t shorter(dur_t a, dur_t b)
{
	return a < b ? a : b;
}

static dur_t longer(dur_t a, dur_t b)
{
	return a > b ? a : b;
}

void pace_init(struct pace *pace, uint32_t block_bytes, uint32_t block_count, dur_t idle_most)
{
	double half = (double)block_bytes * block_count / 2;
	/* bounded before the conversion: a TiB lasts for minutes */
	dur_t safe = half / PACE_RATE_MAX > 60 ? DUR_MIN : (dur_t)(half / PACE_RATE_MAX * DUR_S);

	*pace = (struct pace){.block_count = block_count};
	pace->idle_most = longer(shorter(safe, idle_most), SLEEP_MIN);
	pace->busy_most = longer(shorter(safe / 2, BUSY_MOST), SLEEP_MIN);
	pace->sleep = pace->busy_most;
}

/* Faster than PACE_RATE_MAX after all, or a thread that was kept from running. */
static void shorten(struct pace *pace, uint32_t taken, dur_t most)
{
	if (taken > pace->block_count / 4)
		pace->sleep /= 2;
	else if (taken <= pace->block_count / 8)
		pace->sleep *= 2;
	pace->sleep = longer(shorter(pace->sleep, most), SLEEP_MIN);
}

/* Waiting for the next block costs a wake-up for each: only where they come slower than that. */
static dur_t next(struct pace *pace, uint32_t taken, mono_t now)
{
	dur_t since = mono_sub(now, pace->woken);

	pace->woken = now;
	return taken <= 1 && since >= pace->sleep / 2 ? PACE_NEXT_BLOCK : pace->sleep;
}

dur_t pace_idle(struct pace *pace, uint32_t taken, mono_t now)
{
	shorten(pace, taken, pace->idle_most);
	return next(pace, taken, now);
}

dur_t pace_busy(struct pace *pace, uint32_t taken, mono_t now)
{
	shorten(pace, taken, pace->busy_most);
	return next(pace, taken, now);
}
