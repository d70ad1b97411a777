/* SPDX-License-Identifier: Apache-2.0 */
/* A track's way from a ring block to a segment: tag back, filter, slice, encode. The hot loop: no
 * allocation, no system call. */
#pragma once

#include <stdint.h>

#include "capture/filter.h"
#include "capture/packet.h"
#include "capture/ring_block.h"
#include "capture/track_segment.h"
#include "capture/verdicts.h"

/* Room for a packet with its tag put back. */
#define TRACK_READER_SCRATCH_BYTES (PCAPNG_SNAPLEN + 4)

struct track_reader {
	struct filter *filter;	   /* NULL = all */
	struct verdicts *verdicts; /* borrowed */
	uint32_t slot;		   /* structured filter there; CLASSIFIER_NONE = all */
	uint64_t seq;		   /* of the block that is read */
	int alone;		   /* enum verdicts_outcome for that block */
	uint32_t slice;		   /* enum rec_slice */
	uint32_t slice_bytes;
	uint32_t link_type;
	int64_t not_before_ns;
	int64_t until_ns;     /* INT64_MAX = open end */
	int64_t trigger_ns;   /* 0 = none or done */
	uint64_t max_packets; /* 0 = none */
	uint32_t sampling;    /* 0, 1 = every matching packet */
	uint8_t *scratch;     /* borrowed */
	/* results, for the whole track */
	uint64_t drops;	  /* lost since the last packet that was written */
	int past_until;	  /* a packet later than until_ns was seen */
	int full;	  /* one more than max_packets was seen */
	uint64_t matched; /* sampled or not */
	uint64_t packets;
	uint64_t bytes;
	int64_t first_ns;
	int64_t last_ns;
};

/* The packet as it was on the wire, in scratch: for filter and slice, which look at bytes. */
void track_reader_restore_tag(struct packet *packet, uint8_t *scratch);

enum track_reader_outcome {
	TRACK_READER_BUSY = 1, /* no buffer; walk stands before the packet that found none */
};

/* Reads the rest of a block. Returns 0 or TRACK_READER_BUSY. */
int track_reader_step(struct track_reader *r, struct ring_block_walk *walk,
		      struct track_segment *segment);
