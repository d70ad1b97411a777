/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/ipc.h"
#include "capture/compiler.h"
#include "capture/pcapng.h"
#include "capture/segment_reader.h"
#include "tests/unit/test.h"

#define FRAME_BYTES 60
#define OUT_MAX	    (1u << 20)

/* ---- segments ---- */

struct segment {
	unsigned char data[16384];
	size_t bytes;
	int sealed;
};

static void segment_start(struct segment *s, const char *nic, uint16_t link_type)
{
	s->bytes = pcapng_section_format(s->data, &(struct pcapng_section){.os = "test"});
	s->bytes += pcapng_interface_format(
		s->data + s->bytes,
		&(struct pcapng_interface){.link_type = link_type, .name = nic});
	s->sealed = 1;
}

/* A UDP frame from `port`, sent at `time`. */
static void segment_add(struct segment *s, int64_t time, uint16_t port, uint64_t drops)
{
	unsigned char frame[FRAME_BYTES] = {[12] = 0x08, [14] = 0x45, [17] = 46, [23] = 17};
	struct pcapng_packet p = {.time_ns = (uint64_t)time,
				  .data = frame,
				  .captured_bytes = FRAME_BYTES,
				  .original_bytes = 100,
				  .flags = PCAPNG_INBOUND,
				  .drops = drops,
				  .comment = port == 7 ? "seven" : NULL};

	frame[34] = (unsigned char)(port >> 8);
	frame[35] = (unsigned char)port;
	s->bytes += pcapng_packet_format(s->data + s->bytes, &p);
}

static void segment_end(struct segment *s, uint64_t dropped)
{
	struct pcapng_statistics statistics = {.time_ns = 1,
					       .received = PCAPNG_UNKNOWN,
					       .dropped = dropped,
					       .accepted = PCAPNG_UNKNOWN,
					       .os_dropped = PCAPNG_UNKNOWN,
					       .delivered = PCAPNG_UNKNOWN};

	s->bytes += pcapng_statistics_format(s->data + s->bytes, &statistics);
}

static int segment_fd(const struct segment *s)
{
	int fd = memfd_create("segment", MFD_CLOEXEC);

	check(fd >= 0);
	check(!file_write_all(fd, s->data, s->bytes));
	return fd;
}

/* ---- a worker and its requester ---- */

struct worker {
	pid_t pid;
	int socket;
	int pipe;
	struct extract_result result;
	size_t given[EXTRACT_SOURCES_MAX];
	unsigned char out[OUT_MAX];
	size_t bytes;
};

static struct ipc_message message;

static void worker_start(struct worker *w, const struct extract_job *job)
{
	int ends[2], pipes[2];

	memset(w, 0, offsetof(struct worker, out));
	w->bytes = 0;
	check(!ipc_pair(ends));
	check(!pipe2(pipes, O_CLOEXEC));
	w->pid = fork();
	check(w->pid >= 0);
	if (w->pid == 0) {
		close(ends[0]);
		close(pipes[0]);
		close(pipes[1]);
		_exit(extract_main(ends[1]));
	}
	close(ends[1]);
	w->socket = ends[0];
	w->pipe = pipes[0];
	check(!ipc_send(w->socket, EXTRACT_JOB, job, sizeof(*job), pipes[1]));
	close(pipes[1]);
}

static void give(const struct worker *w, uint32_t source, const struct segment *s)
{
	struct extract_segment segment = {.source = source};
	int fd = -1;

	if (s) {
		segment.sealed = (uint32_t)s->sealed;
		segment.valid_bytes = s->bytes;
		fd = segment_fd(s);
	}
	check(!ipc_send_wait(w->socket, EXTRACT_SEGMENT, &segment, sizeof(segment), fd, 5000));
	if (fd >= 0)
		close(fd);
}

static void give_program(const struct worker *w, const char *filter)
{
	struct compile_request *request = xcalloc(1, sizeof(*request));
	struct compile_reply *reply = xcalloc(1, sizeof(*reply));
	const struct extract_link *link = (const void *)message.body;

	request->link_type = link->link_type;
	fill_text(request->text, filter);
	if (*filter)
		check(!compiler_compile(request, reply));
	check(!ipc_send_wait(w->socket, EXTRACT_PROGRAM, &reply->program, sizeof(reply->program),
			     -1, 5000));
	free(request);
	free(reply);
}

static void read_pipe(struct worker *w)
{
	ssize_t n;

	while ((n = read(w->pipe, w->out + w->bytes, OUT_MAX - w->bytes)) > 0)
		w->bytes += (size_t)n;
	check(n == 0);
	close(w->pipe);
}

/* Answers the worker until it is done. sources[i] is a NULL-terminated list of segments. */
static void serve(struct worker *w, struct segment *const *const sources[], const char *filter)
{
	for (;;) {
		const struct extract_next *next = (const void *)message.body;

		check(!ipc_receive_wait(w->socket, &message, 10000));
		if (message.type == EXTRACT_DONE)
			break;
		if (message.type == EXTRACT_LINK)
			give_program(w, filter);
		else if (message.type == EXTRACT_NEXT)
			give(w, next->source, sources[next->source][w->given[next->source]++]);
		else
			check(0);
	}
	check(ipc_is(&message, struct extract_result));
	memcpy(&w->result, message.body, sizeof(w->result));
	read_pipe(w);
}

