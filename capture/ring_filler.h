/* SPDX-License-Identifier: Apache-2.0 */
/* Plays the kernel's part on a ring: fills blocks in TPACKET_V3 layout, in strict order.
 *
 * As tpacket_rcv does: a block is retired when the next packet does not fit or when asked to; where
 * the next block is not released the ring is frozen and packets are dropped and counted. A filler
 * may take over a ring that another one left behind at any instruction; the block that was open
 * then is retired as it stands. Not thread-safe; the reader of the ring may be another thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"

#define RING_FILLER_NOTES_BYTES 4096 /* kept behind the last block, for a successor */

struct ring_filler {
	uint8_t *memory;
	uint32_t block_bytes;
	uint32_t block_count;
	uint64_t seq;	   /* of the open block, or of the one that will be opened next */
	uint32_t open;	   /* 1 while a block is open; 0 = frozen */
	uint32_t used;	   /* bytes of the open block */
	uint32_t packets;  /* in the open block */
	uint32_t last;	   /* offset of its last packet */
	uint64_t position; /* packets given to ring_filler_add, ever */
	uint64_t drops;	   /* of this filler */
	uint64_t freezes;
};

/* Ring of block_count blocks followed by RING_FILLER_NOTES_BYTES, all zero the first time. */
void ring_filler_init(struct ring_filler *f, void *memory, uint32_t block_bytes,
		      uint32_t block_count, int64_t wall_ns);

enum ring_filler_outcome {
	RING_FILLER_DROPPED = 1, /* the ring is frozen: the packet is counted and gone */
};

/* Returns 0 or RING_FILLER_DROPPED. A packet larger than a block is cut. Whenever f->seq
 * grew, a block was retired: wake the reader. */
int ring_filler_add(struct ring_filler *f, const struct packet *packet);
/* Retires the open block if there are packets in it. */
void ring_filler_retire(struct ring_filler *f, int64_t wall_ns);
/* True if the packet would be dropped. */
int ring_filler_frozen(struct ring_filler *f, uint32_t captured_bytes);
