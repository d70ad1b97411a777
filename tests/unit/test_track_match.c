/* SPDX-License-Identifier: Apache-2.0 */
/* Structured filters through the whole recorder: alone, together, edited, and hostile ones. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "capture/recorder.h"
#include "dispatch/serve/filter_table.h"
#include "tests/unit/recorder_rig.h"
#include "tests/unit/test.h"

#define PACKETS 6000
#define SPACING (50 * DUR_US)

static struct rec_start start; /* 36 KiB */
static struct rec_edit edit;

static void send_match(struct rig *rig, uint32_t type, const void *body, size_t size, int fd)
{
	check(!ipc_send_wait(rig->control, type, body, size, fd, 1000));
}

/* A file with a filter for UDP to or from this port; its size in *ret. */
static int open_port(unsigned port, uint32_t *ret)
{
	struct match match = {0};
	struct buf table = BUF_INIT;
	int fd;

	range_set_add(&match.side.ports, port, port);
	filter_table_format(&match, NULL, 0, &table);
	fd = filter_table_open(&table);
	check(fd >= 0);
	*ret = (uint32_t)table.len;
	buf_fini(&table);
	match_fini(&match);
	return fd;
}

static void start_port(struct rig *rig, int i, unsigned port, int64_t lookback_ns)
{
	int fd;

	rig_plan(rig, i, "", lookback_ns, &start);
	fd = open_port(port, &start.match_bytes);
	send_match(rig, REC_START, &start, sizeof(start), fd);
	close(fd);
}

static void stop_all(struct rig *rig, int tracks)
{
	rig_wait(rig, rig_replayed(rig) == PACKETS);
	for (int i = 0; i < tracks; i++)
		rig_stop_track(rig, i);
	for (int i = 0; i < tracks; i++)
		rig_wait(rig, rig->tracks[i].finished);
	check_int(rig_stop(rig), 0);
}

/* Packet n is there exactly once if n % 2 == odd, else not at all. */
static void check_half(struct rig *rig, int i, int odd)
{
	uint8_t *seen = xcalloc(1, PACKETS);

	check_int(rig_read(rig, i, seen), PACKETS / 2);
	for (uint32_t n = 0; n < PACKETS; n++)
		check_int(seen[n], (int)(n % 2) == odd);
	check_int(rig->tracks[i].end.packets, PACKETS / 2);
	free(seen);
}

static void alone(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);

	rig_start(rig);
	start_port(rig, 0, 1001, DUR_S);
	stop_all(rig, 1);
	check_half(rig, 0, 1);
	rig_free(rig);
}

static void together_with_each_other_and_with_programs(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);

	rig_start(rig);
	start_port(rig, 0, 1000, DUR_S);
	rig_wait(rig, rig_replayed(rig) > PACKETS / 4);
	start_port(rig, 1, 1001, 10 * DUR_S);
	rig_plan(rig, 2, "udp port 1000", 10 * DUR_S, &start);
	rig_send(rig, REC_START, &start, sizeof(start));
	rig_plan(rig, 3, "udp port 1000", 10 * DUR_S, &start); /* and not: nothing is both */
	{
		CLEANUP_CLOSE int fd = open_port(1001, &start.match_bytes);

		send_match(rig, REC_START, &start, sizeof(start), fd);
	}
	stop_all(rig, 4);
	check_half(rig, 0, 0);
	check_half(rig, 1, 1);
	check_half(rig, 2, 0);
	check_int(rig_read(rig, 3, seen), 0);
	free(seen);
	rig_free(rig);
}

/* From one block to the next, while a neighbour goes on: old or new, none by neither. */
static void edited(void)
{
	struct rig *rig = rig_new(PACKETS, SPACING);
	uint8_t *seen = xcalloc(1, PACKETS);
	uint32_t change = 0;
	int fd;

	rig_start(rig);
	start_port(rig, 0, 1000, DUR_S);
	start_port(rig, 1, 1001, DUR_S);
	rig_wait(rig, rig_replayed(rig) > PACKETS / 2);
	snprintf(edit.capture, sizeof(edit.capture), RIG_CAPTURE, 0);
	fill_text(edit.filter_text, "another");
	fd = open_port(1001, &edit.match_bytes);
	send_match(rig, REC_EDIT, &edit, sizeof(edit), fd);
	close(fd);
	stop_all(rig, 2);
	check_half(rig, 1, 1);
	rig_read(rig, 0, seen);
	while (change < PACKETS && seen[change] == !(change % 2))
		change++;
	check(change > 0 && change < PACKETS);
	for (uint32_t n = change; n < PACKETS; n++)
		check_int(seen[n], n % 2);
	free(seen);
	rig_free(rig);
}

/* A file with any bytes. */
static int open_bytes(const void *bytes, size_t size, unsigned seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	check(!seals || !fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static void hostile_tables_end_the_track_only(void)
{
	static const char garbage[4096] = "no table";
	struct rig *rig = rig_new(100, SPACING);

	rig_start(rig);
	for (int i = 0; i < 3; i++) {
		CLEANUP_CLOSE int fd = i == 0 ? -1
				       : i == 1
					       ? open_bytes(garbage, sizeof(garbage), F_SEAL_SHRINK)
					       : open_port(80, &start.match_bytes);

		rig_plan(rig, i, "", DUR_S, &start);
		start.match_bytes = sizeof(garbage); /* for the last: not its size */
		send_match(rig, REC_START, &start, sizeof(start), fd);
		rig_wait(rig, rig->tracks[i].finished);
		check_int(rig->tracks[i].end.end, REC_END_BAD_FILTER);
	}
	start_port(rig, 3, 1000, DUR_S);
	rig_wait(rig, rig->tracks[3].started);
	rig_stop_track(rig, 3);
	rig_wait(rig, rig->tracks[3].finished);
	check_int(rig_stop(rig), 0);
	rig_free(rig);
}

int main(void)
{
	alone();
	together_with_each_other_and_with_programs();
	edited();
	hostile_tables_end_the_track_only();
	return 0;
}
