/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERTYPE   0x88b5 /* IEEE 802: for local experiments */
#define FRAME_BYTES 1000
#define RETIRE_MS   2000 /* longer than the test: only full blocks retire */

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) ? -errno : 0;
}

static int open_receiver(struct ring_selftest *t, uint32_t block_bytes, uint32_t block_count)
{
	struct tpacket_req3 request = {.tp_block_size = block_bytes,
				       .tp_block_nr = block_count,
				       .tp_frame_size = 2048,
				       .tp_frame_nr = block_bytes / 2048 * block_count,
				       .tp_retire_blk_tov = RETIRE_MS};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE), .sll_ifindex = t->index};
	int r;

	t->receiver = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (t->receiver < 0)
		return -errno;
	r = set(t->receiver, PACKET_VERSION, TPACKET_V3);
	if (r < 0)
		return r;
	if (setsockopt(t->receiver, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		return -errno;
	t->memory = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t->receiver, 0);
	if (t->memory == MAP_FAILED)
		return -errno;
	return bind(t->receiver, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

int ring_selftest_open(struct ring_selftest *t, uint32_t block_bytes, uint32_t block_count)
{
	int r;

	*t = (struct ring_selftest){.memory = MAP_FAILED,
				    .bytes = (size_t)block_bytes * block_count,
				    .receiver = -1,
				    .sender = -1,
				    .index = (int)if_nametoindex("lo")};
	r = t->index ? open_receiver(t, block_bytes, block_count) : -ENODEV;
	if (!r) {
		t->sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
		r = t->sender < 0 ? -errno : 0;
	}
	if (r < 0)
		ring_selftest_close(t);
	return r;
}

void ring_selftest_close(struct ring_selftest *t)
{
	if (t->memory != MAP_FAILED)
		munmap(t->memory, t->bytes);
	if (t->receiver >= 0)
		close(t->receiver);
	if (t->sender >= 0)
		close(t->sender);
}

/* To nobody's address: the frame is heard and thrown away. */
int ring_selftest_send(void *owner)
{
	const struct ring_selftest *t = owner;
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETHERTYPE),
				 .sll_ifindex = t->index,
				 .sll_halen = 6};
	unsigned char frame[FRAME_BYTES] = {0};

	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	if (sendto(t->sender, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)) >= 0)
		return 0;
	return errno == ENOBUFS || errno == EINTR ? 0 : -errno;
}
