/* SPDX-License-Identifier: Apache-2.0 */
/* verify: counts exactly which of gen's packets capture files hold, and reads their structure more
 * strictly than any other reader.
 *
 * Reads pcap, pcapng, also several sections in one file, and raw dumps of ring blocks. Prints one
 * JSON object. Exit status: 0 also with losses, 1 if a file cannot be read or breaks a rule of the
 * format (said on stderr), 2 for wrong usage. A file that ends inside a block is no error, but
 * counted as truncated. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/count.h"
#include "tests/harness/pcapng_strict.h"

#define USAGE                                                                                      \
	"usage: verify [-n count] [-f first] [-l last] [-P low-high] [-F flows] file...\n"         \
	"  -n  sequence numbers are below count\n"                                                 \
	"  -f -l  tell what is lost of first..last\n"                                              \
	"  -P -F  expect only packets with UDP source ports low..high, sent with -F flows\n"

#define PCAP_US	     0xa1b2c3d4u
#define PCAP_NS	     0xa1b23c4du
#define PCAP_HEADER  24u
#define RECORD_BYTES 16u
#define DUMP_BLOCK   (1u << 20)

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-') {
		fprintf(stderr, "verify: \"%s\" is not a number\n%s", text, USAGE);
		exit(2);
	}
	return n;
}

/* Records of a classic pcap file, as far as they are whole. Returns 1 if it ends inside one. */
static int read_pcap(struct count *count, const unsigned char *data, size_t len)
{
	uint64_t unit = get32(data) == PCAP_NS ? 1 : 1000;
	size_t at = PCAP_HEADER;

	while (at < len) {
		const unsigned char *p = data + at;
		uint32_t captured;

		if (len - at < RECORD_BYTES)
			return 1;
		captured = get32(p + 8);
		if (captured > len - at - RECORD_BYTES)
			return 1;
		count_packet(count, p + RECORD_BYTES, captured, get32(p + 12),
			     get32(p) * 1000000000ull + get32(p + 4) * unit);
		at += RECORD_BYTES + captured;
	}
	return len < PCAP_HEADER;
}

/* Whole TPACKET_V3 blocks of 1 MiB one after the other, as stenotype writes them. */
static int read_blocks(struct count *count, const unsigned char *data, size_t len)
{
	for (size_t at = 0; at + DUMP_BLOCK <= len; at += DUMP_BLOCK) {
		const struct tpacket_block_desc *d = (const void *)(data + at);
		size_t offset = d->hdr.bh1.offset_to_first_pkt;

		if (!d->version) /* allocated, not written */
			return 0;
		for (uint32_t left = d->hdr.bh1.num_pkts; left; left--) {
			const struct tpacket3_hdr *t = (const void *)(data + at + offset);

			if (offset + sizeof(*t) > DUMP_BLOCK ||
			    offset + t->tp_mac + t->tp_snaplen > DUMP_BLOCK)
				return 1;
			count_packet(count, (const unsigned char *)t + t->tp_mac, t->tp_snaplen,
				     t->tp_len, t->tp_sec * 1000000000ull + t->tp_nsec);
			offset += t->tp_next_offset;
		}
	}
	return len % DUMP_BLOCK != 0;
}

static void on_packet(void *owner, const struct strict_packet *packet)
{
	struct count *count = owner;

	count->drops += packet->drops;
	if (!count->packets)
		count->first_drops = packet->drops;
	count->comments += packet->comments;
	count_packet(count, packet->data, packet->captured, packet->original, packet->time_ns);
}

