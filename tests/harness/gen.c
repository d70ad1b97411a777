/* SPDX-License-Identifier: Apache-2.0 */
/* gen: sends numbered packets, as many and as fast as asked, so that verify can tell exactly which
 * of them a capture holds. Two ways to send: BPF_PROG_RUN with live XDP frames (twice the speed,
 * needs a build with clang and libbpf, and the right to load programs), or an AF_PACKET socket. */
#include "tests/harness/frame.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/gen_socket.h"
#ifdef GEN_BPF_OBJECT
#include "tests/harness/gen_bpf.h"
#endif

#define SPIN_RATE 100000

#define USAGE                                                                                      \
	"usage: gen -i device [-s bytes|imix] [-n count] [-r packets/s] [-T seconds] [-f flows]\n" \
	"           [-q first sequence] [-p destination port] [-v vlan] [-m bpf|socket]\n"         \
	"prints: sent=N secs=T pps=R\n"

/* Reads a whole number in [low, high] or ends the program. */
static uint64_t number(const char *what, const char *text, uint64_t low, uint64_t high)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-' || n < low || n > high) {
		fprintf(stderr, "gen: %s is \"%s\", not %" PRIu64 " to %" PRIu64 "\n", what, text,
			low, high);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv, struct gen_options *o, const char **mode)
{
	int c;

	while ((c = getopt(argc, argv, "i:s:n:r:T:f:q:p:v:m:")) > 0)
		switch (c) {
		case 'i':
			o->device = optarg;
			break;
		case 's':
			o->imix = !strcmp(optarg, "imix");
			o->frame_bytes =
				o->imix ? FRAME_MAX
					: (uint32_t)number("size", optarg, FRAME_MIN, FRAME_MAX);
			break;
		case 'n':
			o->count = number("count", optarg, 1, UINT64_MAX);
			break;
		case 'r':
			o->rate = number("rate", optarg, 0, 100000000);
			break;
		case 'T':
			o->seconds = number("seconds", optarg, 1, 86400);
			break;
		case 'f':
			o->flows = (uint32_t)number("flows", optarg, 1, 64000);
			break;
		case 'q':
			o->first = number("first sequence", optarg, 0, UINT64_MAX);
			break;
		case 'p':
			o->port = (uint16_t)number("port", optarg, 1, 65535);
			break;
		case 'v':
			o->vlan = (uint16_t)number("vlan", optarg, 1, 4094);
			break;
		case 'm':
			*mode = optarg;
			break;
		default:
			fputs(USAGE, stderr);
			exit(2);
		}
}

static void put16(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* The destination address is nobody's, as on a mirror port: the stack drops it behind the tap. */
static void fill_template(const struct gen_options *o, unsigned char *frame)
{
	static const unsigned char addresses[] = "\x02\xaa\0\0\0\x01\x02\xbb\0\0\0\x02";
	static const char text[] = "GET /index.html HTTP/1.1 Host: example ";
	unsigned char *ip = frame + FRAME_IP_AT, *udp;
	uint32_t noise = 1;

	memcpy(frame, addresses, 12);
	if (o->vlan) {
		put16(frame + 12, ETH_P_8021Q);
		put16(frame + 14, o->vlan);
		ip += 4;
	}
	put16(ip - 2, ETH_P_IP);
	memcpy(ip, "\x45\0\0\0\0\0\0\0\x40\x11\0\0\x0a\x01\0\x01\x0a\x01\0\x02", 20);
	udp = ip + 20;
	put16(udp + 2, o->port);
	/* half like text, half like noise, so that compression finds what it would find */
	for (uint32_t i = (uint32_t)(udp - frame) + 24; i < o->frame_bytes; i++) {
		noise = noise * 1103515245 + 12345;
		frame[i] = (i / 64) & 1 ? (unsigned char)text[i % (sizeof(text) - 1)]
					: (unsigned char)(noise >> 16);
	}
}

static uint32_t checksum_base(const unsigned char *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	return sum;
}

static int run(const struct gen_options *o, const char *mode, struct gen_state *state,
	       const unsigned char *frame)
{
#ifdef GEN_BPF_OBJECT
	if (mode ? !strcmp(mode, "bpf") : !o->rate || o->rate > SPIN_RATE) {
		int r = gen_bpf_run(o, state, frame);

		if (r != GEN_BPF_UNAVAILABLE || mode)
			return r;
		fprintf(stderr, "gen: programs cannot be loaded here, sending by socket\n");
	}
#else
	if (mode && !strcmp(mode, "bpf")) {
		fprintf(stderr, "gen: was built without libbpf, use -m socket\n");
		return 1;
	}
#endif
	return gen_socket_run(o, state, frame);
}

int main(int argc, char **argv)
{
	struct gen_options o = {.frame_bytes = FRAME_MIN,
				.count = 1000000,
				.seconds = 60,
				.flows = 64,
				.port = 5353};
	static unsigned char frame[FRAME_MAX + 64];
	const char *mode = NULL;
	struct gen_state state;
	double seconds;

	parse(argc, argv, &o, &mode);
	if (!o.device || optind != argc ||
	    (mode && strcmp(mode, "bpf") && strcmp(mode, "socket"))) {
		fputs(USAGE, stderr);
		return 2;
	}
	fill_template(&o, frame);
	state = (struct gen_state){.sequence = o.first,
				   .first = o.first,
				   .interface = if_nametoindex(o.device),
				   .imix = o.imix,
				   .flows = o.flows,
				   .tag_bytes = o.vlan ? 4 : 0,
				   .picoseconds = o.rate ? 1000000000000u / o.rate : 0};
	state.checksum_base = checksum_base(frame + FRAME_IP_AT + state.tag_bytes);
	memcpy(state.ethernet, frame, sizeof(state.ethernet));
	if (!state.interface) {
		fprintf(stderr, "gen: no interface \"%s\"\n", o.device);
		return 1;
	}
	if (run(&o, mode, &state, frame))
		return 1;
	seconds = (double)(gen_now_ns() - state.start_ns) / 1e9;
	printf("sent=%" PRIu64 " secs=%.4f pps=%.0f\n", (uint64_t)state.sequence - o.first, seconds,
	       (double)(state.sequence - o.first) / seconds);
	return 0;
}
