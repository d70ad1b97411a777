/* SPDX-License-Identifier: Apache-2.0 */
/* A pcapng reader that forgives nothing. Written apart from the product's encoder, so that one
 * mistake is not made twice. Beyond the format itself it asks what our files promise: little
 * endian, one link type and one snaplen of 262144 per file, packet times in nanoseconds, at most
 * one statistics block per interface and nothing behind it in the section. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define STRICT_INTERFACES_MAX 64

struct strict_packet {
	const unsigned char *data;
	uint32_t captured;
	uint32_t original;
	uint64_t time_ns;
	uint64_t drops;
	unsigned comments;
};

/* Zero it before the first file; sums go over all files. */
struct strict {
	const char *complaint; /* after failure */
	uint64_t offset;       /* of the block it is about */
	int truncated;	       /* this file ends inside a block */
	uint64_t sections;
	uint64_t interfaces_seen;
	uint64_t statistics;
	uint64_t ifdrop;
	uint64_t osdrop;
	/* of this section or file */
	uint32_t interfaces;
	uint32_t link_type;
	unsigned char has_resolution;
	unsigned char has_statistics[STRICT_INTERFACES_MAX];
	struct strict_packet packet;
};

typedef void (*strict_on_packet)(void *owner, const struct strict_packet *packet);

/* Returns 0 (see truncated), or -1 with complaint and offset. */
int strict_read(struct strict *strict, const unsigned char *data, size_t len,
		strict_on_packet on_packet, void *owner);
