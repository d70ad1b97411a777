/* SPDX-License-Identifier: Apache-2.0 */
/* The memory the supervisor keeps while recorders come and go: statistics and cursor positions.
 *
 * One memfd. The supervisor creates it and writes the members marked S, the recorder those marked
 * R, control only reads (its mapping is read-only). Counters are cumulative since the supervisor
 * started and only grow. Everything here must be read as hostile: bounds are checked after a copy.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/child.h"
#include "base/histogram.h"
#include "base/ident.h"

#define SHARED_MAGIC	   0x52425348u /* "RBSH" */
#define SHARED_VERSION	   5u
#define SHARED_CURSORS_MAX 1024
#define RING_FILTER_SIZE   256

enum nic_state {
	NIC_ABSENT, /* no such interface now: no ring */
	NIC_DOWN,   /* ring is there, link is not */
	NIC_UP,
};

enum history_mode {
	HISTORY_UNKNOWN,
	HISTORY_CLAIM, /* blocks are released at once and claimed back to read */
	HISTORY_HOLD,  /* the self-test failed: blocks are held back, the oldest released in time */
};

struct shared_ring {
	char nic[CHILD_NIC_SIZE];      /* S */
	uint32_t link_type;	       /* S */
	uint32_t block_bytes;	       /* S */
	uint32_t block_count;	       /* S */
	uint32_t retire_ms;	       /* S */
	uint32_t reach_blocks;	       /* S: so many of them can be read back, see capture/ring.h */
	uint32_t allocation_ms;	       /* S: how long the kernel took to allocate the ring */
	uint32_t slice_bytes;	       /* S: the kernel keeps no more of a packet; 0 = all */
	char filter[RING_FILTER_SIZE]; /* S: and only of these packets; "" = of all */
	_Atomic uint32_t state;	       /* S enum nic_state */
	/* S: the newest time the NIC was not up: its begin and its end; 0 = there was none. The end
	 * is stored last. */
	_Atomic int64_t down_wall_ns;
	_Atomic int64_t up_wall_ns;
	_Atomic int64_t down_since_wall_ns; /* S: of the outage that goes on; 0 = there is none */
	/* S: sums of PACKET_STATISTICS, read every second, while something is captured every 100
	 * ms; kernel_packets includes the drops */
	_Atomic uint64_t kernel_packets;
	_Atomic uint64_t kernel_drops;
	_Atomic uint64_t kernel_freezes;
	/* S: /sys/class/net/<nic>/statistics: what the interface itself counted since ring start */
	_Atomic uint64_t nic_packets;
	_Atomic uint64_t nic_drops;
	/* R: block s lives at index (s - 1) % block_count; all blocks < head_seq were taken once */
	_Atomic uint64_t head_seq;
	_Atomic uint64_t taken_drops;	/* R: kernel_drops when head_seq moved last */
	_Atomic uint64_t packets;	/* R: in taken blocks */
	_Atomic uint64_t bytes;		/* R: ring bytes of taken blocks (blk_len) */
	_Atomic uint64_t lost_cursor;	/* R: packets a slow cursor had to give up, all captures */
	_Atomic uint64_t lost_disk;	/* R: packets that could not be written, all captures */
	_Atomic uint64_t torn;		/* R: blocks overwritten while they were read */
	_Atomic int64_t oldest_wall_ns; /* R: history reaches back to here; 0 = no history yet */
	_Atomic int64_t newest_wall_ns; /* R: newest packet seen; 0 = none */
	_Atomic uint32_t history_mode;	/* R enum history_mode */
};

/* What is surely in a capture's file: every packet of blocks < seq that passed the filter lies
 * before `offset` of segment `segment`, and nothing else does. Two copies; `version` is even when
 * copies[version / 2 % 2] is the valid one, so that a SIGKILL between two stores is harmless. */
struct shared_mark {
	uint64_t seq;
	uint64_t segment; /* number of the segment within the track, from 0 */
	uint64_t offset;
	uint64_t packets;      /* written to this segment up to here */
	uint64_t bytes;	       /* of these packets, on the wire */
	uint64_t ring_packets; /* shared_ring.packets when block seq - 1 was taken */
	uint64_t kernel_drops; /* ring's counter when block seq - 1 was taken */
	int64_t last_wall_ns;  /* newest packet of block seq - 1 */
	uint64_t untold;       /* lost before block seq, but in no REC_GAP yet */
	uint64_t unwritten;    /* lost before block seq, but in no packet's drop count yet */
};

struct shared_cursor {
	_Atomic uint32_t used;	  /* R: 1 while the track is recording */
	uint32_t ring;		  /* R */
	char capture[IDENT_SIZE]; /* R */
	_Atomic uint64_t version; /* R */
	struct shared_mark copies[2];
};

struct shared_process {
	_Atomic int32_t pid;		 /* S: 0 while it is down */
	_Atomic uint32_t restarts;	 /* S */
	_Atomic int64_t started_wall_ns; /* S */
	/* S: of /proc/<pid>, looked at every 10 s; they begin again with each process */
	_Atomic uint64_t cpu_ns;
	_Atomic uint64_t resident_bytes;
	_Atomic uint32_t descriptors; /* 0 = may not be counted */
};

/* How long the writes of segments took. */
struct shared_writes {
	_Atomic uint64_t counts[HISTOGRAM_BUCKETS]; /* R */
	_Atomic int64_t sum_ns;			    /* R */
};

struct shared {
	uint32_t magic;		     /* S */
	uint32_t version;	     /* S */
	_Atomic uint32_t ring_count; /* S */
	struct shared_process processes[ROLE_COUNT];
	struct shared_writes writes;
	struct shared_ring rings[CHILD_RINGS_MAX];
	struct shared_cursor cursors[SHARED_CURSORS_MAX];
};
