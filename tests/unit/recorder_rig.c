/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/recorder_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "capture/compiler.h"
#include "capture/pcapng.h"
#include "capture/ring_socket.h"
#include "tests/unit/test.h"

#define PAYLOAD_AT 42
#define FRAME_MIN  60

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

/* Ethernet, IPv4, UDP, the number; lengths vary so that blocks end in different places. */
static uint32_t make_frame(uint32_t number, uint8_t *frame)
{
	uint32_t size = FRAME_MIN + number * 7 % 190;
	uint32_t port = 1000 + number % 2;

	memset(frame, 0, size);
	memcpy(frame, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45", 15);
	frame[16] = (uint8_t)((size - 14) >> 8);
	frame[17] = (uint8_t)(size - 14);
	frame[22] = 64;
	frame[23] = 17;
	memcpy(frame + 26, "\x0a\0\0\1\x0a\0\0\2", 8);
	frame[36] = (uint8_t)(port >> 8);
	frame[37] = (uint8_t)port;
	frame[38] = (uint8_t)((size - 34) >> 8);
	frame[39] = (uint8_t)(size - 34);
	put32(frame + PAYLOAD_AT, number);
	return size;
}

static int make_pcap(uint32_t packets, int64_t spacing_ns, int64_t pause_ns)
{
	const uint32_t header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1};
	CLEANUP_BUF struct buf b = BUF_INIT;
	int fd = memfd_create("pcap", MFD_CLOEXEC);
	uint8_t frame[512];

	buf_append(&b, header, sizeof(header));
	for (uint32_t i = 0; i < packets; i++) {
		int64_t ns = 1700000000 * DUR_S + i * spacing_ns + (i ? pause_ns : 0);
		uint32_t size = make_frame(i, frame);
		uint32_t h[] = {(uint32_t)(ns / DUR_S), (uint32_t)(ns % DUR_S), size, size};

		buf_append(&b, h, sizeof(h));
		buf_append(&b, frame, size);
	}
	check(fd >= 0 && !file_write_all(fd, b.data, b.len));
	return fd;
}

static void share(struct rig *rig)
{
	struct shared_ring *ring;

	rig->shared_fd = memfd_create("shared", MFD_CLOEXEC);
	check(!ftruncate(rig->shared_fd, sizeof(struct shared)));
	rig->shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			   rig->shared_fd, 0);
	check(rig->shared != MAP_FAILED);
	rig->shared->magic = SHARED_MAGIC;
	rig->shared->version = SHARED_VERSION;
	rig->shared->ring_count = 1;
	ring = &rig->shared->rings[0];
	fill_text(ring->nic, "file0");
	ring->state = NIC_UP;
	ring->history_mode = HISTORY_CLAIM;
}

struct rig *rig_new_paused(uint32_t packets, int64_t spacing_ns, int64_t pause_ns)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	fill_text(rig->folder, "/tmp/ringbell-recorder-XXXXXX");
	check(mkdtemp(rig->folder));
	rig->packets = packets;
	rig->pcap = make_pcap(packets, spacing_ns, pause_ns);
	share(rig);
	fill_text(rig->config.captures, rig->folder);
	rig->config.buffer_bytes = 64 << 10;
	rig->config.buffer_count = 32;
	rig->config.idle_wake_ms = 20;
	rig->config.replay_speed_percent = 100;
	rig->plan.block_bytes = 32 << 10;
	rig->plan.block_count = 256;
	rig->plan.retire_ms = 100;
	rig->ring_fd = rig->pid = rig->supervisor = rig->control = -1;
	return rig;
}

