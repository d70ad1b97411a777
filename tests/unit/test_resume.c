/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/alloc.h"
#include "capture/mark.h"
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

/* SIGKILL again and again in the middle of a capture: nothing is missing, nothing is there twice,
 * and each time it is said that nothing was lost. */
static void test_kill(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	unsigned kills = 0;

	rig_start(rig);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	start.rotate_bytes = 300 << 10;
	start.from_wall_ns -= 3600 * DUR_S;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig->tracks[0].started); /* before, there is nothing to resume */
	for (uint64_t next = 1500; next < PACKETS; next += 1700 + kills * 97) {
		rig_wait(rig, rig_replayed(rig) > next);
		rig_kill(rig);
		kills++;
		rig->tracks[0].started = 0;
		rig_start(rig);
		start.flags = REC_RESUME;
		rig_send(rig, REC_START, &start, sizeof(start));
		rig_wait(rig, rig->tracks[0].started);
		check_int(rig->tracks[0].start.resumed, 1);
	}
	rig_wait(rig, rig_replayed(rig) >= PACKETS);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].gaps[GAP_RESTART], kills);
	check_int(rig->tracks[0].lost[GAP_RESTART], 0);
	check(kills > 5);
	check_int(rig_stop(rig), 0);
	rig_read(rig, 0, seen);
	check_once(seen, PACKETS);
	free(seen);
	rig_free(rig);
}

/* What a dead recorder had lost, and no packet behind it told, is in the drop count of the first
 * packet that its successor writes. */
static void test_unwritten(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	struct shared_mark mark;

	rig_start(rig);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, (mark_load(&rig->shared->cursors[0], &mark), mark.packets > 0));
	rig_kill(rig);
	mark_load(&rig->shared->cursors[0], &mark);
	check_int(mark.unwritten, 0);
	mark.unwritten = 77;
	mark_save(&rig->shared->cursors[0], &mark);
	rig_start(rig);
	start.flags = REC_RESUME;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) >= PACKETS);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig_stop(rig), 0);
	rig_read(rig, 0, seen);
	check_once(seen, PACKETS);
	check_int(rig->drops, 77);
	free(seen);
	rig_free(rig);
}

/* CHILD_STOP seals what runs; started again, the capture goes on behind its mark. */
static void test_shutdown(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);

	rig_start(rig);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) > PACKETS / 3);
	check_int(rig_stop(rig), 0);
	check(rig->tracks[0].finished);
	check_int(rig->tracks[0].end.end, REC_END_SHUTDOWN);
	rig->tracks[0].finished = 0;
	rig_start(rig);
	start.flags = REC_RESUME;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) >= PACKETS);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig_stop(rig), 0);
	rig_read(rig, 0, seen);
	check_once(seen, PACKETS);
	free(seen);
	rig_free(rig);
}

/* As the supervisor does when an interface came back: the recorder is killed, the ring made anew.
 * Returns how many packets the capture's file surely has; *replayed: those before the new ring. */
static uint64_t renew_ring(struct rig *rig, uint64_t *replayed)
{
	struct shared_mark mark;

	rig_wait(rig, (mark_load(&rig->shared->cursors[0], &mark), mark.packets > 0));
	rig_kill(rig);
	*replayed = rig_replayed(rig);
	mark_load(&rig->shared->cursors[0], &mark);
	close(rig->ring_fd);
	rig->ring_fd = -1;
	rig->shared->rings[0].head_seq = 0;
	rig_start(rig);
	return mark.packets;
}

/* The mark of a dead recorder says nothing about a new ring: all that is in that one is read,
 * whether its blocks have smaller or larger numbers than the mark. Its replay begins again. */
static void test_new_ring(uint64_t before, uint64_t after)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint64_t replayed, written;

	rig_start(rig);
	rig_plan(rig, 0, "", 20 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) > before);
	written = renew_ring(rig, &replayed);
	rig_wait(rig, rig_replayed(rig) > replayed + after);
	start.flags = REC_RESUME;
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_wait(rig, rig_replayed(rig) > replayed + after + 1000);
	rig_stop_track(rig, 0);
	rig_wait(rig, rig->tracks[0].finished);
	check_int(rig->tracks[0].gaps[GAP_RESTART], 1);
	check_int(rig_stop(rig), 0);
	rig_read(rig, 0, seen);
	for (uint64_t i = 0; i < after; i++)
		check_int(seen[i], i < written ? 2 : 1);
	free(seen);
	rig_free(rig);
}

int main(void)
{
	test_new_ring(6000, 1000);
	test_new_ring(2000, 4000);
	test_shutdown();
	test_kill();
	test_unwritten();
	return 0;
}