static void worker_end(struct worker *w)
{
	int status;

	check(waitpid(w->pid, &status, 0) == w->pid);
	check(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	close(w->socket);
}

static struct extract_job job_of(uint32_t sources)
{
	struct extract_job job = {
		.source_count = sources, .to_ns = INT64_MAX, .comment = "made of parts"};

	return job;
}

/* ---- what came out ---- */

/* Reads the whole output; returns the number of packets, in ret[]. Their memory is copied. */
static size_t packets_in(const unsigned char *data, size_t bytes, struct segment_packet ret[],
			 size_t max)
{
	static unsigned char kept[64][FRAME_BYTES];
	struct segment_reader reader;
	size_t n = 0;
	int fd = memfd_create("out", MFD_CLOEXEC), r;

	check(!file_write_all(fd, data, bytes));
	check(!segment_reader_open(&reader, fd, bytes));
	while (!(r = segment_reader_next(&reader, &ret[n]))) {
		check(n < max && n < 64);
		memcpy(kept[n], ret[n].data, ret[n].captured_bytes);
		ret[n].data = kept[n];
		n++;
	}
	check_int(r, SEGMENT_READER_END);
	segment_reader_close(&reader);
	return n;
}

static uint32_t interface_of(const struct worker *w, size_t packet)
{
	size_t at = 0, n = 0;

	for (;;) {
		uint32_t type, bytes, interface;

		memcpy(&type, w->out + at, 4);
		memcpy(&bytes, w->out + at + 4, 4);
		memcpy(&interface, w->out + at + 8, 4);
		if (type == PCAPNG_PACKET && n++ == packet)
			return interface;
		at += bytes;
	}
}

/* ---- tests ---- */

static struct worker w;
static struct segment a, b, c;
static struct segment *const only_a[] = {&a, NULL}, *const only_b[] = {&b, NULL},
			     *const a_then_b[] = {&a, &b, NULL}, *const none[] = {NULL};

static void two_nics(void)
{
	segment_start(&a, "eth0", 1);
	segment_add(&a, 1000, 1, 0);
	segment_add(&a, 3000, 3, 5);
	segment_add(&a, 5000, 5, 0);
	segment_end(&a, 5);
	segment_start(&b, "eth1", 1);
	segment_add(&b, 2000, 2, 0);
	segment_add(&b, 4000, 7, 0);
	segment_end(&b, 0);
}

static void merges_in_time_order(void)
{
	struct segment *const *const sources[] = {only_a, only_b, none};
	struct extract_job job = job_of(3);
	struct segment_packet p[8];

	two_nics();
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(w.result.end, EXTRACT_END_OK);
	check_int(w.result.packets, 5);
	check_int(w.result.bytes, w.bytes);
	check_int(packets_in(w.out, w.bytes, p, 8), 5);
	for (int i = 0; i < 5; i++) {
		check_int(p[i].time_ns, (i + 1) * 1000);
		check_int(p[i].flags, PCAPNG_INBOUND);
		check_int(interface_of(&w, (size_t)i), i % 2);
	}
	check_int(p[2].drops, 5);
	check(p[3].comment_bytes == 5 && !p[2].comment);
}

static void a_filtered_packet_hands_its_drops_on(void)
{
	struct segment *const *const sources[] = {only_a};
	struct extract_job job = job_of(1);
	struct segment_packet p[8];

	two_nics();
	worker_start(&w, &job);
	serve(&w, sources, "udp src port 5");
	worker_end(&w);
	check_int(packets_in(w.out, w.bytes, p, 8), 1);
	check_int(p[0].time_ns, 5000);
	check_int(p[0].drops, 5);
	check_int(w.result.seen, 3);
}

static void nothing_found_writes_nothing(void)
{
	struct segment *const *const sources[] = {only_a};
	struct extract_job job = job_of(1);

	two_nics();
	worker_start(&w, &job);
	serve(&w, sources, "udp src port 9");
	worker_end(&w);
	check_int(w.result.end, EXTRACT_END_OK);
	check_int(w.result.packets, 0);
	check_int(w.bytes, 0);
}

static void both_ends_of_the_range_belong_to_it(void)
{
	struct segment *const *const sources[] = {a_then_b};
	struct extract_job job = job_of(1);
	struct segment_packet p[8];

	two_nics();
	job.from_ns = 2000;
	job.to_ns = 3000;
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(packets_in(w.out, w.bytes, p, 8), 2);
	check_int(p[0].time_ns, 3000);
	check_int(p[1].time_ns, 2000);
}

static void slices_to_headers(void)
{
	struct segment *const *const sources[] = {only_a};
	struct extract_job job = job_of(1);
	struct segment_packet p[8];

	two_nics();
	job.slice = SLICE_HEADERS;
	job.slice_bytes = 3;
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(packets_in(w.out, w.bytes, p, 8), 3);
	check_int(p[0].captured_bytes, 14 + 20 + 8 + 3);
	check_int(p[0].original_bytes, 100);
	check_int(p[1].drops, 5);
}

static void writes_nanosecond_pcap(void)
{
	struct segment *const *const sources[] = {only_a, only_b};
	struct extract_job job = job_of(2);
	uint32_t word;

	two_nics();
	job.format = EXTRACT_PCAP;
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(w.bytes, 24 + 5 * (16 + FRAME_BYTES));
	memcpy(&word, w.out, 4);
	check_int(word, 0xa1b23c4d);
	memcpy(&word, w.out + 24 + 16 + FRAME_BYTES + 4, 4);
	check_int(word, 2000);
}

static void compresses(void)
{
	struct segment *const *const sources[] = {only_a};
	static unsigned char plain[OUT_MAX];
	struct extract_job job = job_of(1);
	struct segment_packet p[8];
	z_stream z = {0};
	size_t bytes;

	two_nics();
	job.compression = SINK_ZSTD;
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	bytes = ZSTD_decompress(plain, sizeof(plain), w.out, w.bytes);
	check(!ZSTD_isError(bytes));
	check_int(ZSTD_findFrameCompressedSize(w.out, w.bytes), w.bytes);
	check_int(packets_in(plain, bytes, p, 8), 3);

	job.compression = SINK_GZIP;
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = w.out;
	z.avail_in = (uInt)w.bytes;
	z.next_out = plain;
	z.avail_out = sizeof(plain);
	check_int(inflate(&z, Z_FINISH), Z_STREAM_END);
	check_int(packets_in(plain, z.total_out, p, 8), 3);
	inflateEnd(&z);
}

static void refuses_to_mix_link_types(void)
{
	struct segment *const *const sources[] = {only_a, only_b};
	struct extract_job job = job_of(2);

	two_nics();
	segment_start(&b, "tun0", 101);
	segment_end(&b, 0);
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(w.result.end, EXTRACT_END_MIXED);
	check_int(w.bytes, 0);
}

static void goes_on_behind_a_damaged_segment(void)
{
	struct segment *const *const sources[] = {a_then_b};
	struct extract_job job = job_of(1);
	struct segment_packet p[8];

	two_nics();
	a.data[a.bytes - 4] ^= 1; /* the statistics block's second length */
	worker_start(&w, &job);
	serve(&w, sources, "");
	worker_end(&w);
	check_int(w.result.damaged, 1);
	check_int(packets_in(w.out, w.bytes, p, 8), 5);
}

/* A segment that is being written: its packets come at once, later ones when they are there, then
 * those of the next segment. */
static void follows_what_grows(void)
{
	struct extract_job job = job_of(1);
	struct extract_segment grown = {.source = 0};
	struct segment_packet p[8];
	int fd;

	job.follow = 1;
	segment_start(&c, "eth0", 1);
	segment_add(&c, 1000, 1, 0);
	worker_start(&w, &job);
	fd = segment_fd(&c);
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_NEXT);
	grown.valid_bytes = c.bytes;
	check(!ipc_send_wait(w.socket, EXTRACT_SEGMENT, &grown, sizeof(grown), fd, 5000));
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_LINK);
	give_program(&w, "");
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_MORE);
	w.bytes = (size_t)read(w.pipe, w.out, OUT_MAX);
	check_int(packets_in(w.out, w.bytes, p, 8), 1);

	segment_add(&c, 2000, 2, 0);
	segment_end(&c, 0);
	check(pwrite(fd, c.data, c.bytes, 0) == (ssize_t)c.bytes);
	close(fd);
	grown.valid_bytes = c.bytes;
	grown.sealed = 1;
	check(!ipc_send_wait(w.socket, EXTRACT_GROWN, &grown, sizeof(grown), -1, 5000));
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_NEXT);
	give(&w, 0, NULL);
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_DONE);
	read_pipe(&w);
	worker_end(&w);
	check_int(packets_in(w.out, w.bytes, p, 8), 2);
	check_int(p[1].time_ns, 2000);
}

static void refuses_a_segment_nobody_asked_for(void)
{
	struct extract_job job = job_of(1);
	const struct extract_result *result = (const void *)message.body;

	two_nics();
	worker_start(&w, &job);
	check(!ipc_receive_wait(w.socket, &message, 10000));
	give(&w, 0, &a);
	check(!ipc_receive_wait(w.socket, &message, 10000));
	give(&w, 0, &a);
	check(!ipc_receive_wait(w.socket, &message, 10000));
	check_int(message.type, EXTRACT_DONE);
	check_int(result->end, EXTRACT_END_PIPE);
	check_int(result->error, EBADMSG);
	close(w.pipe);
	worker_end(&w);
}

int main(void)
{
	merges_in_time_order();
	a_filtered_packet_hands_its_drops_on();
	nothing_found_writes_nothing();
	both_ends_of_the_range_belong_to_it();
	slices_to_headers();
	writes_nanosecond_pcap();
	compresses();
	refuses_to_mix_link_types();
	goes_on_behind_a_damaged_segment();
	follows_what_grows();
	refuses_a_segment_nobody_asked_for();
	return 0;
}
