/* SPDX-License-Identifier: Apache-2.0 */
/* A pcap file as a NIC: a thread fills the ring in the kernel's place (capture/ring_filler.h), with
 * the file's gaps between packets and today's times. At speed 0 it goes as fast as the ring is
 * emptied and drops nothing; otherwise it drops and counts where the kernel would. After a restart
 * of the recorder it goes on behind the last packet that is in the ring. */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "capture/ring_filler.h"
#include "capture/source.h"

#define SLEEP_MIN (1 * DUR_MS) /* shorter waits are not worth a system call */
#define LOOP_GAP  (1 * DUR_MS) /* between the last packet and the first one again */

struct source_replay {
	struct source source;
	struct child_ring ring;
	struct shared_ring *shared;
	int file; /* kept to start over; each round reads a duplicate */
	int stop_fd;
	int speed_percent;
	int loop;
	int started;
	pthread_t thread;

	/* owned by the replay thread */
	struct ring_filler filler;
	pcap_t *pcap;
	uint64_t round_packets;
	uint64_t skip;	   /* packets a predecessor had put into the ring */
	int64_t round_ns;  /* file time of this round's first packet */
	dur_t round_begin; /* replay time of the same */
	dur_t offset;	   /* replay time of the newest packet */
	struct instant base;
	mono_t retire_at;
	uint64_t freezes;
};

static struct source_replay *replay_of(struct source *source)
{
	return (struct source_replay *)source;
}

static int round_open(struct source_replay *s)
{
	char reason[PCAP_ERRBUF_SIZE] = "cannot read";
	int fd = fcntl(s->file, F_DUPFD_CLOEXEC, 0);
	FILE *stream = fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "r") : NULL;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	s->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO,
							   reason);
	s->round_packets = 0;
	s->round_begin = s->offset;
	if (s->pcap)
		return 0;
	log_error("capture", "%s: not a pcap file: \"%s\"", s->ring.nic, reason);
	fclose(stream);
	return -EBADMSG;
}

static void round_close(struct source_replay *s)
{
	if (s->pcap)
		pcap_close(s->pcap);
	s->pcap = NULL;
}

/* When the packet is due, from the replay's begin. Files may step back in time; replays do not. */
static dur_t due_offset(struct source_replay *s, int64_t file_ns)
{
	dur_t due;

	if (!s->round_packets)
		s->round_ns = file_ns;
	due = s->round_begin;
	if (s->speed_percent)
		due += (file_ns - s->round_ns) / s->speed_percent * 100;
	return due > s->offset ? due : s->offset;
}

enum replay_outcome {
	REPLAY_END = 1,
};

/* The next packet of this round, with s->offset moved to it. */
static int read_packet(struct source_replay *s, struct packet *ret)
{
	struct pcap_pkthdr *header;
	const u_char *data;

	if (pcap_next_ex(s->pcap, &header, &data) != 1)
		return REPLAY_END;
	/* with nanosecond precision tv_usec carries nanoseconds */
	s->offset = due_offset(s, header->ts.tv_sec * DUR_S + header->ts.tv_usec);
	s->round_packets++;
	*ret = (struct packet){.data = data,
			       .captured_bytes = header->caplen,
			       .original_bytes = header->len,
			       .direction = PACKET_INBOUND};
	return 0;
}

/* Reads on, over the end of the file if it loops. */
static int next_packet(struct source_replay *s, struct packet *ret)
{
	for (;;) {
		if (!read_packet(s, ret)) {
			if (!s->skip)
				return 0;
			s->skip--;
			continue;
		}
		if (!s->loop || !s->round_packets)
			return REPLAY_END;
		s->skip %= s->round_packets; /* whole rounds need not be read again */
		round_close(s);
		s->offset += LOOP_GAP;
		if (round_open(s) < 0)
			return REPLAY_END;
	}
}

static int stopped(struct source_replay *s, dur_t wait)
{
	struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};
	struct timespec ts = {wait / DUR_S, wait % DUR_S};

	return ppoll(&p, 1, wait < 0 ? NULL : &ts, NULL) > 0;
}

/* After anything that may have retired a block. */
static void wake_reader(struct source_replay *s, uint64_t seq_before)
{
	if (s->filler.seq == seq_before)
		return;
	s->retire_at = mono_add(mono_now(), s->ring.retire_ms * DUR_MS);
	atomic_fetch_add_explicit(&s->shared->kernel_freezes, s->filler.freezes - s->freezes,
				  memory_order_relaxed);
	s->freezes = s->filler.freezes;
	eventfd_write(s->source.wake_fd, 1);
}

static void retire(struct source_replay *s)
{
	uint64_t seq = s->filler.seq;

	ring_filler_retire(&s->filler, wall_now().ns);
	s->retire_at = mono_add(mono_now(), s->ring.retire_ms * DUR_MS);
	wake_reader(s, seq);
}

