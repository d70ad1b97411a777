/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "capture/pcapng.h"
#include "storage/segment.h"
#include "tests/unit/test.h"

#define NAME	     "20261120T153000.123Z_p_eth0_000000.pcapng"
#define START_NS     1763652600000000000ull
#define PACKETS	     300
#define PACKET_BYTES 9000 /* so that blocks lie across the borders of 1 MiB windows */

static int folder;

/* A segment as the recorder writes it, in memory. */
struct sample {
	unsigned char *data;
	size_t bytes;
	size_t interface_end;		/* section and interface block */
	size_t packet_end[PACKETS + 1]; /* after n packets */
};

static struct sample sample_new(void)
{
	static unsigned char payload[PACKET_BYTES];
	struct sample s = {.data = xcalloc(1, PACKETS * (PACKET_BYTES + 64) + 4096)};

	s.bytes = pcapng_section_format(s.data, &(struct pcapng_section){.os = "test"});
	s.bytes += pcapng_interface_format(
		s.data + s.bytes, &(struct pcapng_interface){.link_type = 1, .name = "eth0"});
	s.interface_end = s.packet_end[0] = s.bytes;
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct pcapng_packet p = {.time_ns = START_NS + i,
					  .data = payload,
					  .captured_bytes = PACKET_BYTES - i % 7,
					  .original_bytes = 10000};

		s.bytes += pcapng_packet_format(s.data + s.bytes, &p);
		s.packet_end[i + 1] = s.bytes;
	}
	return s;
}

static void add_statistics(struct sample *s)
{
	struct pcapng_statistics statistics = {.time_ns = START_NS,
					       .received = PACKETS,
					       .dropped = 12,
					       .os_dropped = 5,
					       .accepted = PCAPNG_UNKNOWN,
					       .delivered = PACKETS};

	s->bytes += pcapng_statistics_format(s->data + s->bytes, &statistics);
}

static void put_file(const char *name, const void *data, size_t bytes)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0660);

	check(fd >= 0);
	check(!file_write_all(fd, data, bytes));
	close(fd);
}

static struct segment_facts inspect(const void *data, size_t bytes, uint64_t cut_at)
{
	struct segment_facts facts;
	int fd;

	put_file("x", data, bytes);
	fd = openat(folder, "x", O_RDONLY);
	check(!repair_inspect(fd, cut_at, &facts));
	close(fd);
	check(!unlinkat(folder, "x", 0));
	check_int(facts.file_bytes, bytes);
	return facts;
}

static void whole_file(void)
{
	struct sample s = sample_new();
	struct segment_facts facts = inspect(s.data, s.bytes, 0);

	check_int(facts.valid_bytes, s.bytes);
	check_int(facts.packets, PACKETS);
	check_int(facts.bytes, PACKETS * 10000);
	check_int(facts.first.ns, START_NS);
	check_int(facts.last.ns, START_NS + PACKETS - 1);
	check(!facts.sealed);
	add_statistics(&s);
	facts = inspect(s.data, s.bytes, 0);
	check_int(facts.valid_bytes, s.bytes);
	check_int(facts.drops, 12);
	check(facts.sealed);
	free(s.data);
}

/* Wherever the file ends, exactly the whole blocks count, also with a zero tail behind. */
static void cut_anywhere(void)
{
	struct sample s = sample_new();
	unsigned char *zeroed = xcalloc(1, s.bytes + 8192);

	for (size_t end = 1; end < s.packet_end[6]; end += end < s.packet_end[1] ? 1 : 997) {
		struct segment_facts facts = inspect(s.data, end, 0), padded, asked;
		size_t want = 0;
		unsigned packets = 0;

		if (end >= s.interface_end)
			want = s.interface_end;
		while (s.packet_end[packets + 1] <= end)
			want = s.packet_end[++packets];
		if (want)
			check_int(facts.valid_bytes, want);
		check_int(facts.packets, packets);
		check(facts.valid_bytes <= end);
		memcpy(zeroed, s.data, end);
		memset(zeroed + end, 0, 8192);
		padded = inspect(zeroed, end + 8192, 0);
		/* the high bytes of a trailing length are zero anyway */
		if (padded.valid_bytes != facts.valid_bytes)
			check(padded.valid_bytes > end && padded.valid_bytes <= end + 3);
		asked = inspect(s.data, s.packet_end[7], end);
		check_int(asked.valid_bytes, facts.valid_bytes);
	}
	free(zeroed);
	free(s.data);
}

static void put32(unsigned char *p, uint32_t value)
{
	memcpy(p, &value, 4);
}

