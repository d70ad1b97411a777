/* SPDX-License-Identifier: Apache-2.0 */
/* What a ring still remembers of some packets, without making a capture: a cursor over the retired
 * blocks, which the ring thread moves on when its tracks have had their turn.
 *
 * What is found goes into memory files that control gives, each a pcapng file of its own, handed
 * over when it is full and at the end (REC_SEARCH_PART). Without a file the search waits, and holds
 * nothing back: blocks that the kernel overwrites meanwhile are counted as lost and stand in the
 * drop count of the next packet. The block that is being filled is not looked at. The ring thread
 * owns it. */
#pragma once

#include "base/mailbox.h"
#include "capture/recorder.h"
#include "capture/ring.h"

struct filter;
struct ring_search;

struct ring_search_options {
	struct ring *ring;
	const struct rec_search *order;	  /* copied */
	struct filter *filter;		  /* put; NULL = all */
	int file;			  /* put */
	const char *nic;		  /* borrowed */
	const struct shared_ring *shared; /* borrowed */
	uint8_t *scratch;		  /* TRACK_READER_SCRATCH_BYTES, borrowed */
	struct mailbox *reports;
};

struct ring_search *ring_search_new(const struct ring_search_options *options, struct instant now);
/* Accepts NULL, returns NULL. */
struct ring_search *ring_search_free(struct ring_search *search);

uint64_t ring_search_id(const struct ring_search *search);
/* The next memory file (put). */
void ring_search_give(struct ring_search *search, int file);

enum ring_search_outcome {
	RING_SEARCH_MORE = 1, /* there are blocks to read, and a file */
	RING_SEARCH_OVER = 2, /* the last part was handed over */
};

/* Reads at most so many blocks. Returns an outcome, or 0: it waits for a file. */
int ring_search_step(struct ring_search *search, uint32_t blocks);
