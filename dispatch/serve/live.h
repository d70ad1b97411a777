/* SPDX-License-Identifier: Apache-2.0 */
/* The captures that are not finished: their catalogue rows and their tracks.
 *
 * `row` is what was decided and may be ahead of the store; `committed` is what is durable, and the
 * only one that may become visible. If a commit fails the table is thrown away and loaded again.
 * What the recorder is told follows from comparing this table with what it reports
 * (recorder_link.c): the table, not a sequence of events, says what must run.
 *
 * A track's life:
 *   WANTED ──REC_START──▶ TOLD ──REC_STARTED──▶ RECORDING ──REC_FINISHED──▶ OVER ──retry──▶ WANTED
 *   ABSENT: its NIC has no ring; becomes WANTED when a recorder with the ring says hello
 *   TOLD, RECORDING → WANTED (resume) when the recorder that had it is gone */
#pragma once

#include <sys/queue.h>

#include "capture/recorder.h"
#include "dispatch/serve/live_match.h"
#include "storage/catalogue.h"

struct control;

enum track_state {
	TRACK_WANTED,
	TRACK_ABSENT,
	TRACK_TOLD,
	TRACK_RECORDING,
	TRACK_OVER,
};

struct live_track {
	char nic[CHILD_NIC_SIZE];
	uint32_t ring; /* valid unless ABSENT */
	enum track_state state;
	bool ran;      /* it was told to a recorder, now or by an earlier control: start = resume */
	bool restored; /* it ran under an earlier control, nothing was heard of it since */
	bool reported; /* the present recorder has it */
	bool stop_told; /* to the present recorder */
	bool history;	/* segment 0 is for what the ring no longer has (history_job.h) */
	uint32_t next_segment;
	wall_t last;			   /* newest packet in a known segment; 0 = none */
	char told_filter[SHA256_HEX_SIZE]; /* what the recorder filters by: hash of text and slice
					    */
	enum rec_end end;
	int error;
	wall_t hole_from; /* it failed then and records nothing since; 0 = it records */
	char hole_cause[16];
	struct rec_track progress; /* newest REC_TRACK; name "" = no open segment */
};

#define LIVE_NARROW_MAX 32

struct live_capture {
	LIST_ENTRY(live_capture) next;
	struct capture_row row;
	struct capture_row committed;  /* id "" = nothing of it is durable yet */
	struct live_match *match;      /* of the committed row; NULL = none */
	struct live_match *next_match; /* of `row`, if has_next_match */
	bool has_next_match;
	struct match narrow[LIVE_NARROW_MAX]; /* what alerts that hold it are about */
	size_t narrow_count;
	bool is_wide; /* somebody's hold is not narrowed: the policy's own filter counts */
	uint64_t rotate_bytes;
	dur_t rotate;
	uint64_t budget_bytes;
	bool failed;	   /* no track records; the engine knows and will try again */
	char failure[160]; /* the present failure; row.problem keeps the first one */
	size_t track_count;
	struct live_track tracks[CHILD_RINGS_MAX];
};

struct live {
	LIST_HEAD(, live_capture) captures;
};

void live_init(struct live *live);
void live_clear(struct live *live);

/* Row is copied, not yet committed; tracks are made from row->rings (all of them ABSENT until
 * live_resolve). */
struct live_capture *live_add(struct live *live, const struct capture_row *row);
void live_remove(struct live_capture *capture);
/* A structured filter (put; NULL = none) was decided on; it counts once its row is durable. */
void live_match_decide(struct live_capture *capture, struct live_match *match);
void live_match_commit(struct live_capture *capture);
struct live_capture *live_find(struct live *live, const char *id);
struct live_track *live_track_find(struct live_capture *capture, uint32_t ring);
struct live_track *live_track_by_nic(struct live_capture *capture, const char *nic);

/* Gives absent tracks whose NIC has a ring now their ring; a missing NIC is a failure. */
void live_resolve(const struct control *control, struct live_capture *capture);
/* Something failed: now, and for the catalogue if it is the first time. */
void live_fail(struct live_capture *capture, const char *reason);
/* The engine tries again: what is over or absent is wanted once more. */
void live_retry(const struct control *control, struct live_capture *capture);
/* All tracks are OVER or ABSENT: nothing more comes. */
bool live_is_over(const struct live_capture *capture);

/* "headers+64" ↔ slice, slice_bytes. */
void live_slice_parse(const char *text, uint32_t *slice, uint32_t *slice_bytes);
