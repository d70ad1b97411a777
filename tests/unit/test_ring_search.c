/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in a ring: what is found, what was overwritten meanwhile and how that is told. */
#include "capture/ring_search.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "capture/report.h"
#include "capture/ring_filler.h"
#include "capture/track_reader.h"
#include "tests/unit/test.h"

#define BLOCKS	     32
#define BLOCK_BYTES  (1u << 20)
#define PACKET_BYTES 65000
#define PER_BLOCK    16
#define LAP	     (BLOCKS - BLOCKS / 4 - 2) /* blocks in reach */

struct fixture {
	struct shared_ring shared;
	struct ring_filler filler;
	struct ring *ring;
	uint8_t *memory;
	uint8_t scratch[TRACK_READER_SCRATCH_BYTES];
	uint8_t data[PACKET_BYTES];
	int64_t second;
	struct mailbox reports;
	struct ring_search *search;
	struct rec_search_part part; /* the newest */
	unsigned parts;
};

static struct instant at(int64_t second)
{
	return (struct instant){{second * DUR_S}, {1000000 * DUR_S + second * DUR_S}};
}

static struct fixture *fixture_new(uint32_t tear_at)
{
	size_t bytes = (size_t)BLOCKS * BLOCK_BYTES + RING_FILLER_NOTES_BYTES;
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct ring_options options = {.block_bytes = BLOCK_BYTES,
				       .block_count = BLOCKS,
				       .shared = &f->shared,
				       .mode = HISTORY_CLAIM,
				       .orphan_seq = UINT64_MAX,
				       .tear_at = tear_at};

	f->shared.link_type = 1;
	f->shared.slice_bytes = 96;
	f->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(f->memory != MAP_FAILED);
	ring_filler_init(&f->filler, f->memory, BLOCK_BYTES, BLOCKS, at(0).wall.ns);
	options.memory = f->memory;
	check(!ring_new(&options, at(0), &f->ring));
	check(!mailbox_init(&f->reports));
	return f;
}

static void fixture_free(struct fixture *f)
{
	ring_search_free(f->search);
	mailbox_fini(&f->reports);
	ring_free(f->ring);
	munmap(f->memory, (size_t)BLOCKS * BLOCK_BYTES + RING_FILLER_NOTES_BYTES);
	free(f);
}

/* Fills and retires so many blocks with PER_BLOCK packets each, one block a second. */
static void fill(struct fixture *f, int blocks)
{
	for (int i = 0; i < blocks; i++) {
		struct packet p = {.data = f->data,
				   .captured_bytes = PACKET_BYTES,
				   .original_bytes = PACKET_BYTES,
				   .wall_ns = at(++f->second).wall.ns};

		for (int n = 0; n < PER_BLOCK; n++)
			check(!ring_filler_add(&f->filler, &p));
		ring_filler_retire(&f->filler, p.wall_ns);
		ring_step(f->ring, at(f->second));
		ring_release(f->ring, UINT64_MAX, at(f->second));
	}
}

static void search(struct fixture *f, int file)
{
	struct rec_search order = {.id = 7, .until_wall_ns = INT64_MAX};
	struct ring_search_options options = {.ring = f->ring,
					      .order = &order,
					      .file = file,
					      .nic = "test0",
					      .shared = &f->shared,
					      .scratch = f->scratch,
					      .reports = &f->reports};

	f->search = ring_search_new(&options, at(f->second));
}

static int memory_file(void)
{
	int fd = memfd_create("found", MFD_CLOEXEC);

	check(fd >= 0);
	return fd;
}

static int step(struct fixture *f, uint32_t blocks)
{
	int r = ring_search_step(f->search, blocks);
	struct report *report;

	while ((report = report_take(&f->reports))) {
		check_int(report->type, REC_SEARCH_PART);
		memcpy(&f->part, report->body, sizeof(f->part));
		f->parts++;
		free(report);
	}
	return r;
}

static void test_full_file(void)
{
	struct fixture *f = fixture_new(0);
	uint64_t found;

	fill(f, 20);
	search(f, memory_file());
	check_int(step(f, 1000), 0);
	check_int(f->parts, 1);
	check(!f->part.over && f->part.bytes >= REC_SEARCH_FILE_BYTES);
	check(f->part.bytes < REC_SEARCH_FILE_BYTES + 2 * BLOCK_BYTES);
	found = f->part.packets;
	check_int(step(f, 1000), 0); /* it waits */
	check_int(f->parts, 1);
	while (!f->part.over) {
		ring_search_give(f->search, memory_file());
		step(f, 1000);
		found += f->part.packets;
	}
	check_int(found, 20 * PER_BLOCK);
	check_int(f->part.seen, 20 * PER_BLOCK);
	check_int(f->part.lost, 0);
	check_int(f->part.untold, 0);
	fixture_free(f);
}

/* The ring goes round while the search waits: the wanted blocks are gone, and nothing later. */
static void test_lapped(void)
{
	struct fixture *f = fixture_new(0);

	fill(f, 20);
	search(f, memory_file());
	check_int(step(f, 3), RING_SEARCH_MORE);
	fill(f, 3 * BLOCKS);
	check_int(step(f, 1000), RING_SEARCH_OVER);
	check_int(f->part.seen, 3 * PER_BLOCK);
	check_int(f->part.lost, 17 * PER_BLOCK);
	check_int(f->part.untold, 17 * PER_BLOCK);
	fixture_free(f);
}

/* Half of it is gone: the first packet found after the loss tells of it. */
static void test_overtaken(void)
{
	struct fixture *f = fixture_new(0);
	uint64_t found = 0;

	fill(f, 20);
	search(f, memory_file());
	check_int(step(f, 3), RING_SEARCH_MORE);
	fill(f, 12); /* 32 blocks, 22 of them in reach: 3 are read, 7 lost */
	check_int(ring_reach(f->ring), 33 - LAP);
	do {
		step(f, 1000);
		found += f->part.packets;
		if (!f->part.over)
			ring_search_give(f->search, memory_file());
	} while (!f->part.over);
	check_int(f->part.lost, (33 - LAP - 4) * PER_BLOCK);
	check_int(f->part.untold, 0);
	check_int(found + f->part.lost, 20 * PER_BLOCK);
	fixture_free(f);
}

/* A block that was overwritten between two looks counts as lost, whole. */
static void test_torn(void)
{
	struct fixture *f = fixture_new(2);

	fill(f, 5);
	search(f, memory_file());
	check_int(step(f, 1000), RING_SEARCH_OVER);
	check_int(f->part.packets, 4 * PER_BLOCK);
	check_int(f->part.lost, PER_BLOCK);
	check_int(f->part.untold, 0);
	fixture_free(f);

	f = fixture_new(5); /* the last one: nothing found behind it could tell */
	fill(f, 5);
	search(f, memory_file());
	check_int(step(f, 1000), RING_SEARCH_OVER);
	check_int(f->part.packets, 4 * PER_BLOCK);
	check_int(f->part.untold, PER_BLOCK);
	fixture_free(f);
}

static void test_no_room(void)
{
	struct fixture *f = fixture_new(0);
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	check(full >= 0);
	fill(f, 2);
	search(f, full);
	check_int(step(f, 1000), RING_SEARCH_OVER);
	check_int(f->part.error, ENOSPC);
	check_int(f->part.over, 1);
	fixture_free(f);
}

int main(void)
{
	test_full_file();
	test_lapped();
	test_overtaken();
	test_torn();
	test_no_room();
	return 0;
}
