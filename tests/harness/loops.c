/* SPDX-License-Identifier: Apache-2.0 */
/* loops: the recorder's hot loops over a fixed input, for tests/bench/instructions.
 *
 * usage: loops walk|convert|filter
 * The input: blocks of IMIX packets with a tag on every tenth. Prints the number of packets. */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "capture/filter.h"
#include "capture/pcapng.h"
#include "capture/ring_block.h"
#include "capture/ring_filler.h"
#include "tests/harness/frame.h"

#define BLOCK_BYTES (256u << 10)
#define BLOCKS	    16u
#define PACKETS	    8000u
#define FILTER	    "tcp port 443 or (udp portrange 1024-1031 and host 10.1.0.2)"

static uint8_t *memory;
static uint8_t out[PCAPNG_PACKET_BOUND_MAX + 64];
static struct filter *filter;

static void fill(void)
{
	static uint8_t frame[FRAME_MAX] = "\x02\xaa\0\0\0\x01\x02\xbb\0\0\0\x02\x08\0\x45";
	struct ring_filler filler;

	memory = aligned_alloc(4096, (size_t)BLOCK_BYTES * BLOCKS + RING_FILLER_NOTES_BYTES);
	bug_on(!memory);
	memset(memory, 0, (size_t)BLOCK_BYTES * BLOCKS + RING_FILLER_NOTES_BYTES);
	memcpy(frame + FRAME_IP_AT, "\x45\0\0\0\0\0\0\0\x40\x11\0\0\x0a\x01\0\x01\x0a\x01\0\x02",
	       20);
	ring_filler_init(&filler, memory, BLOCK_BYTES, BLOCKS, DUR_S);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct packet p = {.data = frame,
				   .captured_bytes = frame_imix_bytes(i),
				   .original_bytes = frame_imix_bytes(i),
				   .wall_ns = DUR_S + i * DUR_US,
				   .direction = PACKET_INBOUND,
				   .vlan_tpid = i % 10 ? 0 : 0x8100,
				   .vlan_tci = 7};

		frame[FRAME_UDP_AT] = (FRAME_PORT_BASE + i % 64) >> 8;
		frame[FRAME_UDP_AT + 1] = (FRAME_PORT_BASE + i % 64) & 0xff;
		bug_on(ring_filler_add(&filler, &p));
	}
	ring_filler_retire(&filler, DUR_S + PACKETS * DUR_US);
}

static void compile(void)
{
	struct rec_program *program = xcalloc(1, sizeof(*program));
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, PCAPNG_SNAPLEN);
	struct bpf_program compiled;

	bug_on(pcap_compile(dead, &compiled, FILTER, 1, PCAP_NETMASK_UNKNOWN));
	program->count = compiled.bf_len;
	for (uint32_t i = 0; i < compiled.bf_len; i++) {
		const struct bpf_insn *from = &compiled.bf_insns[i];

		program->insns[i] = (struct sock_filter){from->code, from->jt, from->jf, from->k};
	}
	bug_on(filter_new(program, &filter));
	pcap_freecode(&compiled);
	pcap_close(dead);
	free(program);
}

static size_t convert(const struct packet *p)
{
	struct pcapng_packet packet = {.time_ns = (uint64_t)p->wall_ns,
				       .data = p->data,
				       .captured_bytes = p->captured_bytes,
				       .original_bytes = p->original_bytes,
				       .vlan_tpid = p->vlan_tpid,
				       .vlan_tci = p->vlan_tci,
				       .flags = p->direction};

	return pcapng_packet_format(out, &packet);
}

/* What is measured: everything below this function. */
__attribute__((noinline)) static uint64_t measure(char what)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < BLOCKS; i++) {
		const void *block = memory + (size_t)i * BLOCK_BYTES;
		struct ring_block_walk walk;
		struct packet p;

		if (ring_block_status(block) != RING_BLOCK_USER)
			continue;
		ring_block_walk_init(&walk, block, BLOCK_BYTES);
		while (!ring_block_next(&walk, &p)) {
			if (what == 'c')
				convert(&p);
			if (what == 'f')
				filter_run(filter, p.data, p.captured_bytes, p.original_bytes);
			sum++;
		}
	}
	return sum;
}

int main(int argc, char **argv)
{
	if (argc != 2 || !strchr("wcf", argv[1][0])) {
		fputs("usage: loops walk|convert|filter\n", stderr);
		return 2;
	}
	fill();
	compile();
	printf("%llu\n", (unsigned long long)measure(argv[1][0]));
	filter_free(filter);
	free(memory);
	return 0;
}
