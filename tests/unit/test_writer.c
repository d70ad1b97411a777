/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "capture/pcapng.h"
#include "capture/stream.h"
#include "storage/repair.h"
#include "tests/unit/test.h"

#define THREADS	      3
#define BLOCK_PACKETS 40 /* of one ring block: between two marks */
#define BUFFER_BYTES  (64u << 10)

static char folder_path[64];
static unsigned char payload[PCAPNG_SNAPLEN];

/* What a ring thread has: a mailbox, a stream, and what it was told last. */
struct track {
	struct writer *writer;
	struct mailbox box;
	struct stream *stream;
	char name[64];
	struct shared_mark mark; /* seq and packets of the next mark */
	uint64_t header_bytes;
	/* from events */
	int opened, failed, sealed, rooms;
	int error;
	uint64_t bytes;
	struct shared_mark good;
};

static int open_folder(void)
{
	int fd = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check(fd >= 0);
	return fd;
}

static struct segment_facts inspect(const char *name)
{
	int folder = open_folder(), fd = openat(folder, name, O_RDONLY);
	struct segment_facts facts;

	check(fd >= 0);
	check(!repair_inspect(fd, 0, &facts));
	close(fd);
	close(folder);
	return facts;
}

static void check_name(const char *name, int there)
{
	int folder = open_folder();

	check_int(!faccessat(folder, name, F_OK, 0), there);
	close(folder);
}

/* Whatever was reported as readable is a prefix of whole blocks with the mark's packets. */
static void check_readable(const struct track *t, const struct writer_event *event)
{
	char hidden[80];
	int folder = open_folder(), fd;
	struct segment_facts facts;

	snprintf(hidden, sizeof(hidden), ".%s", t->name);
	fd = openat(folder, hidden, O_RDONLY);
	if (fd < 0) /* sealed meanwhile */
		fd = openat(folder, t->name, O_RDONLY);
	check(fd >= 0);
	check(!repair_inspect(fd, event->bytes, &facts));
	check_int(facts.valid_bytes, event->bytes);
	check_int(facts.packets, event->mark.packets);
	close(fd);
	close(folder);
}

static void on_event(struct track *t, struct writer_event *event)
{
	check(event->owner == t);
	check(!t->sealed); /* it is the last one */
	switch (event->kind) {
	case WRITER_OPENED:
		t->opened++;
		break;
	case WRITER_WRITTEN:
		check(t->opened && !t->failed);
		check(event->bytes >= t->good.offset && event->mark.seq >= t->good.seq);
		check_int(event->mark.offset, event->bytes);
		check_readable(t, event);
		t->good = event->mark;
		break;
	case WRITER_FAILED:
		t->failed++;
		t->error = event->error;
		t->good = event->mark;
		check_int(event->mark.offset, event->bytes);
		break;
	case WRITER_SEALED:
		t->sealed = 1;
		t->error = event->error;
		t->bytes = event->bytes;
		break;
	case WRITER_ROOM:
		t->rooms++;
		break;
	}
	writer_event_free(event);
}

static int take_events(struct track *t)
{
	struct writer_event *event;
	int n = 0;

	for (; (event = writer_event_take(&t->box)); n++)
		on_event(t, event);
	return n;
}

static void track_open(struct track *t, struct writer *writer, const char *name)
{
	*t = (struct track){.writer = writer, .mark.seq = 1};
	snprintf(t->name, sizeof(t->name), "%s", name);
	check(!mailbox_init(&t->box));
	t->stream = stream_open(&(struct stream_options){writer, open_folder(), name, &t->box, t});
	check(t->stream);
}

static void track_close(struct track *t)
{
	wait_for((take_events(t), t->sealed), 10);
	t->stream = stream_free(t->stream);
	check(!writer_event_take(&t->box));
	mailbox_fini(&t->box);
}

static unsigned char *reserve(struct track *t, size_t size)
{
	unsigned char *out;

	wait_for((take_events(t), out = stream_reserve(t->stream, size)), 10);
	return out;
}

static void add_header(struct track *t)
{
	struct pcapng_section section = {.application = "test"};
	struct pcapng_interface interface = {.link_type = 1, .name = "eth0"};
	unsigned char *out =
		reserve(t, pcapng_section_bound(&section) + pcapng_interface_bound(&interface));
	size_t n = pcapng_section_format(out, &section);

	n += pcapng_interface_format(out + n, &interface);
	stream_commit(t->stream, n);
	stream_mark(t->stream, &t->mark);
	t->header_bytes = n;
}

static void add_packet(struct track *t, uint32_t bytes)
{
	struct pcapng_packet p = {.time_ns = 1763652600000000000ull + t->mark.packets,
				  .data = payload,
				  .captured_bytes = bytes,
				  .original_bytes = bytes};
	unsigned char *out = reserve(t, pcapng_packet_bound(bytes));

	stream_commit(t->stream, pcapng_packet_format(out, &p));
	t->mark.packets++;
}

