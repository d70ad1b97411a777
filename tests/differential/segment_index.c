/* SPDX-License-Identifier: Apache-2.0 */
/* An index may send a reader past a packet only if BPF does not match it:
 * differential_segment_index [packets [seed]]. Each packet is a segment of its own, so that the
 * summary has nothing else in it. */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "capture/pcapng.h"
#include "capture/segment_index.h"
#include "dispatch/serve/derived_terms.h"
#include "tests/differential/packet_random.h"

#define FILTERS 64

struct tried {
	char text[200];
	struct bpf_program program;
	struct segment_terms terms;
};

struct totals {
	uint64_t pairs, matches, skipped;
};

/* ---- filters ---- */

static void add_primitive(struct random *random, struct buf *text)
{
	static const char *const directions[] = {"", "src ", "dst "};
	static const char *const transports[] = {"", "tcp ", "udp "};
	uint32_t n = random_below(random, PACKET_POOL + 2); /* some are of no packet */
	const char *direction = directions[random_below(random, 3)];
	char address[INET6_ADDRSTRLEN];

	if (random_chance(random, 40)) {
		buf_printf(text, "%s%sport %u", transports[random_below(random, 3)], direction,
			   PACKET_PORT + n);
	} else if (random_chance(random, 60)) {
		uint32_t ip4 = htonl(PACKET_IPV4 + n);

		buf_printf(text, "%shost %s", direction,
			   inet_ntop(AF_INET, &ip4, address, sizeof(address)));
	} else {
		u128 ip6 = PACKET_IPV6 + n;
		unsigned char bytes[16];

		for (int i = 15; i >= 0; i--, ip6 >>= 8)
			bytes[i] = (unsigned char)ip6;
		buf_printf(text, "%shost %s", direction,
			   inet_ntop(AF_INET6, bytes, address, sizeof(address)));
	}
}

static void make_filter(struct random *random, uint32_t link_type, struct tried *ret)
{
	pcap_t *pcap = pcap_open_dead(link_type == 101 ? DLT_RAW : (int)link_type, 262144);
	int compiled = 0;

	while (!compiled) { /* some contradict themselves */
		struct buf text = BUF_INIT;

		add_primitive(random, &text);
		while (random_chance(random, 30)) {
			buf_append_text(&text, random_chance(random, 50) ? " and " : " && ");
			add_primitive(random, &text);
		}
		snprintf(ret->text, sizeof(ret->text), "%s", text.data);
		buf_fini(&text);
		compiled = !pcap_compile(pcap, &ret->program, ret->text, 1, PCAP_NETMASK_UNKNOWN);
	}
	pcap_close(pcap);
	derived_terms_read(ret->text, NULL, NULL, &ret->terms);
	if (ret->terms.count)
		return;
	fprintf(stderr, "nothing is understood of \"%s\"\n", ret->text);
	exit(EXIT_FAILURE);
}

/* ---- packets ---- */

/* The index of a segment that has this packet alone; *ret_data is the caller's. */
static void index_of(const struct packet_random *p, unsigned char **ret_data,
		     struct segment_index *ret)
{
	static unsigned char file[4096 + PCAPNG_PACKET_BOUND_MAX];
	struct pcapng_interface interface = {.link_type = (uint16_t)p->link_type, .name = "nic"};
	struct pcapng_packet packet = {
		.data = p->bytes, .captured_bytes = p->size, .original_bytes = p->size};
	struct segment_indexer *indexer = segment_indexer_new();
	char sha256[SHA256_HEX_SIZE];
	size_t bytes, n;

	n = pcapng_section_format(file, &(struct pcapng_section){.os = "test"});
	n += pcapng_interface_format(file + n, &interface);
	n += pcapng_packet_format(file + n, &packet);
	sha256_text(file, n, sha256);
	if (segment_indexer_add(indexer, file, n) != n ||
	    !(*ret_data = segment_indexer_finish(indexer, n, sha256, &bytes)) ||
	    segment_index_open(ret, *ret_data, bytes, n, sha256) || ret->count != 1) {
		fprintf(stderr, "no index of a whole segment\n");
		exit(EXIT_FAILURE);
	}
	segment_indexer_free(indexer);
}

static void fail(const struct tried *t, const struct packet_random *p)
{
	fprintf(stderr, "the index hides what \"%s\" matches:", t->text);
	for (uint32_t i = 0; i < p->size; i++)
		fprintf(stderr, " %02x", p->bytes[i]);
	fprintf(stderr, "\n(link type %u, %u bytes)\n", p->link_type, p->size);
	exit(EXIT_FAILURE);
}

static void try_packet(const struct tried filters[], const struct packet_random *p,
		       struct totals *totals)
{
	struct segment_index index;
	struct segment_piece piece;
	unsigned char *data;

	index_of(p, &data, &index);
	segment_index_get(&index, 0, &piece);
	for (int i = 0; i < FILTERS; i++) {
		const struct tried *t = &filters[i];
		int matches = bpf_filter(t->program.bf_insns, p->bytes, p->size, p->size) != 0;
		int may = segment_index_may_have(&index, &piece, &t->terms);

		totals->pairs++;
		totals->matches += matches;
		totals->skipped += !may;
		if (matches && !may)
			fail(t, p);
	}
	free(data);
}

int main(int argc, char **argv)
{
	static const uint32_t link_types[] = {1, 101};
	struct random random = {.state = argc > 2 ? strtoull(argv[2], NULL, 10) | 1 : 1};
	long packets = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
	static struct tried filters[FILTERS];
	struct totals totals = {0};
	struct packet_random p;

	for (size_t l = 0; l < 2; l++) {
		for (int i = 0; i < FILTERS; i++)
			make_filter(&random, link_types[l], &filters[i]);
		for (long i = 0; i < packets / 2; i++) {
			packet_random(&random, link_types[l], &p);
			try_packet(filters, &p, &totals);
		}
		for (int i = 0; i < FILTERS; i++)
			pcap_freecode(&filters[i].program);
	}
	printf("%llu pairs, %llu match, %llu are skipped\n", (unsigned long long)totals.pairs,
	       (unsigned long long)totals.matches, (unsigned long long)totals.skipped);
	return totals.matches && totals.skipped > totals.pairs / 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
