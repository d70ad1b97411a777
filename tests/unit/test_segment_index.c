/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/segment_index.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "capture/extract_skip.h"
#include "capture/pcapng.h"
#include "tests/unit/test.h"

#define PACKETS	    20000
#define FRAME_BYTES 200
#define RARE	    15000 /* the one packet of port 7 */
#define SPACING	    1000

static unsigned char file[PACKETS * (FRAME_BYTES + 64) + 4096];
static size_t file_bytes;
static char sha256[SHA256_HEX_SIZE];
static unsigned char *made;
static size_t made_bytes;

static void add_packet(uint32_t i)
{
	unsigned char frame[FRAME_BYTES] = {[12] = 0x08, [14] = 0x45, [17] = 46, [23] = 17};
	struct pcapng_packet p = {.time_ns = (uint64_t)(i + 1) * SPACING,
				  .data = frame,
				  .captured_bytes = FRAME_BYTES,
				  .original_bytes = FRAME_BYTES,
				  .drops = i % 1000 == 0};

	frame[26] = 10;
	frame[29] = (unsigned char)(i % 200);
	frame[35] = i == RARE ? 7 : 9;
	file_bytes += pcapng_packet_format(file + file_bytes, &p);
}

static void make_file(void)
{
	struct pcapng_interface interface = {.link_type = 1, .name = "eth0"};
	struct pcapng_statistics statistics = {.time_ns = 1, .dropped = 3};

	file_bytes = pcapng_section_format(file, &(struct pcapng_section){.os = "test"});
	file_bytes += pcapng_interface_format(file + file_bytes, &interface);
	for (uint32_t i = 0; i < PACKETS; i++)
		add_packet(i);
	file_bytes += pcapng_statistics_format(file + file_bytes, &statistics);
	sha256_text(file, file_bytes, sha256);
}

/* In steps that cut blocks anywhere. */
static unsigned char *make_index(size_t step, size_t bytes, size_t *ret_bytes)
{
	struct segment_indexer *indexer = segment_indexer_new();
	unsigned char *index;
	size_t begin = 0;

	for (size_t end = step; begin < bytes; end = end + step < bytes ? end + step : bytes) {
		size_t taken = segment_indexer_add(indexer, file + begin,
						   (end < bytes ? end : bytes) - begin);

		begin += taken;
		if (end >= bytes && !taken)
			break;
	}
	index = segment_indexer_finish(indexer, bytes, sha256, ret_bytes);
	segment_indexer_free(indexer);
	return index;
}

static void is_the_same_whatever_the_steps(void)
{
	unsigned char *other;
	size_t bytes;

	made = make_index(1 << 20, file_bytes, &made_bytes);
	check(made);
	other = make_index(7777, file_bytes, &bytes);
	check(other && bytes == made_bytes && !memcmp(made, other, bytes));
	free(other);
	/* a file that ends inside a block has none */
	check(!make_index(1 << 20, file_bytes - 8, &bytes));
}

static void a_changed_bit_is_found(void)
{
	struct segment_index index;

	check_int(segment_index_open(&index, made, made_bytes, file_bytes, sha256), 0);
	check(index.count > 10);
	check(segment_index_open(&index, made, made_bytes, file_bytes + 4, sha256));
	check(segment_index_open(&index, made, made_bytes - 1, file_bytes, sha256));
	for (size_t i = 0; i < made_bytes; i++) {
		made[i] ^= 1u << i % 8;
		check(segment_index_open(&index, made, made_bytes, file_bytes, sha256));
		made[i] ^= 1u << i % 8;
	}
	sha256[0] = sha256[0] == '0' ? '1' : '0';
	check(segment_index_open(&index, made, made_bytes, file_bytes, sha256));
	sha256_text(file, file_bytes, sha256);
}

/* What an extraction sees of it. */
struct walk {
	uint64_t seen, read, drops, found;
};

static unsigned wanted = 7; /* port, where there is a term */

static int is_found(const struct extract_job *job, const struct segment_packet *p)
{
	return p->time_ns >= job->from_ns && p->time_ns <= job->to_ns &&
	       (!job->terms.count || p->data[35] == wanted);
}

