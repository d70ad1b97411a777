/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/alloc.h"
#include "capture/recorder.h"
#include "tests/unit/recorder_rig.h"
#include "tests/unit/test.h"

#define PACKETS 20000
#define SPACING (50 * DUR_US)

static struct rec_start start; /* 36 KiB */

static void check_once(const uint8_t *seen, uint32_t packets)
{
	for (uint32_t i = 0; i < packets; i++) {
		if (seen[i] != 1)
			fprintf(stderr, "packet %u is there %u times\n", i, seen[i]);
		check_int(seen[i], 1);
	}
}

/* Two captures at once, one reaching back, each with exactly its own packets. */
static void test_two_tracks(enum history_mode mode)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint64_t at_start, n;

	rig->shared->rings[0].history_mode = mode;
	rig_start(rig);
	rig_wait(rig, rig_replayed(rig) > PACKETS / 4);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	start.trigger_wall_ns = wall_now().ns;
	start.rotate_bytes = 512 << 10;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_plan(rig, 1, "udp port 1001", 0, &start);
	at_start = rig_replayed(rig);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_stop_track(rig, 0);
	rig_stop_track(rig, 1);
	rig_wait(rig, rig->tracks[0].finished && rig->tracks[1].finished);
	check_int(rig->tracks[0].end.end, REC_END_STOPPED);
	check_int(rig->tracks[0].end.packets, PACKETS);
	check_int(rig->tracks[0].sealed_packets, PACKETS);
	check(rig->tracks[0].sealed > 3);
	check_int(rig->tracks[0].opened, rig->tracks[0].sealed);
	check_int(rig_read(rig, 0, seen), PACKETS);
	check_once(seen, PACKETS);
	memset(seen, 0, PACKETS);
	n = rig_read(rig, 1, seen);
	check_int(rig->tracks[1].end.packets, n);
	check(n > (PACKETS - at_start) / 4 && n < PACKETS / 2);
	/* from its first packet on every odd one, and no other */
	for (uint32_t i = 0; i < PACKETS; i++)
		check_int(seen[i], i % 2 && i >= PACKETS - 2 * n);
	check_int(rig_stop(rig), 0);
	free(seen);
	rig_free(rig);
}

/* A block that was overwritten while history is read: its packets, and no others, are missing. */
static void test_torn(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint64_t missing = 0;

	fill_text(rig->config.test_hook, "tear=3");
	rig->config.replay_speed_percent = 400;
	rig_start(rig);
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].started);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	rig_read(rig, 0, seen);
	for (uint32_t i = 0; i < PACKETS; i++)
		missing += !seen[i];
	check(missing > 0);
	check_int(rig->tracks[0].gaps[GAP_TORN], 1);
	check_int(rig->tracks[0].lost[GAP_TORN], missing);
	check_int(rig->tracks[0].end.loss.torn, missing);
	check_int(rig->shared->rings[0].torn, 1);
	check_int(rig_stop(rig), 0);
	free(seen);
	rig_free(rig);
}

/* Tracks survive control; a new one hears what the old one did not acknowledge. */
static void test_control_gone(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);

	rig->config.replay_speed_percent = 200;
	rig_start(rig);
	rig_plan(rig, 2, "", 20 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[2].started);
	rig_reconnect(rig);
	check(rig->tracks[2].synced);
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	rig_stop_track(rig, 2);
	/* the end happens while nobody listens */
	wait_for(!rig->shared->cursors[0].used, 5);
	rig_reconnect(rig);
	check(rig->tracks[2].finished);
	check_int(rig_stop(rig), 0);
	check_int(rig_read(rig, 2, seen), PACKETS);
	free(seen);
	rig_free(rig);
}

static void test_refusals(void)
{
	struct rig *rig = rig_new(10, SPACING);

	rig_start(rig);
	rig_plan(rig, 0, "", 0, &start);
	start.ring = 3;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_plan(rig, 1, "", 0, &start);
	fill_text(start.folder, "nowhere");
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_plan(rig, 2, "udp", 0, &start);
	start.program.insns[0].code = 0x05; /* jump */
	start.program.insns[0].k = 5000;    /* out of the program */
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig,
		 rig->tracks[0].finished && rig->tracks[1].finished && rig->tracks[2].finished);
	check_int(rig->tracks[0].end.end, REC_END_NO_RING);
	check_int(rig->tracks[1].end.end, REC_END_DISK_ERROR);
	check_int(rig->tracks[1].end.error, ENOENT);
	check_int(rig->tracks[2].end.end, REC_END_BAD_FILTER);
	/* a path that leads elsewhere is nonsense: the link is closed */
	rig_plan(rig, 3, "", 0, &start);
	fill_text(start.folder, "../elsewhere");
	rig_send(rig, REC_START, &start, sizeof(start));
	wait_for(ipc_receive(rig->control, &rig->message) == IPC_CLOSED, 5);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

/* A start order that arrives before the rings do is not refused. */
static void test_early_order(void)
{
	struct rig *rig = rig_new(10, SPACING);

	rig_plan(rig, 0, "", 0, &start);
	rig->early = &start;
	rig_start(rig);
	rig_wait(rig, rig->tracks[0].started);
	check(!rig->tracks[0].finished);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

int main(void)
{
	test_two_tracks(HISTORY_CLAIM);
	test_two_tracks(HISTORY_HOLD);
	test_torn();
	test_control_gone();
	test_refusals();
	test_early_order();
	return 0;
}
