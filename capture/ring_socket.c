/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "capture/ring_filler.h"
#include "capture/ring_kept.h"

#define MEMORY_MIN  (4u << 20)
#define RETIRE_MS   RING_SOCKET_RETIRE_MS
#define BLOCKS_MAX  (256u << 10)
#define FRAME_BYTES 2048 /* no limit with TPACKET_V3, but asked for */

enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

void ring_socket_plan(uint64_t memory_bytes, struct ring_geometry *ret)
{
	uint64_t memory = memory_bytes > MEMORY_MIN ? memory_bytes : MEMORY_MIN;

	/* small blocks, so that a quiet link, which retires one each retire_ms, reaches far back;
	 * larger ones where the kernel could not hold the list of them (4 MiB of pointers) */
	ret->block_bytes = memory / RING_SOCKET_BLOCK_MIN <= BLOCKS_MAX ? RING_SOCKET_BLOCK_MIN
									: RING_SOCKET_BLOCK_MAX;
	ret->block_count = (uint32_t)(memory / ret->block_bytes);
	ret->retire_ms = RETIRE_MS;
}

/* Socket type and LINKTYPE for an interface. Where there is no link header of use to anybody,
 * SOCK_DGRAM takes it away and packets begin with IP. */
static int link_of(int hardware, int *type, uint32_t *link_type)
{
	switch (hardware) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		*type = SOCK_RAW;
		*link_type = LINK_ETHERNET;
		return 0;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
		*type = SOCK_DGRAM;
		*link_type = LINK_RAW;
		return 0;
	default:
		return -EPROTONOSUPPORT;
	}
}

static int request_init(const char *nic, struct ifreq *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!*nic || strlen(nic) >= sizeof(ret->ifr_name))
		return -ENODEV;
	memcpy(ret->ifr_name, nic, strlen(nic) + 1);
	return 0;
}

/* Asks the kernel about nic on a throw-away socket. */
static int ask(const char *nic, unsigned long what, struct ifreq *ret)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = request_init(nic, ret);

	if (r < 0)
		return r;
	return fd < 0 || ioctl(fd, what, ret) ? -errno : 0;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

static int set_ring(int fd, const struct ring_geometry *g)
{
	struct tpacket_req3 request = {
		.tp_block_size = g->block_bytes,
		.tp_block_nr = g->block_count,
		.tp_frame_size = FRAME_BYTES,
		.tp_frame_nr = g->block_bytes / FRAME_BYTES * g->block_count,
		.tp_retire_blk_tov = g->retire_ms,
	};
	int r = set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3);

	if (r < 0)
		return r;
	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) ? -errno : 0;
}

static int set_promiscuous(int fd, int index)
{
	struct packet_mreq request = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};

	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) ? -errno
											    : 0;
}

static int bind_to(int fd, int index)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};

	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return 0;
	/* an interface that is down binds, and records once it is up */
	return errno == ENETDOWN ? 0 : -errno;
}

static int set_filter(int fd, const struct rec_program *program)
{
	struct sock_fprog f = {.len = (unsigned short)program->count,
			       .filter = (struct sock_filter *)program->insns};

	if (!program->count)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f)) ? -errno : 0;
}

/* The ring first, then the binding: the socket hears nothing before, so nothing is queued outside
 * the ring. */
static int configure(int fd, const char *nic, int index, const struct ring_geometry *g,
		     const struct rec_program *program)
{
	int r = program ? set_ring(fd, g) : -EPROTONOSUPPORT;

	if (!r)
		r = set_filter(fd, program);
	if (!r && !strcmp(nic, "lo"))
		r = set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (!r)
		r = bind_to(fd, index);
	if (!r)
		r = set_promiscuous(fd, index);
	if (!r)
		r = set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
	return r;
}

static void describe(struct child_ring *ret, const char *nic, enum ring_kind kind,
		     uint32_t link_type, const struct ring_geometry *g)
{
	ret->kind = kind;
	snprintf(ret->nic, sizeof(ret->nic), "%s", nic);
	ret->link_type = link_type;
	ret->block_bytes = g->block_bytes;
	ret->block_count = g->block_count;
	ret->retire_ms = g->retire_ms;
}

int ring_socket_open(const char *nic, const struct ring_geometry *geometry,
		     const struct ring_kept *kept, struct child_ring *ret)
{
	CLEANUP_CLOSE int fd = -1;
	uint32_t link_type = LINK_ETHERNET;
	struct ifreq request;
	int type = SOCK_RAW, index, r;

	r = ask(nic, SIOCGIFHWADDR, &request);
	if (!r)
		r = link_of(request.ifr_hwaddr.sa_family, &type, &link_type);
	if (!r)
		r = ask(nic, SIOCGIFINDEX, &request);
	if (r < 0)
		return r;
	index = request.ifr_ifindex;
	fd = socket(AF_PACKET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = configure(fd, nic, index, geometry, ring_kept_get(kept, link_type));
	if (r < 0)
		return r;
	describe(ret, nic, RING_PACKET_SOCKET, link_type, geometry);
	return take_fd(&fd);
}

int ring_socket_open_memory(const char *nic, const struct ring_geometry *geometry,
			    struct child_ring *ret)
{
	CLEANUP_CLOSE int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	off_t bytes = (off_t)geometry->block_bytes * geometry->block_count;

	if (fd < 0 || ftruncate(fd, bytes + RING_FILLER_NOTES_BYTES))
		return -errno;
	/* nobody can make the mapping fault by shortening it */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	describe(ret, nic, RING_FILE, LINK_ETHERNET, geometry);
	return take_fd(&fd);
}

int ring_socket_take_statistics(int fd, struct ring_statistics *ret)
{
	struct tpacket_stats_v3 s;
	socklen_t size = sizeof(s);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &size))
		return -errno;
	*ret = (struct ring_statistics){s.tp_packets, s.tp_drops, s.tp_freeze_q_cnt};
	return 0;
}

static int load_counter(const char *nic, const char *name, uint64_t *sum)
{
	char path[128], text[32];
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", nic, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ENODEV;
	text[n] = '\0';
	*sum += strtoull(text, NULL, 10);
	return 0;
}

int ring_socket_load_nic(const char *nic, struct ring_nic *ret)
{
	static const char *const drops[] = {"rx_dropped", "rx_missed_errors", "rx_fifo_errors"};
	struct ring_nic sum = {0};

	if (!*nic || strchr(nic, '/') || *nic == '.')
		return -ENODEV;
	if (load_counter(nic, "rx_packets", &sum.packets) < 0)
		return -ENODEV;
	for (size_t i = 0; i < ARRAY_SIZE(drops); i++)
		if (load_counter(nic, drops[i], &sum.drops) < 0)
			return -ENODEV;
	*ret = sum;
	return 0;
}

/* The carrier itself: IFF_RUNNING follows it up to a second late (the kernel's link watch), while
 * packets flow already. Drivers without a word about their carrier fall back to the flag. */
static int has_link(const char *nic, short flags)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
	struct ifreq request;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || request_init(nic, &request) < 0)
		return flags & IFF_RUNNING;
	request.ifr_data = (char *)&value;
	return ioctl(fd, SIOCETHTOOL, &request) ? flags & IFF_RUNNING : value.data != 0;
}

enum nic_state ring_socket_nic_state(const char *nic)
{
	struct ifreq request;

	if (ask(nic, SIOCGIFFLAGS, &request) < 0)
		return NIC_ABSENT;
	return request.ifr_flags & IFF_UP && has_link(nic, request.ifr_flags) ? NIC_UP : NIC_DOWN;
}
