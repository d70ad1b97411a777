/* SPDX-License-Identifier: Apache-2.0 */
/* What is really in a pcapng file: a bounded walk over its blocks, for recovery and for adoption.
 *
 * Reads hostile bytes; knows nothing of the catalogue. Blocking. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

struct segment_facts {
	uint64_t file_bytes;  /* as found */
	uint64_t valid_bytes; /* up to the end of the last whole, consistent block */
	uint64_t packets;
	uint64_t bytes; /* on the wire */
	wall_t first;	/* 0 = no packet */
	wall_t last;
	uint64_t drops; /* statistics block's isb_ifdrop (all causes), or isb_osdrop if larger */
	bool sealed;	/* ends with a statistics block */
};

/* Walks fd from 0; cut_at > 0 makes the walk stop before the first block that would end beyond it.
 * Returns 0 (ret->valid_bytes == 0: not a pcapng section at all) or -errno. */
int repair_inspect(int fd, uint64_t cut_at, struct segment_facts *ret);

/* Cuts the hidden segment `name` (sealed form) in folder at its last whole block (at most cut_at if
 * > 0), appends a statistics block saying so, and seals it. A file without one whole packet block
 * is still sealed if its section header is whole; otherwise it is renamed to "<name>.bad"
 * (quarantine) and -EBADMSG returned. One that is empty, or all zeros as a power cut leaves it, is
 * removed: REPAIR_REMOVED. Afterwards ret->valid_bytes is the sealed file's length. */
#define REPAIR_REMOVED 1
int repair_segment(int folder, const char *name, uint64_t cut_at, struct segment_facts *ret);
