/* SPDX-License-Identifier: Apache-2.0 */
/* The segments an extraction reads, source by source: one source per capture and ring. */
#pragma once

#include "dispatch/serve/derived.h"
#include "dispatch/serve/reading.h"

struct ring_feed_counts; /* dispatch/serve/ring_feed.h */

enum derived_want {
	DERIVED_NOTHING,
	DERIVED_NEXT, /* the next segment */
	DERIVED_MORE, /* of the present one */
};

struct derived_source {
	struct reading reading;
	struct ring_feed *feed; /* owned: a ring, not a capture; rows and the like are unused */
	char capture[IDENT_SIZE];
	char folder[128];
	char nic[16];
	uint32_t ring;
	struct segment_row *rows; /* owned; by number */
	size_t row_count;
	int64_t number; /* of the segment given last; -1 = none yet */
	bool finished;	/* the capture is: rows are all there will be */
	bool fresh;	/* rows were read after the last wish */
	enum derived_want want;
	uint64_t have_bytes; /* DERIVED_MORE */
};

struct derived_sources {
	struct control *control;
	const struct derived_order *order; /* borrowed */
	struct derived_source *items;	   /* owned */
	size_t count;
	struct derived_refresh *refresh; /* under way, or NULL */
	char name[128];
};

/* plan's members are taken. */
void derived_sources_init(struct derived_sources *sources, struct control *control,
			  const struct derived_order *order, struct derived_plan *plan);
void derived_sources_fini(struct derived_sources *sources);

/* First and last packet of all that is known; 0 = none. */
void derived_sources_span(const struct derived_sources *sources, wall_t *first, wall_t *last);
/* Bytes of the files that are read. */
uint64_t derived_sources_bytes(const struct derived_sources *sources);
/* From rings: the sums of what they counted. False: from captures. */
bool derived_sources_counts(const struct derived_sources *sources, struct ring_feed_counts *ret);
/* Is the NIC in the comma-separated list? An empty list has all. */
bool derived_nic_wanted(const char *list, const char *nic);
/* A file name without ending; returns name. */
const char *derived_sources_name(const struct derived_sources *sources, char name[128]);
/* What the section header says. */
void derived_sources_comment(const struct derived_sources *sources, char comment[REC_COMMENT_SIZE]);

void derived_source_want(struct derived_source *source, bool more, uint64_t have_bytes);

enum derived_source_outcome {
	DERIVED_SOURCE_LATER = 1, /* not there yet, or nothing is wanted */
	DERIVED_SOURCE_GROWN = 2, /* ret says how far the present segment goes now */
};

/* What the source wants, if it is there: 0 with the next segment's *ret_fd (owned by the caller; -1
 * = there is no more), an outcome, or -errno where a file that should be there is not (no more
 * comes then). */
int derived_source_get(const struct derived_sources *sources, struct derived_source *source,
		       struct extract_segment *ret, int *ret_fd);

/* The index of the segment given last, if it was a sealed one of which some can be skipped: 0 with
 * *ret_fd (owned by the caller) or -1, else -errno: it should be there and is not, see
 * derived_source_reindex. */
int derived_source_index(const struct derived_sources *sources, const struct derived_source *source,
			 struct extract_index *ret, int *ret_fd);
/* Has the index of that segment made anew. */
void derived_source_reindex(const struct derived_sources *sources,
			    const struct derived_source *source);

/* Reads the rows of running captures again, then calls. One at a time; dropped by fini. */
void derived_sources_refresh(struct derived_sources *sources, void (*done)(void *owner),
			     void *owner);
