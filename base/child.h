/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor and its children say to each other.
 *
 * A child is forked with one end of a pair. The supervisor first sends everything the child needs
 * (CHILD_SHARED, CHILD_RING…, CHILD_PEER…), then CHILD_GO. When a peer is restarted, a fresh
 * CHILD_PEER arrives later and replaces the old link. The end of the pair closing means: exit. */
#pragma once

#include <stdint.h>

#include "base/ipc.h"

enum role {
	ROLE_SUPERVISOR,
	ROLE_RECORDER,
	ROLE_CONTROL,
	ROLE_COURIER,
	ROLE_COUNT,
};

const char *role_name(enum role role);

enum child_message_type {
	/* supervisor → child */
	CHILD_SHARED = 1, /* + memfd of struct shared (capture/shared.h); read-only for control */
	CHILD_RING,	  /* struct child_ring + descriptor */
	CHILD_RING_FILE,  /* struct child_ring of a RING_FILE again + the opened pcap to replay */
	CHILD_PEER,	  /* struct child_peer + socket */
	CHILD_GO,	  /* no body: the hand-over is complete, start working */
	CHILD_STOP,	  /* no body: finish what you do and exit, within 4 s */
	CHILD_WORKER, /* struct child_worker + socket to the worker; no socket: it could not start
		       */
	/* control only: the configured key and certificate, as the opened files, before CHILD_GO */
	CHILD_CERTIFICATE,
	CHILD_KEY,
	CHILD_RELOAD, /* no body: key and certificate may have changed */
	/* control only: struct child_source_socket + the bound socket, before CHILD_GO */
	CHILD_SOURCE_SOCKET,
	/* child → supervisor */
	CHILD_READY = 100,    /* no body: this process serves */
	CHILD_WORKER_REQUEST, /* struct child_worker; control only */
	CHILD_CAPTURING,      /* struct child_capturing; recorder only */
};

#define CHILD_RINGS_MAX 16
#define CHILD_NIC_SIZE	16 /* IFNAMSIZ */

enum ring_kind {
	RING_PACKET_SOCKET, /* descriptor: bound AF_PACKET socket with its TPACKET_V3 ring set up */
	RING_FILE, /* descriptor: memfd of the ring, filled by the recorder's replay thread */
};

struct child_ring {
	uint32_t index; /* into struct shared.rings */
	uint32_t kind;	/* enum ring_kind */
	char nic[CHILD_NIC_SIZE];
	uint32_t link_type; /* LINKTYPE_… as in pcapng */
	uint32_t block_bytes;
	uint32_t block_count;
	uint32_t retire_ms;
};

struct child_peer {
	uint32_t role; /* enum role of the other end */
};

/* The kernel's counters are cleared by reading them, which the supervisor does: seldom while
 * nothing is captured, often (and at once) while something is. */
struct child_capturing {
	uint32_t tracks; /* how many are recording */
};

/* A unix socket that alerts are written to. */
struct child_source_socket {
	uint32_t type;	/* SOCK_STREAM (it listens) or SOCK_DGRAM */
	char path[108]; /* sizeof(sun_path), with NUL */
};

enum worker_kind {
	WORKER_COMPILE, /* filter text → BPF program (capture/compiler.h) */
	WORKER_DIGEST,	/* segment → SHA-256 (capture/digest.h) */
	WORKER_EXTRACT, /* segments → packets in a pipe (capture/extract.h) */
	WORKER_KIND_COUNT,
};

struct child_worker {
	uint32_t kind;	 /* enum worker_kind */
	uint32_t cookie; /* chosen by the requester, echoed */
};
