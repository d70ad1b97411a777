/* SPDX-License-Identifier: Apache-2.0 */
/* One capture on one ring: a cursor that walks over the ring's blocks, from the past to the head
 * and on, and the segments it fills.
 *
 *      RUNNING ──stop time reached, limit, failure, shutdown──> ENDING ──all sealed──> OVER
 *
 * RUNNING  reads blocks in order, each exactly once; blocks it was too slow for are counted.
 * ENDING   reads nothing more; segments are being sealed.
 * OVER     REC_FINISHED was reported; free it.
 *
 * The ring thread owns it. A track never blocks and never waits for another track: where the writer
 * has no buffer it stops in the middle of a block and the ring holds the rest. */
#pragma once

#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "capture/recorder.h"
#include "capture/ring.h"
#include "capture/writer.h"

struct filter;
struct match_table;
struct track;
struct verdicts;

/* What a track shares with its neighbours on the ring; borrowed. */
struct track_ring {
	uint32_t index;
	const char *nic;
	uint32_t retire_ms;
	struct ring *ring;
	struct shared_ring *shared;
	struct writer *writer;
	struct mailbox *writer_box; /* of writer events; owners are segments */
	struct mailbox *reports;
	uint8_t *scratch; /* TRACK_READER_SCRATCH_BYTES */
	struct verdicts *verdicts;
};

struct track_options {
	const struct track_ring *ring;	/* outlives the track */
	const struct rec_start *start;	/* copied */
	struct filter *filter;		/* put; NULL = all */
	struct match_table *match;	/* likewise; both must match */
	int folder;			/* put */
	struct shared_cursor *cursor;	/* borrowed; NULL = no mark can be kept */
	const struct shared_mark *mark; /* continue here, and keep it until track_on_repaired; NULL
					 * = begin at start's times */
	uint32_t first_segment;
	uint64_t used_bytes; /* of the budget, by earlier segments */
	mono_t ordered;	     /* when the recorder received the order */
};

/* Sets the cursor, reports REC_STARTED, opens the first segment. */
struct track *track_new(const struct track_options *options, struct instant now);
/* Only when over, or when the process ends. Accepts NULL, returns NULL. */
struct track *track_free(struct track *track);

enum track_outcome {
	TRACK_MORE = 1, /* there are blocks left to read */
};

/* Reads at most `blocks` blocks. Returns 0 or TRACK_MORE. */
int track_step(struct track *track, uint32_t blocks, struct instant now);
/* What time brings: rotation, the end, quiet bytes, reports. To be called every 100 ms or so. */
void track_tick(struct track *track, struct instant now);

/* Packets up to until_wall_ns still belong to it. */
void track_stop(struct track *track, int64_t until_wall_ns, struct instant now);
/* From the next block on; both filters are put. */
void track_edit(struct track *track, const struct rec_edit *edit, struct filter *filter,
		struct match_table *match);
/* The daemon stops: reads what is in the ring now (the open block too, once it retires) and ends
 * with REC_END_SHUTDOWN; its mark stays. */
void track_shutdown(struct track *track, struct instant now);
/* What a dead recorder left is in order: this track's marks may replace the old one. */
void track_on_repaired(struct track *track);
/* The interface was not up in between; what lies before the track's begin does not matter to it. */
void track_add_outage(struct track *track, int64_t from_wall_ns, int64_t to_wall_ns);

/* Dispatches one event of track_ring.writer_box to the track it is for; does not free it. */
void track_on_writer(const struct writer_event *event, struct instant now);

/* Blocks from here on must be held; UINT64_MAX = none. */
uint64_t track_keep_seq(const struct track *track);
/* Whether it is in no hurry to hear from the writer: it follows the head and waits for nothing. */
int track_is_calm(const struct track *track);
int track_is_over(const struct track *track);
const char *track_capture(const struct track *track);
uint32_t track_priority(const struct track *track);
/* Reports REC_TRACK, changed or not. */
void track_tell(struct track *track);
