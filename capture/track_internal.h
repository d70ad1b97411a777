/* SPDX-License-Identifier: Apache-2.0 */
/* What track.c and track_life.c share. */
#pragma once

#include "capture/track.h"
#include "capture/track_reader.h"
#include "capture/track_segment.h"

#define TRACK_CAUSES (GAP_NIC_DOWN + 1)

enum track_state {
	TRACK_RUNNING,
	TRACK_ENDING,
	TRACK_OVER,
};

/* Losses of one cause, until they are reported together. */
struct gap {
	int open;
	uint64_t packets;
	int64_t from_ns;
	int64_t to_ns;
};

struct edit {
	struct filter *filter;
	uint32_t slot; /* of the structured filter */
	uint32_t slice;
	uint32_t slice_bytes;
	char filter_text[REC_FILTER_TEXT_SIZE];
};

struct track {
	const struct track_ring *ring;
	enum track_state state;
	struct rec_report_head head;
	struct segment_name name; /* of the newest segment */
	char comment[REC_COMMENT_SIZE];
	char filter_text[REC_FILTER_TEXT_SIZE];
	uint64_t rotate_bytes; /* 0 = never */
	dur_t rotate_after;    /* 0 = never */
	uint64_t budget_bytes; /* 0 = none */
	uint32_t priority;
	mono_t ordered; /* 0 = its first packets are on the disk, or that was told */
	int folder;
	TAILQ_HEAD(track_segments, track_segment) segments; /* oldest first; the last may be open */
	uint64_t used_bytes;				    /* by all before the open one */
	int rotate_now;

	/* the cursor */
	uint64_t seq;	 /* next block to read */
	int partial;	 /* 1 = walk stands inside that block */
	uint32_t done;	 /* packets read in it */
	uint64_t before; /* packets in all blocks before it, see ring_packets_before */
	struct ring_block_walk walk;
	int64_t last_block_ns; /* newest packet of block seq - 1 */
	int64_t begin_ns;      /* it contains nothing older */
	int counting;	       /* 0 = the next block sets the base of the two counters below */
	uint64_t kernel_drops; /* as noted with block seq - 1 */
	uint64_t nic_drops;
	uint64_t restart_drops; /* already reported as lost to the restart, but not met yet */
	int caught_up;

	struct shared_cursor *cursor;
	struct shared_mark published;
	int marks_held; /* until the dead recorder's segments are repaired */

	struct track_reader reader;
	struct edit *edit;
	mono_t until;	  /* at the head then, nothing that belongs to it can come any more */
	uint64_t end_seq; /* ends before this block */
	enum rec_end end;
	int error;
	struct rec_loss loss;
	struct gap gaps[TRACK_CAUSES];
	struct rec_track told;
	mono_t told_at;
};

/* The newest segment if it takes packets, else NULL. */
struct track_segment *track_open_segment(const struct track *track);
/* Opens the file of segment track->name.number. */
void track_open_next(struct track *track, int64_t begin_ns, struct instant now);
/* Losses of a cause add up until they are told. */
void track_add_gap(struct track *track, enum rec_gap_cause cause, uint64_t packets, int64_t from_ns,
		   int64_t to_ns);
void track_tell_gaps(struct track *track);
/* track->edit takes effect. */
void track_apply_edit(struct track *track);
