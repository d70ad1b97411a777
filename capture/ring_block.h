/* SPDX-License-Identifier: Apache-2.0 */
/* One block of a TPACKET_V3 ring: its header, its packets.
 *
 * Status and sequence number are shared with the kernel (or with the replay thread that plays it)
 * and only touched atomically. Everything else in a block may be read while its status is "user".
 * The walk checks every offset, so a block that is not what it should be ends it early, never more.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"

enum ring_block_status {
	RING_BLOCK_KERNEL = 0, /* the kernel may write, or does */
	RING_BLOCK_USER = 1,   /* retired, or claimed: the kernel waits */
};

struct ring_block_facts {
	uint32_t packets;
	uint32_t bytes;	  /* used, header included */
	int64_t open_ns;  /* the block covers the wire from here on */
	int64_t first_ns; /* first packet; open_ns if there is none */
	int64_t last_ns;  /* last packet; when it was retired if there is none */
};

struct ring_block_walk {
	const uint8_t *block;
	uint32_t block_bytes;
	uint32_t offset; /* of the next packet */
	uint32_t left;	 /* packets */
};

enum ring_block_status ring_block_status(const void *block);
/* Gives the block to the kernel, after all reads and writes of ours. */
void ring_block_release(void *block);
/* Takes it (back) for us; ordered before every later read of a sequence number. */
void ring_block_claim(void *block);

/* Writes the block's first page without changing it: the first write to a page costs a fault, in
 * virtual machines above all, and that shall not happen while packets come. */
void ring_block_touch(void *block);

uint64_t ring_block_seq(const void *block);
/* When the block was opened; also readable while the kernel fills it. */
int64_t ring_block_open_ns(const void *block);
void ring_block_load(const void *block, uint32_t block_bytes, struct ring_block_facts *ret);
/* Tests only: makes the block look as if the kernel had begun to overwrite it. */
void ring_block_spoil(void *block);

void ring_block_walk_init(struct ring_block_walk *walk, const void *block, uint32_t block_bytes);

enum ring_block_outcome {
	RING_BLOCK_END = 1,
};

/* The next packet. Returns 0 or RING_BLOCK_END (also where the block makes no sense). */
int ring_block_next(struct ring_block_walk *walk, struct packet *ret);