struct rig *rig_new(uint32_t packets, int64_t spacing_ns)
{
	return rig_new_paused(packets, spacing_ns, 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void remove_folder(const char *path)
{
	check(!nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS));
}

void rig_free(struct rig *rig)
{
	if (rig->pid > 0)
		rig_kill(rig);
	remove_folder(rig->folder);
	munmap(rig->shared, sizeof(struct shared));
	close(rig->shared_fd);
	close(rig->ring_fd);
	close(rig->pcap);
	free(rig);
}

static void fork_recorder(struct rig *rig)
{
	int fds[2];

	check(!ipc_pair(fds));
	rig->pid = fork();
	check(rig->pid >= 0);
	if (!rig->pid) {
		close(fds[0]);
		log_open("recorder", getenv("RIG_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
		exit(recorder_main(fds[1], &rig->config));
	}
	close(fds[1]);
	rig->supervisor = fds[0];
}

static void give(struct rig *rig, uint32_t type, const void *body, size_t size, int fd)
{
	check(!ipc_send_wait(rig->supervisor, type, body, size, fd, 1000));
}

static void give_peer(struct rig *rig)
{
	struct child_peer peer = {ROLE_CONTROL};
	int fds[2];

	check(!ipc_pair(fds));
	give(rig, CHILD_PEER, &peer, sizeof(peer), fds[1]);
	close(fds[1]);
	if (rig->control >= 0)
		close(rig->control);
	rig->control = fds[0];
	rig->last_report = 0;
}

static void sync_link(struct rig *rig)
{
	rig->synced = 0;
	rig_send(rig, REC_SYNC, NULL, 0);
	rig_wait(rig, rig->synced);
}

/* Control is quicker than the supervisor: nothing is answered before CHILD_GO. */
static void send_early(struct rig *rig)
{
	struct pollfd pollfd = {.fd = rig->control, .events = POLLIN};

	rig_send(rig, REC_SYNC, NULL, 0);
	rig_send(rig, REC_START, rig->early, sizeof(*rig->early));
	check_int(poll(&pollfd, 1, 100), 0);
}

void rig_start(struct rig *rig)
{
	struct ring_geometry geometry = {rig->plan.block_bytes, rig->plan.block_count,
					 rig->plan.retire_ms};

	if (rig->ring_fd < 0)
		rig->ring_fd = ring_socket_open_memory("file0", &geometry, &rig->ring);
	check(rig->ring_fd >= 0);
	fork_recorder(rig);
	give(rig, CHILD_SHARED, NULL, 0, rig->shared_fd);
	give(rig, CHILD_RING, &rig->ring, sizeof(rig->ring), rig->ring_fd);
	give(rig, CHILD_RING_FILE, &rig->ring, sizeof(rig->ring), rig->pcap);
	give_peer(rig);
	if (rig->early)
		send_early(rig);
	give(rig, CHILD_GO, NULL, 0, -1);
	check(!ipc_receive_wait(rig->supervisor, &rig->message, 5000));
	check_int(rig->message.type, CHILD_READY);
	if (rig->early)
		rig_wait(rig, rig->synced);
	else
		sync_link(rig);
}

static int reap(struct rig *rig)
{
	int status;

	check_int(waitpid(rig->pid, &status, 0), rig->pid);
	close(rig->supervisor);
	close(rig->control);
	rig->pid = rig->supervisor = rig->control = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_kill(struct rig *rig)
{
	check(!kill(rig->pid, SIGKILL));
	reap(rig);
}

int rig_stop(struct rig *rig)
{
	mono_t end = mono_add(mono_now(), 4 * DUR_S);
	siginfo_t info;

	give(rig, CHILD_STOP, NULL, 0, -1);
	do {
		info.si_pid = 0;
		rig_pump(rig);
		check(mono_sub(end, mono_now()) > 0);
		check(!waitid(P_PID, (id_t)rig->pid, &info, WEXITED | WNOHANG | WNOWAIT));
	} while (!info.si_pid);
	rig_pump(rig);
	return reap(rig);
}

void rig_reconnect(struct rig *rig)
{
	give_peer(rig);
	sync_link(rig);
}

void rig_plan(struct rig *rig, int i, const char *filter, int64_t lookback_ns,
	      struct rec_start *ret)
{
	static struct compile_request request;
	static struct compile_reply reply;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->capture, sizeof(ret->capture), RIG_CAPTURE, i);
	snprintf(ret->folder, sizeof(ret->folder), "capture-%d", i);
	fill_text(ret->policy, "test");
	snprintf(ret->filter_text, sizeof(ret->filter_text), "%s", filter);
	fill_text(ret->comment, "a test");
	ret->lookback_ns = lookback_ns;
	ret->from_wall_ns = wall_now().ns - lookback_ns;
	mkdirat(open(rig->folder, O_PATH | O_CLOEXEC), ret->folder, 0770);
	request.link_type = 1;
	fill_text(request.text, filter);
	if (*filter)
		check(!compiler_compile(&request, &reply));
	if (*filter)
		ret->program = reply.program;
}

void rig_send(struct rig *rig, uint32_t type, const void *body, size_t size)
{
	check(!ipc_send_wait(rig->control, type, body, size, -1, 1000));
}

void rig_stop_track(struct rig *rig, int i)
{
	struct rec_stop stop = {.until_wall_ns = wall_now().ns};

	snprintf(stop.capture, sizeof(stop.capture), RIG_CAPTURE, i);
	rig_send(rig, REC_STOP, &stop, sizeof(stop));
}

static struct rig_track *track_of(struct rig *rig, const struct rec_report_head *head)
{
	int i = head->capture[IDENT_SIZE - 2] - '0';

	check(i >= 0 && i < RIG_TRACKS);
	return &rig->tracks[i];
}

static void on_segment(struct rig_track *t, const struct rec_segment *s)
{
	if (s->state == SEGMENT_OPENED) {
		t->opened++;
		return;
	}
	t->sealed++;
	t->sealed_packets += s->packets;
}

static void on_gap(struct rig_track *t, const struct rec_gap *gap)
{
	check(gap->cause <= GAP_NIC_DOWN);
	t->gaps[gap->cause]++;
	t->lost[gap->cause] += gap->packets;
	t->at_most |= (int)gap->at_most;
	t->newest_gap = *gap;
}

static void on_report(struct rig *rig, const struct ipc_message *m)
{
	const struct rec_report_head *head = (const void *)m->body;
	struct rig_track *t = m->type == REC_SYNCED ? NULL : track_of(rig, head);

	switch (m->type) {
	case REC_TRACK:
		check(ipc_is(m, struct rec_track));
		t->track = *(const struct rec_track *)m->body;
		t->synced = 1;
		break;
	case REC_SYNCED:
		rig->synced = 1;
		break;
	case REC_STARTED:
		t->started = 1;
		t->start = *(const struct rec_started *)m->body;
		break;
	case REC_SEGMENT:
		on_segment(t, (const void *)m->body);
		break;
	case REC_GAP:
		on_gap(t, (const void *)m->body);
		break;
	case REC_FINISHED:
		t->finished = 1;
		t->end = *(const struct rec_finished *)m->body;
		break;
	default:
		check(!"known report");
	}
}

void rig_pump(struct rig *rig)
{
	struct ipc_message *m = &rig->message;
	const struct rec_report_head *head = (const void *)m->body;

	if (ipc_receive_wait(rig->control, m, 5))
		return;
	do {
		struct rec_ack ack = {head->report};

		on_report(rig, m);
		if (!ack.report)
			continue;
		if (rig->last_report)
			check_int(ack.report, rig->last_report + 1);
		rig->last_report = ack.report;
		ipc_send_wait(rig->control, REC_ACK, &ack, sizeof(ack), -1, 1000);
	} while (!ipc_receive(rig->control, m));
}

uint64_t rig_replayed(const struct rig *rig)
{
	return rig->shared->rings[0].kernel_packets;
}

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* epb_dropcount of the packet block at `block`, 0 = none. */
static uint64_t drop_count(const char *block)
{
	uint32_t at = 28 + (get32(block + 20) + 3) / 4 * 4, end = get32(block + 4) - 4;
	uint64_t drops;

	while (at + 12 <= end) {
		uint32_t option = get32(block + at);

		memcpy(&drops, block + at + 4, sizeof(drops));
		if (option == (8u << 16 | 4))
			return drops;
		if (!(option & 0xffff))
			break;
		at += 4 + ((option >> 16) + 3) / 4 * 4;
	}
	return 0;
}

static uint64_t read_segment(struct rig *rig, const struct buf *b, uint8_t *seen)
{
	uint64_t packets = 0;
	int statistics = 0;

	for (size_t at = 0; at < b->len;) {
		uint32_t type = get32(b->data + at), size = get32(b->data + at + 4), number;

		check(size >= 12 && size <= b->len - at);
		check_int(get32(b->data + at + size - 4), size);
		check(at || type == PCAPNG_SECTION);
		check(!statistics); /* it is the last block */
		statistics += type == PCAPNG_STATISTICS;
		if (type == PCAPNG_PACKET) {
			number = get32(b->data + at + 28 + PAYLOAD_AT);
			check(number < rig->packets);
			rig->drops += drop_count(b->data + at);
			seen[number]++;
			packets++;
		}
		at += size;
	}
	check_int(statistics, 1);
	return packets;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

uint64_t rig_read(struct rig *rig, int i, uint8_t *seen)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct dirent **names;
	uint64_t packets = 0;
	char path[512];
	int n;

	snprintf(path, sizeof(path), "%s/capture-%d", rig->folder, i);
	rig->drops = 0;
	n = scandir(path, &names, is_visible, alphasort);
	check(n >= 0);
	for (int k = 0; k < n; k++) {
		snprintf(path, sizeof(path), "%s/capture-%d/%s", rig->folder, i, names[k]->d_name);
		check(!file_read(AT_FDCWD, path, 256 << 20, &b));
		packets += read_segment(rig, &b, seen);
		free(names[k]);
	}
	free(names);
	return packets;
}
