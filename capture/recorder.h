/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's client side: what control asks of it and what it reports, and its main().
 *
 * Words: a capture on one ring is a track. Control owns captures; the recorder knows only tracks,
 * which control starts and stops. Tracks go on while control is away.
 *
 * Call sequence for control, on every new link: REC_SYNC first. The recorder then repeats every
 * report that was not acknowledged (in order), tells REC_TRACK for each live track, and ends with
 * REC_SYNCED. After that control starts what should run and does not (REC_START with RESUME), and
 * stops what should not. Reports are numbered; control acknowledges after its transaction. */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#include "base/child.h"
#include "base/ident.h"
#include "capture/shared.h"

#define REC_NAME_SIZE	     128  /* file and folder names */
#define REC_COMMENT_SIZE     2048 /* UTF-8 text for the section header's comment */
#define REC_FILTER_TEXT_SIZE 1024
#define REC_INSNS_MAX	     4096 /* BPF_MAXINSNS */

enum recorder_message_type {
	/* control → recorder */
	REC_SYNC = 1,	 /* no body */
	REC_START,	 /* struct rec_start */
	REC_EDIT,	 /* struct rec_edit */
	REC_STOP,	 /* struct rec_stop */
	REC_ACK,	 /* struct rec_ack */
	REC_SEARCH,	 /* struct rec_search + memory file: what does the ring remember? */
	REC_SEARCH_FILE, /* struct rec_search_head + the next memory file */
	REC_SEARCH_END,	 /* struct rec_search_head: nobody wants the rest */
	/* recorder → control, each begins with struct rec_report_head */
	REC_TRACK = 100, /* struct rec_track: after REC_SYNC, and every 250 ms on change */
	REC_SYNCED,	 /* struct rec_report_head */
	REC_STARTED,	 /* struct rec_started: the cursor is set, history is being read */
	REC_SEGMENT,	 /* struct rec_segment: a segment was opened (hidden) or sealed (renamed) */
	REC_GAP,	 /* struct rec_gap: packets are missing here */
	REC_FINISHED,	 /* struct rec_finished: the track is over; nothing more comes for it */
	REC_SEARCH_PART, /* struct rec_search_part: a memory file is full, or it was the last;
			  * neither numbered nor acknowledged */
};

/* A BPF program as the compiler worker made it; the recorder verifies it again (bpf_validate). */
struct rec_program {
	uint32_t count; /* 0 = everything matches */
	struct sock_filter insns[REC_INSNS_MAX];
};

enum rec_slice {
	SLICE_WHOLE,
	SLICE_HEADERS, /* link to transport header, then `slice_bytes` of payload */
};

enum rec_start_flags {
	REC_RESUME = 1, /* the capture ran before: continue after its mark in struct shared, or,
			 * where there is none, at the oldest packet newer than from_wall_ns */
};

struct rec_start {
	char capture[IDENT_SIZE];
	char folder[REC_NAME_SIZE]; /* below the captures folder; made by control, mode 2770 */
	char policy[REC_NAME_SIZE]; /* already safe for file names: [a-z0-9-] */
	uint32_t ring;
	uint32_t flags;
	uint32_t first_segment; /* number for the next segment's name */
	uint32_t slice;		/* enum rec_slice */
	uint32_t slice_bytes;
	int64_t from_wall_ns;  /* begin with the first block that reaches back to here */
	int64_t lookback_ns;   /* the same as a span before `now`, immune to clock steps; ≥ 0 */
	int64_t until_wall_ns; /* 0, or stop by itself there (survives control's absence) */
	uint64_t rotate_bytes;
	int64_t rotate_ns;
	uint64_t budget_bytes;	 /* 0 = none; the track ends with REC_END_LIMIT when reached */
	uint64_t max_packets;	 /* 0 = none; the same */
	uint32_t sampling;	 /* of the matching packets one of so many is written; 0, 1 = all */
	uint32_t priority;	 /* who gets write buffers first when the disk is slow; 0 = last */
	int64_t trigger_wall_ns; /* first packet at or after it gets a comment; 0 = none */
	char comment[REC_COMMENT_SIZE]; /* section header: policy, alert, requested window */
	char filter_text[REC_FILTER_TEXT_SIZE]; /* for if_filter only */
	uint32_t match_bytes; /* 0, or the message carries a file of capture/match_table.h with as
			       * many bytes; packets must match it and the program */
	struct rec_program program;
};

struct rec_edit {
	char capture[IDENT_SIZE];
	uint32_t ring;
	uint32_t slice;
	uint32_t slice_bytes;
	char filter_text[REC_FILTER_TEXT_SIZE];
	uint32_t match_bytes;
	struct rec_program program; /* from the next block on: old or new, none by neither */
};

struct rec_stop {
	char capture[IDENT_SIZE];
	uint32_t ring;
	uint32_t reserved;
	int64_t until_wall_ns; /* packets up to and including this time belong to the capture */
};

struct rec_ack {
	uint64_t report; /* everything up to and including this number is durable at control's */
};

/* A search in a ring (capture/ring_search.h). Ids are control's, for one link; searches end with
 * the link. Memory files are memfds; one is full when it has as many bytes, with its last block. */
#define REC_SEARCH_FILE_BYTES (8u << 20)
#define REC_SEARCHES_MAX      16 /* per ring */

struct rec_search_head {
	uint64_t id;
	uint32_t ring;
	uint32_t reserved;
};

