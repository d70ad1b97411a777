/* SPDX-License-Identifier: Apache-2.0 */
/* Ends, limits and losses of tracks, through the whole recorder. */
#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "capture/recorder.h"
#include "tests/unit/recorder_rig.h"
#include "tests/unit/test.h"

#define PACKETS 6000
#define SPACING (50 * DUR_US)

static struct rec_start start; /* 36 KiB */
static struct rec_edit edit;

static uint64_t count(const uint8_t *seen, uint32_t packets)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < packets; i++) {
		check(seen[i] <= 1);
		n += seen[i];
	}
	return n;
}

/* It stops by itself, without control, and holds nothing later. */
static void test_until(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	int64_t until;

	rig_start(rig);
	rig_wait(rig, rig_replayed(rig) > 0);
	until = wall_now().ns + 150 * DUR_MS;
	rig_plan(rig, 0, "", DUR_S, &start);
	start.until_wall_ns = until;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].end.end, REC_END_STOPPED);
	check(rig->tracks[0].end.packets > 0 && rig->tracks[0].end.packets < PACKETS);
	check(rig->tracks[0].end.last_wall_ns <= until);
	check(rig->tracks[0].end.last_wall_ns > until - 20 * DUR_MS);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

static void test_budget(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);

	rig_start(rig);
	rig_plan(rig, 0, "", DUR_S, &start);
	start.budget_bytes = 200 << 10;
	start.rotate_bytes = 64 << 10;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].end.end, REC_END_LIMIT);
	check(rig->tracks[0].sealed >= 2);
	check(rig->tracks[0].end.bytes > 100 << 10 && rig->tracks[0].end.bytes < 300 << 10);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* POL-22: One of three matching packets, and no more than so many. */
static void test_sampling_and_limit(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint32_t first = 0;

	rig_start(rig);
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_plan(rig, 0, "udp port 1001", DUR_MIN, &start);
	start.sampling = 3;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_plan(rig, 1, "", DUR_MIN, &start);
	start.max_packets = 777;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[1].finished);
	check_int(rig->tracks[1].end.end, REC_END_LIMIT);
	check_int(rig->tracks[1].end.packets, 777);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig_read(rig, 0, seen), (PACKETS / 2 + 2) / 3);
	while (!seen[first])
		first++;
	for (uint32_t i = first; i < PACKETS; i++)
		check_int(seen[i], (i - first) % 6 == 0);
	check_int(rig_stop(rig), 0);
	free(seen);
	rig_free(rig);
}

/* Two captures on a disk that is slower than the wire: what is lost is the lower one's first. */
static void test_priority(void)
{
	enum { MANY = 200000 };
	struct rig *rig = rig_new_paused(MANY, 1000, 300 * DUR_MS);
	uint64_t low, high;

	rig->config.buffer_bytes = 4096;
	rig->config.buffer_count = 2;
	rig->plan.block_bytes = 8192;
	rig->plan.block_count = 64;
	rig_start(rig);
	for (int i = 0; i < 2; i++) {
		rig_plan(rig, i, "", DUR_MIN, &start);
		start.priority = i;
		rig_send(rig, REC_START, &start, sizeof(start));
		rig_wait(rig, rig->tracks[i].started);
	}
	rig_wait(rig, rig_replayed(rig) == MANY);
	for (int i = 0; i < 2; i++) {
		rig_stop_track(rig, i);
		rig_wait(rig, rig->tracks[i].finished);
	}
	low = rig->tracks[0].end.packets;
	high = rig->tracks[1].end.packets;
	check(rig->tracks[0].end.loss.cursor > 0);
	check(high > low);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* On a link that fell silent a segment is still rotated, once, and quiet bytes reach the file. */
static void test_rotate_by_time(void)
{
	struct rig *rig = rig_new(100, SPACING);

	rig_start(rig);
	rig_plan(rig, 0, "", DUR_S, &start);
	start.rotate_ns = 1500 * DUR_MS;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].track.valid_bytes > 100 * 60);
	check_int(rig->tracks[0].sealed, 0);
	rig_wait(rig, rig->tracks[0].opened == 2);
	rig_wait(rig, rig->tracks[0].sealed == 1);
	check_int(rig->tracks[0].sealed_packets, 100);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].sealed, 2);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* From one block to the next: old or new, and files say by which filter they were made. */
