/* SPDX-License-Identifier: Apache-2.0 */
/* What an extraction need not read, by a segment's index (capture/segment_index.h). Part of
 * capture/extract.c: with an index or without, the same packets and the same counts come out. */
#pragma once

#include "capture/extract.h"
#include "capture/segment_reader.h"

struct extract_skip {
	unsigned char *data; /* owned; NULL: no index, nothing is skipped */
	size_t bytes;
	char sha256[SHA256_HEX_SIZE];
	int is_open;
	struct segment_index index;
	uint32_t at;   /* the next piece to be judged */
	uint64_t next; /* where it begins; UINT64_MAX: none is left */
};

/* The index of the next segment: fd is put. What cannot be read is as if there were none. */
void extract_skip_load(struct extract_skip *skip, const struct extract_index *message, int fd);
/* That segment was opened. Returns 0, or -EBADMSG: its index is of no use (and dropped). */
int extract_skip_begin(struct extract_skip *skip, const struct segment_reader *reader);
void extract_skip_clear(struct extract_skip *skip);

/* What was passed over. */
struct extract_skipped {
	uint64_t packets;
	uint64_t drops;
	int64_t last_ns; /* newest packet in it */
};

/* The reader stands where a piece begins (offset ≥ skip->next): moves it past the pieces in which
 * nothing is wanted, or to the first one that is too late to be in order. */
void extract_skip_step(struct extract_skip *skip, const struct extract_job *job, int64_t too_late,
		       struct segment_reader *reader, struct extract_skipped *ret);