struct rec_search {
	uint64_t id;
	uint32_t ring;
	uint32_t reserved;
	int64_t from_wall_ns; /* both ends belong to it */
	int64_t until_wall_ns;
	struct rec_program program;
};

struct rec_search_part {
	uint64_t id;
	uint32_t ring;
	uint32_t over;	  /* 1 = the last one */
	uint64_t bytes;	  /* in the file: a pcapng file, or 0 */
	uint64_t packets; /* in the file */
	uint64_t seen;	  /* looked at, so far */
	uint64_t lost;	  /* overwritten before they were looked at, so far, at most; */
	uint64_t untold;  /* of these, not in the drop count of a packet that was found */
	int32_t error;	  /* errno or 0 */
	uint32_t reserved;
};

struct rec_report_head {
	uint64_t report; /* 1, 2, 3 … per recorder process; 0 for REC_TRACK and REC_SYNCED */
	char capture[IDENT_SIZE];
	uint32_t ring;
};

/* Loss, counted where it happens; packets unless said. */
struct rec_loss {
	uint64_t kernel;  /* tp_drops while the track followed: before any filter */
	uint64_t nic;	  /* the interface's own drop counter over the same time */
	uint64_t cursor;  /* blocks given up because this track was too slow (before its filter) */
	uint64_t torn;	  /* blocks overwritten while read (before its filter; at most) */
	uint64_t disk;	  /* matched, but could not be written */
	uint64_t restart; /* lost to a recorder restart (before its filter; at most) */
};

struct rec_track {
	struct rec_report_head head;
	uint32_t segment;	  /* number of the open segment, or of the next one */
	uint32_t following;	  /* 0 = still reading history, 1 = at the head */
	char name[REC_NAME_SIZE]; /* open segment's hidden name, "" if none */
	uint64_t valid_bytes;	  /* whole blocks a reader may be served from it */
	uint64_t packets;	  /* whole track */
	uint64_t bytes;
	int64_t first_wall_ns;
	int64_t last_wall_ns;
	struct rec_loss loss;
};

struct rec_started {
	struct rec_report_head head;
	uint64_t first_seq;
	int64_t reach_wall_ns; /* oldest time the track will contain if there were packets */
	uint32_t resumed;      /* 1 = continued from a mark */
	uint32_t reserved;
};

enum rec_segment_state {
	SEGMENT_OPENED,
	SEGMENT_SEALED,
};

struct rec_segment {
	struct rec_report_head head;
	uint32_t segment;
	uint32_t state;		  /* enum rec_segment_state */
	char name[REC_NAME_SIZE]; /* final name; hidden while open: '.' + name */
	uint64_t file_bytes;
	uint64_t packets;
	uint64_t bytes;	       /* on the wire */
	int64_t first_wall_ns; /* 0 = the segment has no packet */
	int64_t last_wall_ns;
	struct rec_loss loss; /* of this segment */
};

enum rec_gap_cause {
	GAP_KERNEL,   /* the ring was full */
	GAP_CURSOR,   /* the track was slower than the ring */
	GAP_TORN,     /* overwritten while it was read */
	GAP_RESTART,  /* the recorder died in between */
	GAP_DISK,     /* could not be written */
	GAP_NIC_DOWN, /* the interface was down or away */
};

struct rec_gap {
	struct rec_report_head head;
	uint32_t cause;	  /* enum rec_gap_cause */
	uint32_t at_most; /* 1 = a filter hides how many of `packets` would have matched */
	uint64_t packets;
	int64_t from_wall_ns; /* last packet before, first after; 0 = not known */
	int64_t to_wall_ns;
};

enum rec_end {
	REC_END_STOPPED,    /* as asked by REC_STOP or until_wall_ns */
	REC_END_LIMIT,	    /* budget_bytes reached */
	REC_END_DISK_FULL,  /* no space; error = ENOSPC/EDQUOT, or the free-space floor */
	REC_END_DISK_ERROR, /* error says what */
	REC_END_NO_RING,    /* the NIC has no ring */
	REC_END_BAD_FILTER, /* the program failed verification */
	REC_END_SHUTDOWN,   /* the daemon stops; the capture may be resumed at the next start */
};

struct rec_finished {
	struct rec_report_head head;
	uint32_t end;  /* enum rec_end */
	int32_t error; /* errno or 0 */
	uint64_t packets;
	uint64_t bytes;
	int64_t first_wall_ns;
	int64_t last_wall_ns;
	struct rec_loss loss;
};

struct recorder_config {
	char captures[256];	  /* captures folder */
	int64_t min_free_bytes;	  /* floor: below it tracks end with REC_END_DISK_FULL */
	dur_t sync_after;	  /* what a power cut may cost of an open segment; 0 = all of it */
	uint32_t buffer_bytes;	  /* size of one write buffer, multiple of 4096 */
	uint32_t buffer_count;	  /* all tracks together */
	uint32_t idle_wake_ms;	  /* paced release while nothing is captured */
	int replay_speed_percent; /* RING_FILE: 100 = as recorded, 0 = as fast as possible */
	int replay_loop;	  /* RING_FILE: start over at the end */
	char test_hook[64];	  /* tests only: "selftest=fail", "tear=<n>", "" */
};

/* The recorder process. Runs until the supervisor says stop or is gone; returns an exit status. */
int recorder_main(int supervisor, const struct recorder_config *config);