static void add_block(struct track *t, uint32_t packets, uint32_t bytes)
{
	for (uint32_t i = 0; i < packets; i++)
		add_packet(t, bytes);
	t->mark.seq++;
	stream_mark(t->stream, &t->mark);
}

static struct writer *writer(enum writer_mode mode, uint32_t count, int64_t min_free)
{
	struct writer_options options = {BUFFER_BYTES, count, min_free, mode, 0, NULL};
	struct writer *w = NULL;

	check(!writer_new(&options, &w));
	return w;
}

static void check_sealed_file(const struct track *t)
{
	struct segment_facts facts = inspect(t->name);
	char hidden[80];

	check_int(t->error, 0);
	check_int(facts.file_bytes, t->bytes);
	check_int(facts.valid_bytes, t->bytes);
	check_int(facts.packets, t->mark.packets);
	snprintf(hidden, sizeof(hidden), ".%s", t->name);
	check_name(hidden, 0);
}

/* Packets of all sizes, with flushes at odd places: the file holds exactly what was committed. */
static void plain_life(enum writer_mode mode)
{
	struct writer *w = writer(mode, 4, 0);
	struct track t;
	uint64_t bytes;

	track_open(&t, w, "plain");
	add_header(&t);
	check(!stream_flush(t.stream));
	wait_for((take_events(&t), t.good.offset == t.header_bytes), 10);
	for (uint32_t i = 0; i < 60; i++) {
		add_block(&t, i % 7, 1 + i * 97 % 3000);
		if (i % 3 == 0)
			wait_for(!stream_flush(t.stream), 10);
		if (i == 30)
			add_block(&t, 2, PCAPNG_SNAPLEN);
	}
	wait_for(!stream_flush(t.stream), 10);
	wait_for((take_events(&t), t.good.seq == t.mark.seq), 10);
	check(!stream_flush(t.stream)); /* nothing to do */
	bytes = stream_bytes(t.stream);
	check_int(t.good.offset, bytes);
	stream_seal(t.stream);
	track_close(&t);
	check_int(t.bytes, bytes);
	check_sealed_file(&t);
	writer_free(w);
}

/* Buffers end in the middle of many small blocks: what is reported is in the file at once, not only
 * when the unfinished page follows. */
static void mark_after_every_packet(enum writer_mode mode)
{
	struct writer *w = writer(mode, 4, 0);
	uint64_t base = 0, seen = 1;
	struct track t;

	track_open(&t, w, "small");
	add_header(&t);
	for (uint32_t i = 0; i < 8000; i++) {
		add_block(&t, 1, 60 + i % 50);
		if (stream_bytes(t.stream) - base < BUFFER_BYTES)
			continue;
		/* a buffer went; nothing more is written until its report was checked */
		wait_for(take_events(&t) && t.good.seq > seen, 10);
		seen = t.good.seq;
		check(t.mark.seq - seen < 100);
		base = stream_bytes(t.stream) & ~(uint64_t)4095;
	}
	check(seen > 1);
	stream_seal(t.stream);
	track_close(&t);
	check_sealed_file(&t);
	writer_free(w);
}

/* Nothing but a header, and nothing at all. */
static void empty_segments(void)
{
	struct writer *w = writer(WRITER_DIRECT, 2, 0);
	struct track t;

	track_open(&t, w, "header");
	add_header(&t);
	stream_seal(t.stream);
	track_close(&t);
	check_sealed_file(&t);
	track_open(&t, w, "nothing");
	stream_seal(t.stream);
	track_close(&t);
	check_int(t.error, 0);
	check_int(t.bytes, 0);
	writer_free(w);
}

static void *fill_stream(void *arg)
{
	struct track *t = arg;

	for (uint32_t i = 0; i < 100; i++) {
		add_block(t, BLOCK_PACKETS, 64 + i * 13 % 1450);
		if (i % 16 == 0)
			stream_flush(t->stream);
	}
	stream_seal(t->stream);
	track_close(t);
	return NULL;
}

/* Ring threads share one writer and fewer buffers than they want. */
static void many_threads(enum writer_mode mode)
{
	struct writer *w = writer(mode, 4, 0);
	struct track tracks[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "thread%d", i);
		track_open(&tracks[i], w, name);
		add_header(&tracks[i]);
		stream_flush(tracks[i].stream);
	}
	for (int i = 0; i < THREADS; i++)
		check(!pthread_create(&threads[i], NULL, fill_stream, &tracks[i]));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	writer_free(w);
	for (int i = 0; i < THREADS; i++)
		check_sealed_file(&tracks[i]);
}

