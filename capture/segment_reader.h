/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of one pcapng file, in its order: our segments, and what other tools wrote (little
 * endian, packets in enhanced packet blocks).
 *
 * Reads hostile bytes through one window; every length is checked before it is used. Blocking. A
 * packet's memory is valid until the next call. Sequence: open → get_link_type → next … → close. A
 * file that still grows is read up to the bytes its writer vouches for, and further after
 * segment_reader_grow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/ring_kept.h"

#define SEGMENT_READER_WINDOW_BYTES (512u << 10)

struct segment_reader {
	int fd; /* owned */
	uint64_t valid_bytes;
	uint64_t offset;       /* of the next block */
	unsigned char *window; /* owned */
	uint64_t window_start;
	uint32_t window_bytes;
	uint64_t ahead_end;  /* nothing behind it is read before it is needed; 0 = no limit */
	uint32_t interfaces; /* of this section */
	uint32_t link_type;
	char nic[16];
	char description[RING_KEPT_TEXT_SIZE]; /* of the section's first interface; "" = none */
	int64_t unit_ns;		       /* of the section's first interface */
	uint64_t dropped;		       /* sum of what statistics blocks said */
};

struct segment_packet {
	int64_t time_ns;
	const unsigned char *block; /* the whole enhanced packet block */
	uint32_t block_bytes;
	const unsigned char *data;
	uint32_t captured_bytes;
	uint32_t original_bytes;
	uint32_t flags;	     /* epb_flags; 0 = none */
	uint64_t drops;	     /* epb_dropcount; 0 = none */
	const char *comment; /* the first one, not terminated; NULL = none */
	uint32_t comment_bytes;
};

enum segment_reader_outcome {
	SEGMENT_READER_END = 1,	  /* nothing more within valid_bytes */
	SEGMENT_READER_OTHER = 2, /* a block, but no packet */
};

/* Takes fd (put, on failure too) and reads up to the first interface. Returns 0, -EBADMSG: no
 * pcapng file that we read, or -errno. */
int segment_reader_open(struct segment_reader *r, int fd, uint64_t valid_bytes);
/* Accepts a zeroed or closed one. */
void segment_reader_close(struct segment_reader *r);

/* Returns 0, SEGMENT_READER_END, -EBADMSG: the rest cannot be read, or -errno. */
int segment_reader_next(struct segment_reader *r, struct segment_packet *ret);

/* Goes on at a block that begins at `offset`, and hardly reads beyond ahead_end for now. */
void segment_reader_seek(struct segment_reader *r, uint64_t offset, uint64_t ahead_end);

/* The pieces it is made of, for who has the bytes already. Size of the block that begins at data:
 * 0, SEGMENT_READER_END: it is not whole, or -EBADMSG. */
int segment_reader_frame(const unsigned char *data, size_t available, uint32_t *ret_bytes);
/* The block at r->offset, which stays where it is: 0 with the packet, SEGMENT_READER_OTHER, or
 * -EBADMSG. r is zeroed before the first one. */
int segment_reader_parse(struct segment_reader *r, const unsigned char *block, uint32_t bytes,
			 struct segment_packet *ret);

/* Its writer vouches for more now. */
void segment_reader_grow(struct segment_reader *r, uint64_t valid_bytes);
