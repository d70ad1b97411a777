/* SPDX-License-Identifier: Apache-2.0 */
/* Exact accounting of gen's packets by their sequence numbers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct count {
	/* set before count_start; sequence numbers are below bound */
	uint64_t bound;
	uint64_t first; /* of what should be there */
	uint64_t last;	/* UINT64_MAX = bound - 1 */
	uint32_t port_low;
	uint32_t port_high;
	uint32_t flows;
	/* results */
	uint64_t packets;
	uint64_t unique;
	uint64_t duplicates;
	uint64_t bad;	    /* not gen's, or a number beyond bound */
	uint64_t outside;   /* gen's, but of a port that was not expected; in no other number */
	uint64_t sliced;    /* captured shorter than sent */
	uint64_t reordered; /* smaller number than the one before */
	uint64_t time_back; /* earlier than the one before */
	uint64_t lowest;
	uint64_t highest;
	uint64_t bytes; /* captured */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t drops;	      /* sum of epb_dropcount, */
	uint64_t first_drops; /* and that of the first packet: lost before anything was captured */
	uint64_t comments;
	unsigned truncated;
	/* private */
	uint64_t previous;
	uint64_t *seen;
};

#define COUNT_INIT                                                                                 \
	{                                                                                          \
		.bound = 1ull << 28, .last = UINT64_MAX, .port_high = 65535, .flows = 64           \
	}

struct count_span {
	uint64_t expected;
	uint64_t lost;
};

/* Returns 0, or -1 if the options make no sense. */
int count_start(struct count *count);
void count_fini(struct count *count);
void count_packet(struct count *count, const unsigned char *data, uint32_t captured,
		  uint32_t original, uint64_t time_ns);
/* How many numbers of first..last should be there, and how many are not. */
struct count_span count_span(const struct count *count, uint64_t first, uint64_t last);