/* Without a free buffer a stream is told to wait, and told when that is over. */
static void back_pressure(void)
{
	struct writer *w = writer(WRITER_DIRECT, 2, 0);
	struct track a, b, c;

	track_open(&a, w, "a");
	track_open(&b, w, "b");
	track_open(&c, w, "c");
	add_header(&a);
	add_header(&b);
	check(!stream_reserve(c.stream, 100));
	check(!stream_reserve(c.stream, 100));
	check_int((take_events(&c), c.rooms), 0);
	check(!stream_flush(a.stream));
	wait_for((take_events(&c), c.rooms), 10);
	check_int(c.rooms, 1);
	add_header(&c);
	/* a flush needs a buffer as well when only a part of a page waits */
	check(!stream_reserve(a.stream, 100));
	stream_seal(a.stream); /* while it waits for room */
	stream_seal(b.stream);
	stream_seal(c.stream);
	track_close(&a);
	track_close(&b);
	track_close(&c);
	check_int(a.rooms, 0);
	check_sealed_file(&a);
	check_sealed_file(&b);
	check_sealed_file(&c);
	writer_free(w);
}

static size_t trailer(unsigned char out[STREAM_TRAILER_MAX], const struct track *t)
{
	struct pcapng_statistics statistics = {.dropped = t->mark.packets - t->good.packets,
					       .received = PCAPNG_UNKNOWN,
					       .accepted = PCAPNG_UNKNOWN,
					       .os_dropped = PCAPNG_UNKNOWN,
					       .delivered = t->good.packets};

	return pcapng_statistics_format(out, &statistics);
}

static void seal_failed(struct track *t)
{
	unsigned char block[STREAM_TRAILER_MAX];

	wait_for((take_events(t), t->failed), 10);
	check_int(t->failed, 1);
	stream_seal_failed(t->stream, block, trailer(block, t));
	track_close(t);
}

