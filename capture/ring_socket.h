/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's half of a ring: opens what the recorder maps, and keeps it.
 *
 * A packet socket records from ring_socket_open on until it is closed, whoever maps it or not.
 * Needs CAP_NET_RAW to open; the rest works without. Statistics are cleared by reading them, so
 * only the supervisor reads. */
#pragma once

#include <stdint.h>

#include "base/child.h"
#include "capture/shared.h"

/* Blocks must hold the largest packet (BIG TCP: 192 KiB seen) or it is cut. */
#define RING_SOCKET_BLOCK_MIN (256u << 10)
#define RING_SOCKET_BLOCK_MAX (1u << 20)

/* A quiet link reaches back over the readable part of its blocks times this: 15 minutes with 256
 * MiB of the smallest blocks, an hour with 1 GiB. */
#define RING_SOCKET_RETIRE_MS 1300

struct ring_kept; /* capture/ring_kept.h */

struct ring_geometry {
	uint32_t block_bytes; /* power of two, multiple of the page size */
	uint32_t block_count; /* at least RING_BLOCKS_MIN (capture/ring.h) */
	uint32_t retire_ms;   /* a packet is in a retired block after this time at the latest */
};

/* The best blocks for a ring of about memory_bytes (at least 4 MiB are taken). */
void ring_socket_plan(uint64_t memory_bytes, struct ring_geometry *ret);

/* A socket bound to nic with its ring; packets of both directions, promiscuous. On `lo`, where each
 * packet would come twice, the outgoing copy is left out. Sets ring's nic, kind, link_type and
 * geometry. Returns fd, -ENODEV (no such NIC), -EPROTONOSUPPORT (link type we do not know, or
 * kept's filter does not), -ENOMEM, -EPERM or another -errno. May take seconds for large rings. */
int ring_socket_open(const char *nic, const struct ring_geometry *geometry,
		     const struct ring_kept *kept, struct child_ring *ret);

/* Memory in the shape of a ring, for a RING_FILE. Returns a memfd or -errno. */
int ring_socket_open_memory(const char *nic, const struct ring_geometry *geometry,
			    struct child_ring *ret);

struct ring_statistics {
	uint32_t packets; /* drops included */
	uint32_t drops;
	uint32_t freezes;
};

/* What the kernel counted since the last call. Returns 0 or -errno. */
int ring_socket_take_statistics(int fd, struct ring_statistics *ret);

struct ring_nic {
	uint64_t packets; /* received by the interface since it exists */
	uint64_t drops;	  /* rx_dropped + rx_missed_errors + rx_fifo_errors */
};

/* The interface's own counters, from /sys/class/net. Returns 0 or -ENODEV. */
int ring_socket_load_nic(const char *nic, struct ring_nic *ret);
enum nic_state ring_socket_nic_state(const char *nic);
