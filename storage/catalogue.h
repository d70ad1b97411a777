/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue: captures, their segments, their gaps, and the coverage statement made of them.
 * Store thread. All return 0 or -errno unless said. Texts in rows are fixed arrays: rows are plain
 * values without ownership. */
#pragma once

#include <stdbool.h>

#include "base/hash.h"
#include "base/ident.h"
#include "storage/db.h"
#include "storage/segment.h"

#define CATALOGUE_ABSENT 1

enum capture_state {
	CAPTURE_STARTING,
	CAPTURE_RECORDING,
	CAPTURE_STOPPING,
	CAPTURE_FINISHED,
};
const char *capture_state_name(enum capture_state state);

/* Packets lost, by where. The same members as struct rec_loss. */
struct capture_loss {
	uint64_t kernel, nic, cursor, torn, disk, restart;
};

struct capture_row {
	char id[IDENT_SIZE];
	char policy[IDENT_SIZE];
	char policy_name[65];
	char alert[IDENT_SIZE]; /* "" = an operator */
	char folder[128];
	char filter[1024];
	char slice[48];	 /* "whole", "headers", "headers+64" */
	char rings[512]; /* comma-separated NIC names */
	enum capture_state state;
	wall_t created_at, finished_at;
	wall_t requested_from, requested_until; /* until: 0 while it runs */
	wall_t trigger_at;
	wall_t reach_from; /* the latest of its tracks' reach: history went back to here; 0 unknown
			    */
	char stop_reason[160]; /* "" while it runs */
	char problem[160];     /* first cause if something failed, "<code>: text" */
};

struct segment_row {
	char capture[IDENT_SIZE];
	uint32_t ring;
	char nic[16];
	uint32_t number;
	char name[SEGMENT_NAME_SIZE];
	bool sealed;
	bool missing; /* the file is gone */
	uint64_t file_bytes, packets, bytes;
	wall_t first, last;
	struct capture_loss loss;
	char sha256[SHA256_HEX_SIZE]; /* "" until digested */
	/* <name>.idx (capture/segment_index.h): only the one with this hash is believed. "" = none
	 * was made; 0 bytes = there can be none */
	char index_sha256[SHA256_HEX_SIZE];
	uint64_t index_bytes;
};

struct gap_row {
	char capture[IDENT_SIZE];
	char nic[16];
	char cause[16]; /* kernel, cursor, torn, restart, disk, nic_down */
	bool at_most;
	bool unknown; /* nobody can tell how many (daemon was down) */
	uint64_t packets;
	wall_t from, to;
};

int catalogue_save_capture(struct db *db, const struct capture_row *row); /* insert or replace */
int catalogue_get_capture(struct db *db, const char *id, struct capture_row *ret);
int catalogue_remove_capture(struct db *db, const char *id); /* with segments and gaps */
/* Newest first; before = id or "". state < 0 = any; policy "" = any; alert "" = any.
 * Returns the number written to ret or -errno. */
struct catalogue_query {
	const char *before, *policy, *alert;
	int state;
	int limit;
};
int catalogue_list_captures(struct db *db, const struct catalogue_query *query,
			    struct capture_row ret[]);

int catalogue_save_segment(struct db *db,
			   const struct segment_row *row); /* by capture,ring,number */
/* By ring and number. *ret is an array the caller frees. Returns the number or -errno. */
int catalogue_list_segments(struct db *db, const char *capture, struct segment_row **ret);
int catalogue_remove_segment(struct db *db, const struct segment_row *row);
int catalogue_set_digest(struct db *db, const struct segment_row *row); /* both hashes */
/* 1 if all segments that are there are sealed and hashed, else 0, or -errno. */
int catalogue_is_digested(struct db *db, const char *capture);
/* Sealed segments without digest: up to max; returns the number or -errno. */
int catalogue_list_undigested(struct db *db, int max, struct segment_row ret[]);

/* A gap of cause "restart" that is unknown and has no end yet (to = 0, as recovery leaves it) is
 * closed rather than doubled when the same gap is added with its end. */
int catalogue_add_gap(struct db *db, const struct gap_row *row);
/* Gives the open restart gap of the NIC its end: 0 or CATALOGUE_ABSENT. */
int catalogue_close_gap(struct db *db, const char *capture, const char *nic, wall_t to);
int catalogue_list_gaps(struct db *db, const char *capture, struct gap_row **ret);

/* What a capture covers, computed from its rows. Pure. The precedence of codes is in coverage.c. */
enum completeness {
	COMPLETE,
	PARTIAL,
	EMPTY,
};
struct coverage {
	wall_t requested_from, requested_until;
	wall_t delivered_from, delivered_until; /* first and last packet; 0 = none */
	uint64_t packets, bytes, file_bytes;
	struct capture_loss loss;
	enum completeness completeness;
	const char *code; /* complete, still_running, history_evicted, nothing_matched,
			   * dropped_kernel, dropped_cursor, dropped_disk, torn, restarted,
			   * interface_down, disk_full, segment_missing, limit_bytes, failed */
};
void coverage_compute(const struct capture_row *capture, const struct segment_row segments[],
		      size_t segment_count, const struct gap_row gaps[], size_t gap_count,
		      struct coverage *ret);
const char *coverage_completeness_name(enum completeness completeness);