/* Returns 0, 1 if the file breaks a rule or cannot be read. */
static int read_bytes(struct count *count, struct strict *strict, const char *path,
		      const unsigned char *data, size_t len)
{
	uint32_t magic = len >= 4 ? get32(data) : 0;

	if (magic == PCAP_US || magic == PCAP_NS) {
		count->truncated += read_pcap(count, data, len);
		return 0;
	}
	if (magic == 1 && len >= DUMP_BLOCK) { /* a block's version */
		count->truncated += read_blocks(count, data, len);
		return 0;
	}
	if (!strict_read(strict, data, len, on_packet, count)) {
		count->truncated += strict->truncated;
		return 0;
	}
	fprintf(stderr, "verify: %s: at byte %" PRIu64 ": %s\n", path, strict->offset,
		strict->complaint);
	return 1;
}

static int read_file(struct count *count, struct strict *strict, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
		return 1;
	}
	data = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
			  : MAP_FAILED;
	close(fd);
	if (data == MAP_FAILED) {
		fprintf(stderr, "verify: %s: %s\n", path, st.st_size ? "not mapped" : "empty");
		return 1;
	}
	madvise(data, (size_t)st.st_size, MADV_SEQUENTIAL);
	r = read_bytes(count, strict, path, data, (size_t)st.st_size);
	munmap(data, (size_t)st.st_size);
	return r;
}

static void print(const struct count *c, const struct strict *s, int malformed)
{
	struct count_span whole = count_span(c, c->first, c->last);
	struct count_span seen = count_span(c, c->lowest, c->highest);

	printf("{\"pkts\": %" PRIu64 ", \"uniq\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"dup\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"outside\": %" PRIu64
	       ", \"sliced\": %" PRIu64 ", \"reorder\": %" PRIu64 ", \"tsback\": %" PRIu64
	       ", \"first\": %" PRId64 ", \"max\": %" PRId64 ", \"span_lost\": %" PRIu64
	       ", \"truncated\": %u, \"malformed\": %d, \"bytes\": %" PRIu64,
	       c->packets, c->unique, whole.lost, c->duplicates, c->bad, c->outside, c->sliced,
	       c->reordered, c->time_back, c->unique ? (int64_t)c->lowest : -1,
	       c->unique ? (int64_t)c->highest : -1, c->unique ? seen.lost : 0, c->truncated,
	       malformed, c->bytes);
	printf(", \"first_ns\": %" PRIu64 ", \"last_ns\": %" PRIu64 ", \"dropcount\": %" PRIu64
	       ", \"first_drops\": %" PRIu64 ", \"comments\": %" PRIu64 ", \"sections\": %" PRIu64
	       ", \"interfaces\": %" PRIu64 ", \"statistics\": %" PRIu64 ", \"ifdrop\": %" PRIu64
	       ", \"osdrop\": %" PRIu64 "}\n",
	       c->first_ns, c->last_ns, c->drops, c->first_drops, c->comments, s->sections,
	       s->interfaces_seen, s->statistics, s->ifdrop, s->osdrop);
}

static int parse_ports(struct count *count, const char *text)
{
	unsigned low, high;
	char rest;

	if (sscanf(text, "%u-%u%c", &low, &high, &rest) != 2 || low > high || high > 65535)
		return -1;
	count->port_low = low;
	count->port_high = high;
	return 0;
}

int main(int argc, char **argv)
{
	static struct strict strict;
	struct count count = COUNT_INIT;
	int c, malformed = 0;
	bool bad = false;

	while ((c = getopt(argc, argv, "n:f:l:P:F:")) > 0)
		switch (c) {
		case 'n':
			count.bound = number(optarg);
			break;
		case 'f':
			count.first = number(optarg);
			break;
		case 'l':
			count.last = number(optarg);
			break;
		case 'P':
			bad |= parse_ports(&count, optarg) < 0;
			break;
		case 'F':
			count.flows = (uint32_t)number(optarg);
			break;
		default:
			bad = true;
		}
	if (bad || optind == argc || count_start(&count)) {
		fputs(USAGE, stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++)
		malformed += read_file(&count, &strict, argv[i]);
	print(&count, &strict, malformed);
	count_fini(&count);
	return malformed != 0;
}