static void below_the_floor(void)
{
	struct writer *w = writer(WRITER_DIRECT, 2, INT64_MAX);
	struct track t;

	track_open(&t, w, "floor");
	add_header(&t);
	wait_for((take_events(&t), t.failed), 10);
	check_int(t.error, ENOSPC);
	add_block(&t, 3, 1000); /* the ring thread may not know yet */
	seal_failed(&t);
	check_int(t.error, ENOSPC);
	check_int(t.bytes, 0);
	check_name("floor", 0);
	check_name(".floor", 0);
	writer_free(w);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	check(!getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = bytes;
	check(!setrlimit(RLIMIT_FSIZE, &limit));
}

/* The disk takes no more in the middle of a segment: what was good stays good and is sealed. */
static void disk_fails(enum writer_mode mode, int sealed_before)
{
	struct writer *w = writer(mode, 8, 0);
	struct segment_facts facts;
	struct track t;

	track_open(&t, w, "fails");
	add_header(&t);
	limit_files(3 * BUFFER_BYTES + 1000);
	for (uint32_t i = 0; i < 100 && !t.failed; i++)
		add_block(&t, 3, 1400);
	if (sealed_before)
		stream_seal(t.stream);
	seal_failed(&t);
	limit_files(RLIM_INFINITY);
	check_int(t.error, 0);
	check(t.good.packets > 0 && t.good.packets < t.mark.packets);
	facts = inspect("fails");
	check(facts.sealed);
	check_int(facts.packets, t.good.packets);
	check_int(facts.drops, t.mark.packets - t.good.packets);
	check_int(facts.valid_bytes, t.bytes);
	check_int(facts.file_bytes, t.bytes);
	check_name(".fails", 0);
	writer_free(w);
}

/* Not even the trailer fits. */
static void disk_fails_at_the_trailer(void)
{
	struct writer *w = writer(WRITER_DIRECT, 4, 0);
	struct segment_facts facts;
	struct track t;

	track_open(&t, w, "full");
	add_header(&t);
	add_block(&t, 10, 1000);
	check(!stream_flush(t.stream));
	wait_for((take_events(&t), t.good.seq == t.mark.seq), 10);
	limit_files(t.good.offset + 50);
	add_block(&t, 10, 1000);
	check(!stream_flush(t.stream));
	seal_failed(&t);
	limit_files(RLIM_INFINITY);
	check_int(t.error, 0);
	check_int(t.bytes, t.good.offset);
	facts = inspect("full");
	check_int(facts.packets, 10);
	check_int(facts.file_bytes, t.bytes);
	writer_free(w);
}

static void name_is_taken(void)
{
	struct writer *w = writer(WRITER_DIRECT, 2, 0);
	struct track a, b;

	track_open(&a, w, "twice");
	wait_for((take_events(&a), a.opened), 10);
	track_open(&b, w, "twice");
	wait_for((take_events(&b), b.failed), 10);
	check_int(b.error, EEXIST);
	seal_failed(&b);
	check_int(b.error, EEXIST);
	add_header(&a);
	stream_seal(a.stream);
	track_close(&a);
	check_sealed_file(&a);
	writer_free(w);
}

static void bad_options(void)
{
	static const struct writer_options bad[] = {
		{0, 4, 0, WRITER_DIRECT, 0, NULL},     {5000, 4, 0, WRITER_DIRECT, 0, NULL},
		{4096, 1, 0, WRITER_DIRECT, 0, NULL},  {1u << 31, 4, 0, WRITER_DIRECT, 0, NULL},
		{4096, 4, -1, WRITER_DIRECT, 0, NULL},
	};
	struct writer *w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_int(writer_new(&bad[i], &w), -EINVAL);
	check(!writer_free(NULL));
	check(!stream_free(NULL));
}

static void remove_files(void)
{
	static const char *const names[] = {
		"plain", "header", "nothing", "thread0", "thread1", "thread2", "a",	  "b", "c",
		"fails", "full",   "twice",   "small",	 "synced",  "sealed",  "unsynced"};
	int folder = open_folder();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(folder, names[i], 0);
	close(folder);
}

/* --- syncing; the C library's function is replaced for this program --- */

static _Atomic int syncs;
static _Atomic int sync_error;

int fdatasync(int fd)
{
	check(fd >= 0);
	syncs++;
	errno = sync_error;
	return sync_error ? -1 : 0;
}

static struct writer *syncing_writer(dur_t after)
{
	struct writer_options options = {BUFFER_BYTES, 4, 0, WRITER_DIRECT, after, NULL};
	struct writer *w = NULL;

	check(!writer_new(&options, &w));
	return w;
}

/* What was written is on the disk in time, though nothing follows it; and once only. */
static void open_segment_is_synced_in_time(void)
{
	struct writer *w = syncing_writer(20 * DUR_MS);
	struct track t;

	syncs = 0;
	track_open(&t, w, "synced");
	add_header(&t);
	add_block(&t, 3, 100);
	check(!stream_flush(t.stream));
	wait_for(syncs == 1, 10);
	add_block(&t, 3, 100);
	check(!stream_flush(t.stream));
	wait_for(syncs == 2, 10);
	stream_seal(t.stream);
	track_close(&t);
	check_sealed_file(&t);
	check_int(syncs, 2);
	writer_free(w);
}

static void seal_goes_before_a_late_sync(void)
{
	struct writer *w = syncing_writer(DUR_HOUR);
	struct track t;

	syncs = 0;
	track_open(&t, w, "sealed");
	add_header(&t);
	add_block(&t, 3, 100);
	check(!stream_flush(t.stream));
	stream_seal(t.stream);
	track_close(&t);
	check_sealed_file(&t);
	check_int(syncs, 0);
	writer_free(w);
}

/* What was written may be gone: never tried again, never taken for written. */
static void failed_sync_fails_the_segment(void)
{
	struct writer *w = syncing_writer(DUR_MS);
	struct track t;

	syncs = 0;
	sync_error = EIO;
	track_open(&t, w, "unsynced");
	add_header(&t);
	add_block(&t, 3, 100);
	check(!stream_flush(t.stream));
	wait_for((take_events(&t), t.failed), 10);
	check_int(t.error, EIO);
	sync_error = 0;
	seal_failed(&t);
	check_int(syncs, 1);
	writer_free(w);
}

static void test_folder(const char *parent)
{
	snprintf(folder_path, sizeof(folder_path), "%s/test_writer.XXXXXX", parent);
	check(mkdtemp(folder_path));
	plain_life(WRITER_DIRECT);
	remove_files();
	plain_life(WRITER_BUFFERED);
	mark_after_every_packet(WRITER_DIRECT);
	remove_files();
	mark_after_every_packet(WRITER_BUFFERED);
	empty_segments();
	many_threads(WRITER_DIRECT);
	remove_files();
	many_threads(WRITER_BUFFERED);
	remove_files();
	back_pressure();
	below_the_floor();
	for (int sealed = 0; sealed < 2; sealed++) {
		disk_fails(WRITER_DIRECT, sealed);
		remove_files();
		disk_fails(WRITER_BUFFERED, sealed);
		remove_files();
	}
	disk_fails_at_the_trailer();
	name_is_taken();
	remove_files();
	open_segment_is_synced_in_time();
	seal_goes_before_a_late_sync();
	failed_sync_fails_the_segment();
	remove_files();
	check(!rmdir(folder_path));
}

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (unsigned char)(i * 11);
	bad_options();
	test_folder("/tmp");
	if (!access("/dev/shm", W_OK)) /* a file system in memory */
		test_folder("/dev/shm");
	return 0;
}
