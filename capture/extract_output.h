/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of many sources into one file: encodes what capture/extract.c chose. Part of it. */
#pragma once

#include "capture/extract.h"
#include "capture/segment_reader.h"

/* What the file says of one source. */
struct extract_interface {
	char nic[16];
	char description[RING_KEPT_TEXT_SIZE];
	uint32_t number; /* of its interface block, from 1; 0 = not written yet */
	uint64_t drops;	 /* lost since its last packet that was written */
	uint64_t dropped;
	uint64_t packets;
	int64_t first_ns, last_ns;
};

struct extract_output {
	const struct extract_job *job;
	struct sink *sink; /* borrowed */
	uint32_t link_type;
	uint32_t interfaces;
	uint64_t packets;
};

/* Writes what must come before it, then the packet, of which the first `captured` bytes are kept.
 * Returns 0, or -EPIPE: the sink has failed. */
int extract_output_packet(struct extract_output *out, struct extract_interface *interface,
			  const struct segment_packet *packet, uint32_t captured);
/* The statistics of an interface, if it was written. comment may be NULL. */
int extract_output_statistics(struct extract_output *out, const struct extract_interface *interface,
			      const char *comment);
