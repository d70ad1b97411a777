/* SPDX-License-Identifier: Apache-2.0 */
/* One pcapng file of a track, from its section header to its statistics block.
 *
 *      OPEN ──stop──> CLOSING ──all written──> SEALING ──WRITER_SEALED──> SEALED
 *        └───────────────┴───WRITER_FAILED───────^
 *
 * OPEN      takes packets.
 * CLOSING   the last mark waits to be written: only then may the statistics block follow, so that
 *           a mark in shared memory never lies behind what a sealed file holds.
 * SEALING   the writer has it all; younger segments may publish their marks now.
 * SEALED    nothing more comes; free it. */
#pragma once

#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "capture/pcapng.h"
#include "capture/recorder.h"
#include "capture/stream.h"
#include "storage/segment.h"

enum track_segment_state {
	TRACK_SEGMENT_OPEN,
	TRACK_SEGMENT_CLOSING,
	TRACK_SEGMENT_SEALING,
	TRACK_SEGMENT_SEALED,
};

struct track_segment {
	TAILQ_ENTRY(track_segment) next;
	enum track_segment_state state;
	struct stream *stream;
	void *track; /* borrowed */
	uint32_t number;
	char name[SEGMENT_NAME_SIZE];
	int error;		 /* errno of the writer, 0 */
	int begun;		 /* headers are in */
	int wants_flush;	 /* asked for, no buffer yet */
	uint64_t end;		 /* CLOSING: bytes without the statistics block */
	uint64_t file_bytes;	 /* SEALED */
	uint64_t flushed;	 /* bytes when it was flushed last */
	struct shared_mark mark; /* last one that is written; seq 0 = none */
	mono_t opened;
	mono_t flushed_at;
	int64_t begin_ns; /* first moment it may contain */
	/* of the packets committed so far */
	uint64_t packets;
	uint64_t bytes;
	int64_t first_ns;
	int64_t last_ns;
	uint64_t received; /* before the filter */
	struct rec_loss loss;
};

struct track_segment_options {
	struct writer *writer;
	struct mailbox *box; /* of writer events; their owner is the segment */
	int folder;	     /* put */
	const struct segment_name *name;
	void *track;
};

enum track_segment_outcome {
	TRACK_SEGMENT_BUSY = 1,	 /* no buffer: again after WRITER_ROOM */
	TRACK_SEGMENT_FIRST = 2, /* the file has its first packets */
};

/* Opens the file; track_segment_begin must succeed before packets go in. */
struct track_segment *track_segment_open(const struct track_segment_options *options,
					 struct instant now);
/* Writes the headers. Returns 0 (also if that was done before) or TRACK_SEGMENT_BUSY. */
int track_segment_begin(struct track_segment *s, const struct pcapng_section *section,
			const struct pcapng_interface *interface);
/* SEALED only. Accepts NULL, returns NULL. */
struct track_segment *track_segment_free(struct track_segment *s);

/* Everything of blocks < mark->seq is committed; the segment fills in its own part of the mark. */
void track_segment_mark(struct track_segment *s, const struct shared_mark *mark);
/* Gives quiet bytes to the writer. */
void track_segment_flush(struct track_segment *s, mono_t now);
/* OPEN → CLOSING; the last mark must have been set. */
void track_segment_stop(struct track_segment *s, mono_t now);
/* What waited for a buffer, or for its bytes to be written; to be called after every event. */
void track_segment_step(struct track_segment *s);

/* Writer events; after the last one the state is SEALED. Returns 0 or TRACK_SEGMENT_FIRST. */
int track_segment_on_written(struct track_segment *s, const struct writer_event *event);
/* Returns the packets lost: committed but not in the file. */
uint64_t track_segment_on_failed(struct track_segment *s, const struct writer_event *event);
void track_segment_on_sealed(struct track_segment *s, const struct writer_event *event);
