/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/gen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64
#define SLOT_NS 1000000u

struct batch {
	int socket;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	unsigned char frames[BATCH][FRAME_MAX + 8];
};

uint64_t gen_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A sleep is late by some 50 us: what is due closer together goes out in slots. */
static void wait_until(uint64_t due)
{
	uint64_t now = gen_now_ns(), ns = due - now + SLOT_NS;
	struct timespec rest = {.tv_sec = (time_t)(ns / 1000000000u),
				.tv_nsec = (long)(ns % 1000000000u)};

	if (due > now)
		nanosleep(&rest, NULL); /* wait: the pace is what was asked for */
}

static int open_socket(const struct gen_state *state)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)state->interface};
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)); /* only faster */
	if (bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void put16(unsigned char *p, uint32_t value)
{
	uint16_t v = htons((uint16_t)value);

	memcpy(p, &v, 2);
}

static void put64(unsigned char *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static void stamp(const struct gen_state *s, unsigned char *frame, uint32_t bytes)
{
	unsigned char *base = frame + s->tag_bytes;
	uint32_t ip_bytes = bytes - s->tag_bytes - FRAME_IP_AT;

	put16(base + FRAME_IP_AT + 2, ip_bytes);
	put16(base + FRAME_IP_AT + 10, frame_checksum(s->checksum_base, ip_bytes));
	put16(base + FRAME_UDP_AT, FRAME_PORT_BASE + (uint32_t)(s->sequence % s->flows));
	put16(base + FRAME_UDP_AT + 4, ip_bytes - 20);
	put64(base + FRAME_MAGIC_AT, FRAME_MAGIC);
	put64(base + FRAME_MAGIC_AT + 8, s->sequence);
}

/* Sends the first n frames of the batch, whatever the queue says. Returns 0 or -1. */
static int send_batch(struct batch *b, unsigned n)
{
	for (unsigned sent = 0; sent < n;) {
		int r = sendmmsg(b->socket, b->messages + sent, n - sent, 0);

		if (r > 0) {
			sent += (unsigned)r;
		} else if (errno == ENOBUFS || errno == EAGAIN) {
			struct pollfd p = {.fd = b->socket, .events = POLLOUT};

			poll(&p, 1, 1);
		} else if (errno != EINTR) {
			perror("gen: sendmmsg");
			return -1;
		}
	}
	return 0;
}

/* As many frames as are due, at least one. */
static unsigned fill_batch(struct batch *b, const struct gen_options *o, struct gen_state *state,
			   uint64_t left)
{
	unsigned n = 0;

	while (n < BATCH && n < left) {
		uint32_t bytes = o->imix ? frame_imix_bytes(state->sequence) : o->frame_bytes;

		if (o->rate) {
			uint64_t due = state->start_ns +
				       (state->sequence - state->first) * state->picoseconds / 1000;

			if (n && (int64_t)(due - gen_now_ns()) > 0)
				break;
			wait_until(due);
		}
		stamp(state, b->frames[n], bytes);
		b->vectors[n].iov_len = bytes;
		state->sequence++;
		n++;
	}
	return n;
}

int gen_socket_run(const struct gen_options *o, struct gen_state *state, const unsigned char *frame)
{
	static struct batch b;
	uint64_t end, left = o->count;

	b.socket = open_socket(state);
	if (b.socket < 0) {
		perror("gen: packet socket");
		return 1;
	}
	for (int i = 0; i < BATCH; i++) {
		memcpy(b.frames[i], frame, sizeof(b.frames[i]));
		b.vectors[i].iov_base = b.frames[i];
		b.messages[i].msg_hdr.msg_iov = &b.vectors[i];
		b.messages[i].msg_hdr.msg_iovlen = 1;
	}
	state->start_ns = gen_now_ns();
	end = state->start_ns + o->seconds * 1000000000u;
	while (left && gen_now_ns() < end) {
		unsigned n = fill_batch(&b, o, state, left);

		if (send_batch(&b, n)) {
			close(b.socket);
			return 1;
		}
		left -= n;
	}
	close(b.socket);
	return 0;
}