static void open_skip(struct extract_skip *skip, const struct segment_reader *reader)
{
	struct extract_index message = {.bytes = (uint32_t)made_bytes};
	int fd = memfd_create("index", MFD_CLOEXEC);

	check(!file_write_all(fd, made, made_bytes));
	memcpy(message.sha256, sha256, sizeof(sha256));
	sha256_text(made, made_bytes, message.index_sha256);
	extract_skip_load(skip, &message, fd);
	check_int(extract_skip_begin(skip, reader), 0);
}

/* It fits the segment in all it says of itself, but is not the one that was made. */
static void forged_index_is_not_believed(void)
{
	struct extract_index message = {.bytes = (uint32_t)made_bytes};
	struct extract_skip skip = {.next = UINT64_MAX};
	int fd = memfd_create("index", MFD_CLOEXEC), segment = memfd_create("segment", MFD_CLOEXEC);
	struct segment_reader reader;

	check(!file_write_all(fd, made, made_bytes));
	check(!file_write_all(segment, file, file_bytes));
	check(!segment_reader_open(&reader, segment, file_bytes));
	memcpy(message.sha256, sha256, sizeof(sha256));
	sha256_text("another", 7, message.index_sha256);
	extract_skip_load(&skip, &message, fd);
	check_int(extract_skip_begin(&skip, &reader), -EBADMSG);
	check(!skip.data);
	segment_reader_close(&reader);
}

static struct walk walk(const struct extract_job *job, int with_index)
{
	struct extract_skip skip = {0};
	struct segment_packet packet;
	struct extract_skipped passed;
	struct segment_reader reader;
	struct walk w = {0};
	int fd = memfd_create("segment", MFD_CLOEXEC), r;

	check(!file_write_all(fd, file, file_bytes));
	check(!segment_reader_open(&reader, fd, file_bytes));
	extract_skip_clear(&skip);
	if (with_index)
		open_skip(&skip, &reader);
	do {
		if (reader.offset >= skip.next) {
			extract_skip_step(&skip, job, INT64_MAX, &reader, &passed);
			w.seen += passed.packets;
			w.drops += passed.drops;
		}
		r = segment_reader_next(&reader, &packet);
		if (r)
			break;
		w.seen++;
		w.read++;
		w.drops += packet.drops;
		w.found += is_found(job, &packet);
	} while (1);
	check_int(r, SEGMENT_READER_END);
	check_int(reader.dropped, 3);
	extract_skip_clear(&skip);
	segment_reader_close(&reader);
	return w;
}

static void skips_and_misses_nothing(const struct extract_job *job, uint64_t found,
				     uint64_t read_max)
{
	struct walk without = walk(job, 0), with = walk(job, 1);

	check_int(without.found, found);
	check_int(with.found, found);
	check_int(with.seen, without.seen);
	check_int(with.drops, without.drops);
	check_int(without.read, PACKETS);
	check(with.read <= read_max);
}

static void finds_the_one_packet(void)
{
	struct extract_job job = {.to_ns = INT64_MAX, .terms = {.count = 1, .keys = {1}}};

	job.terms.key[0][0] = segment_key_port((uint16_t)wanted);
	skips_and_misses_nothing(&job, 1, PACKETS / 10);
	wanted = 8; /* which none has */
	job.terms.key[0][0] = segment_key_port((uint16_t)wanted);
	skips_and_misses_nothing(&job, 0, PACKETS / 10);
}

static void finds_a_span(void)
{
	struct extract_job job = {.from_ns = 5000 * SPACING, .to_ns = 5099 * SPACING};

	skips_and_misses_nothing(&job, 100, PACKETS / 10 + 2000);
	job = (struct extract_job){.from_ns = 1, .to_ns = INT64_MAX};
	skips_and_misses_nothing(&job, PACKETS, PACKETS);
}

int main(void)
{
	make_file();
	is_the_same_whatever_the_steps();
	a_changed_bit_is_found();
	forged_index_is_not_believed();
	finds_the_one_packet();
	finds_a_span();
	free(made);
	return 0;
}