/* Each lie about a length, an interface or a magic ends the walk in front of it. */
static void hostile_blocks(void)
{
	static const uint32_t lengths[] = {0,  1,  4,	      8,	  11,	      31,
					   28, 33, 17u << 20, 0x7ffffffc, 0xfffffffc, 0xffffffff};
	struct sample s = sample_new();
	size_t at = s.packet_end[3], end = s.packet_end[4];
	struct segment_facts facts;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		put32(s.data + at + 4, lengths[i]);
		facts = inspect(s.data, s.bytes, 0);
		check_int(facts.valid_bytes, at);
		check_int(facts.packets, 3);
	}
	put32(s.data + at + 4, (uint32_t)(end - at));
	put32(s.data + at + 8, 1); /* no such interface */
	check_int(inspect(s.data, s.bytes, 0).valid_bytes, at);
	put32(s.data + at + 8, 0);
	put32(s.data + at + 20, (uint32_t)(end - at)); /* more captured than there is */
	check_int(inspect(s.data, s.bytes, 0).valid_bytes, at);
	put32(s.data + at + 20, PACKET_BYTES - 3);
	put32(s.data + end - 4, 0);
	check_int(inspect(s.data, s.bytes, 0).valid_bytes, at);
	put32(s.data + end - 4, (uint32_t)(end - at));
	check_int(inspect(s.data, s.bytes, 0).valid_bytes, s.bytes);
	put32(s.data + 8, 0x4d3c2b1a);
	check_int(inspect(s.data, s.bytes, 0).valid_bytes, 0);
	check_int(inspect("", 0, 0).valid_bytes, 0);
	check_int(inspect("{\"not\": \"pcapng\", \"but\": \"text\"}", 32, 0).valid_bytes, 0);
	free(s.data);
}

/* A walk over random damage ends, and never beyond the file. */
static void random_damage(void)
{
	struct sample s = sample_new();
	uint64_t seed = 42;
	size_t bytes = s.packet_end[5];

	for (int round = 0; round < 300; round++) {
		struct segment_facts facts;
		unsigned char kept;
		size_t at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (seed >> 33) % (round % 2 ? bytes : s.packet_end[1]);
		kept = s.data[at];
		s.data[at] = (unsigned char)(seed >> 20);
		facts = inspect(s.data, bytes, 0);
		check(facts.valid_bytes <= bytes && facts.packets <= 5);
		s.data[at] = kept;
	}
	free(s.data);
}

static struct segment_facts sealed_facts(void)
{
	struct segment_facts facts;
	int fd = openat(folder, NAME, O_RDONLY);

	check(fd >= 0);
	check(!repair_inspect(fd, 0, &facts));
	close(fd);
	check(faccessat(folder, "." NAME, F_OK, 0) && errno == ENOENT);
	check(!unlinkat(folder, NAME, 0));
	check_int(facts.valid_bytes, facts.file_bytes);
	return facts;
}

static void torn_segment_is_sealed(void)
{
	struct sample s = sample_new();
	struct segment_facts facts, after;

	put_file("." NAME, s.data, s.packet_end[10] + 100);
	check(!repair_segment(folder, NAME, 0, &facts));
	check_int(facts.packets, 10);
	check_int(facts.file_bytes, s.packet_end[10] + 100);
	after = sealed_facts();
	check(after.sealed);
	check_int(after.packets, 10);
	check_int(after.valid_bytes, facts.valid_bytes);

	/* at most cut_at, a block border given by a cursor's mark */
	put_file("." NAME, s.data, s.bytes);
	check(!repair_segment(folder, NAME, s.packet_end[4], &facts));
	check_int(facts.packets, 4);
	check_int(sealed_facts().packets, 4);

	/* nothing but the beginning */
	put_file("." NAME, s.data, s.interface_end);
	check(!repair_segment(folder, NAME, 0, &facts));
	check_int(facts.packets, 0);
	check(sealed_facts().sealed);

	/* died between its last block and the rename: no second statistics block */
	add_statistics(&s);
	put_file("." NAME, s.data, s.bytes);
	check(!repair_segment(folder, NAME, 0, &facts));
	check_int(facts.valid_bytes, s.bytes);
	check_int(sealed_facts().file_bytes, s.bytes);
	free(s.data);
}

static void hopeless_file_is_set_aside(void)
{
	struct segment_facts facts;

	put_file("." NAME, "\0\0\0\0\0\0\0\1", 8);
	check_int(repair_segment(folder, NAME, 0, &facts), -EBADMSG);
	check(!faccessat(folder, NAME ".bad", F_OK, 0));
	check(!unlinkat(folder, NAME ".bad", 0));
	check_int(repair_segment(folder, NAME, 0, &facts), -ENOENT);
	check_int(repair_segment(folder, "../x", 0, &facts), -EINVAL);
	check(!symlinkat("/etc/passwd", folder, "." NAME));
	check_int(repair_segment(folder, NAME, 0, &facts), -ELOOP);
	check(!unlinkat(folder, "." NAME, 0));
}

static void blank_file_is_removed(void)
{
	struct segment_facts facts;

	for (size_t bytes = 0; bytes <= 8; bytes += 8) {
		put_file("." NAME, "\0\0\0\0\0\0\0\0", bytes);
		check_int(repair_segment(folder, NAME, 0, &facts), REPAIR_REMOVED);
		check(faccessat(folder, "." NAME, F_OK, 0) && errno == ENOENT);
	}
}

int main(void)
{
	char path[] = "/tmp/test_repair.XXXXXX";

	check(mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY);
	check(folder >= 0);
	whole_file();
	cut_anywhere();
	hostile_blocks();
	random_damage();
	torn_segment_is_sealed();
	hopeless_file_is_set_aside();
	blank_file_is_removed();
	close(folder);
	check(!rmdir(path));
	return 0;
}