/* Waits until the packet is due, retiring in time. Returns 1 if asked to stop. */
static int wait_due(struct source_replay *s)
{
	mono_t due = mono_add(s->base.mono, s->offset);

	for (;;) {
		mono_t now = mono_now(), until = due;

		if (mono_sub(s->retire_at, now) <= 0)
			retire(s);
		if (!s->speed_percent || mono_sub(due, now) < SLEEP_MIN)
			return 0;
		if (mono_sub(s->retire_at, until) < 0)
			until = s->retire_at;
		if (stopped(s, mono_sub(until, now) > 0 ? mono_sub(until, now) : 0))
			return 1;
	}
}

/* Speed 0: the ring's reader sets the pace. Returns 1 if asked to stop. */
static int wait_room(struct source_replay *s, const struct packet *packet)
{
	while (ring_filler_frozen(&s->filler, packet->captured_bytes))
		if (stopped(s, DUR_MS))
			return 1;
	return 0;
}

static void fill(struct source_replay *s, struct packet *packet)
{
	uint64_t seq = s->filler.seq;
	dur_t passed = mono_sub(mono_now(), s->base.mono);

	/* never from the future: wait_due lets packets through a little early */
	if (s->speed_percent && s->offset < passed)
		passed = s->offset;
	packet->wall_ns = wall_add(s->base.wall, passed).ns;
	atomic_fetch_add_explicit(&s->shared->kernel_packets, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->shared->nic_packets, 1, memory_order_relaxed);
	if (ring_filler_add(&s->filler, packet) == RING_FILLER_DROPPED)
		atomic_fetch_add_explicit(&s->shared->kernel_drops, 1, memory_order_relaxed);
	wake_reader(s, seq);
}

/* The first packet after a skip is due now: what came before it was played already. */
static void rebase(struct source_replay *s)
{
	s->base = instant_now();
	s->base.mono = mono_add(s->base.mono, -s->offset);
	s->base.wall = wall_add(s->base.wall, -s->offset);
}

#define PACKETS_PER_LOOK 256 /* at full speed: how often to look whether to stop */

static void *replay_main(void *arg)
{
	struct source_replay *s = arg;
	uint64_t n = 0;
	struct packet packet;

	while (s->pcap && !next_packet(s, &packet)) {
		if (!n++)
			rebase(s);
		if (wait_due(s) || (n % PACKETS_PER_LOOK == 0 && stopped(s, 0)))
			return NULL;
		if (!s->speed_percent && wait_room(s, &packet))
			return NULL;
		fill(s, &packet);
	}
	if (!stopped(s, s->ring.retire_ms * DUR_MS))
		retire(s);
	return NULL;
}

static void replay_close(struct source *source)
{
	struct source_replay *s = replay_of(source);

	if (s->started) {
		eventfd_write(s->stop_fd, 1);
		pthread_join(s->thread, NULL);
	}
	round_close(s);
	source_unmap(source);
	if (s->file >= 0)
		close(s->file);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	if (source->wake_fd >= 0)
		close(source->wake_fd);
	free(s);
}

DEFINE_CLEANUP(struct source *, replay_close)

/* LINKTYPE_ values are those of DLT_, except for raw IP. */
static uint32_t link_type_of(pcap_t *pcap)
{
	int dlt = pcap_datalink(pcap);

	return dlt == DLT_RAW || dlt == 14 ? 101 : (uint32_t)dlt;
}

static struct source_replay *replay_new(const struct source_options *options)
{
	struct source_replay *s = xcalloc(1, sizeof(*s));

	s->source.ops = &source_pcap;
	s->ring = *options->ring;
	s->shared = options->shared;
	s->file = options->file;
	s->speed_percent = options->config->replay_speed_percent;
	s->loop = options->config->replay_loop;
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->source.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s;
}

static int replay_open(const struct source_options *options, struct source **ret)
{
	CLEANUP_CLOSE int memfd = options->descriptor;
	struct source_replay *s = replay_new(options);
	CLEANUP(replay_close_ptr) struct source *source = &s->source;
	size_t blocks = (size_t)s->ring.block_bytes * s->ring.block_count;
	int r;

	if (s->file < 0 || s->speed_percent < 0)
		return -EINVAL;
	if (s->stop_fd < 0 || source->wake_fd < 0)
		return -EMFILE;
	r = source_map(source, memfd, blocks + RING_FILLER_NOTES_BYTES);
	if (!r)
		r = round_open(s);
	if (r < 0)
		return r;
	s->shared->link_type = link_type_of(s->pcap);
	*ret = take_ptr(source);
	return 0;
}

static int replay_start(struct source *source)
{
	struct source_replay *s = replay_of(source);
	int r;

	ring_filler_init(&s->filler, source->memory, s->ring.block_bytes, s->ring.block_count,
			 wall_now().ns);
	s->skip = s->filler.position;
	s->retire_at = mono_add(mono_now(), s->ring.retire_ms * DUR_MS);
	r = pthread_create(&s->thread, NULL, replay_main, s);
	s->started = !r;
	eventfd_write(source->wake_fd, 1); /* a predecessor's open block may have been retired */
	return -r;
}

static void replay_clear(struct source *source)
{
	eventfd_t count;

	(void)eventfd_read(source->wake_fd, &count);
}

const struct source_ops source_pcap = {
	.name = "pcap file",
	.open = replay_open,
	.start = replay_start,
	.clear = replay_clear,
	.close = replay_close,
};