static void test_edit(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint32_t change = 0;

	rig_start(rig);
	rig_plan(rig, 0, "udp port 1000", DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) > PACKETS / 2);
	rig_plan(rig, 1, "udp port 1001", 0, &start);
	edit.program = start.program;
	fill_text(edit.filter_text, start.filter_text);
	snprintf(edit.capture, sizeof(edit.capture), RIG_CAPTURE, 0);
	rig_send(rig, REC_EDIT, &edit, sizeof(edit));
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig_stop(rig), 0);
	rig_read(rig, 0, seen);
	while (change < PACKETS && seen[change] == !(change % 2))
		change++;
	check(change > 0 && change < PACKETS);
	for (uint32_t i = change; i < PACKETS; i++)
		check_int(seen[i], i % 2);
	check_int(rig->tracks[0].sealed, 2);
	free(seen);
	rig_free(rig);
}

/* A writer that is too slow for the ring: every packet is in the file or in exactly one counter,
 * and the file says so too. */
static void test_slow(void)
{
	enum { MANY = 200000 };
	struct rig *rig = rig_new_paused(MANY, 100, 300 * DUR_MS); /* then as fast as it goes */
	uint8_t *seen = xcalloc(1, MANY);
	const struct rec_loss *loss = &rig->tracks[0].end.loss;
	uint64_t n;

	rig->config.buffer_bytes = 4096;
	rig->config.buffer_count = 2;
	rig->plan.block_bytes = 8192;
	rig->plan.block_count = 32;
	rig_start(rig);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	start.flags = 0;
	rig_send(rig, REC_START, &start, sizeof(start));
	/* the last block is retired by time: on a busy machine that may be late */
	rig_wait(rig, rig->shared->rings[0].packets + rig->shared->rings[0].kernel_drops == MANY);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	n = rig_read(rig, 0, seen);
	check_int(count(seen, MANY), n);
	check_int(rig->tracks[0].end.packets, n);
	check(loss->kernel + loss->cursor > 0);
	check_int(rig->tracks[0].lost[GAP_CURSOR], loss->cursor);
	check_int(rig->tracks[0].lost[GAP_KERNEL], loss->kernel);
	check_int(rig->shared->rings[0].lost_cursor, loss->cursor);
	/* what the kernel drops behind the last block shows in its own counter only */
	check_int(rig->tracks[0].start.first_seq, 1);
	check(loss->kernel <= rig->shared->rings[0].kernel_drops);
	check_int(n + loss->cursor + loss->torn + rig->shared->rings[0].kernel_drops, MANY);
	check_int(rig_stop(rig), 0);
	free(seen);
	rig_free(rig);
}

/* Below the floor of free space nothing is recorded, and that is said. */
static void test_disk_full(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);

	rig->config.min_free_bytes = INT64_MAX;
	rig_start(rig);
	rig_plan(rig, 0, "", DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].end.end, REC_END_DISK_FULL);
	check_int(rig->tracks[0].end.error, ENOSPC);
	check_int(rig->tracks[0].sealed, 0);
	check_int(rig->tracks[0].end.packets, 0);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* The interface was away for a while. */
static void test_outage(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	int64_t now;

	rig_start(rig);
	rig_plan(rig, 0, "", DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].started);
	now = wall_now().ns;
	/* the supervisor tells of an outage when it is over */
	rig->shared->rings[0].down_wall_ns = now - DUR_MS;
	rig->shared->rings[0].up_wall_ns = now;
	rig_wait(rig, rig->tracks[0].gaps[GAP_NIC_DOWN] == 1);
	/* a later capture that reaches back over it hears of it too, one that does not, not */
	rig_plan(rig, 1, "", DUR_MIN, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_plan(rig, 2, "", 0, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	for (int i = 0; i < 3; i++) {
		rig_wait(rig, rig->tracks[i].started);
		rig_stop_track(rig, i);
		rig_wait(rig, rig->tracks[i].finished);
	}
	check_int(rig->tracks[0].gaps[GAP_NIC_DOWN], 1);
	check_int(rig->tracks[1].gaps[GAP_NIC_DOWN], 1);
	check_int(rig->tracks[2].gaps[GAP_NIC_DOWN], 0);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* The interface is away when the capture ends: it says since when, though nobody knows until when.
 */
static void test_outage_at_the_end(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	struct rig_track *track = &rig->tracks[0];
	int64_t down;

	rig_start(rig);
	rig_plan(rig, 0, "", DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) == PACKETS && track->started);
	down = wall_now().ns;
	rig->shared->rings[0].down_since_wall_ns = down;
	rig_stop_track(rig, 0);
	rig_wait(rig, track->finished);
	check_int(track->gaps[GAP_NIC_DOWN], 1);
	check_int(track->newest_gap.from_wall_ns, down);
	check(track->newest_gap.to_wall_ns > down);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

int main(void)
{
	test_until();
	test_budget();
	test_sampling_and_limit();
	test_priority();
	test_rotate_by_time();
	test_edit();
	test_slow();
	test_disk_full();
	test_outage();
	test_outage_at_the_end();
	return 0;
}
