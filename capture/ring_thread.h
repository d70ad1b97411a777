/* SPDX-License-Identifier: Apache-2.0 */
/* One thread per ring: takes blocks, lets tracks read them, gives them back.
 *
 * Main gives it orders and gets reports (capture/report.h). While nothing is captured it wakes at a
 * pace; with tracks it follows the ring, and where blocks come fast it paces again. */
#pragma once

#include <stdint.h>

#include "base/child.h"
#include "base/mailbox.h"
#include "capture/recorder.h"
#include "capture/shared.h"
#include "capture/writer.h"

struct filter;
struct match_table;
struct ring_thread;

struct ring_thread_options {
	const struct child_ring *ring;
	int descriptor; /* put: socket or memfd */
	int file;	/* put: pcap to replay, or -1 */
	struct shared *shared;
	const struct recorder_config *config; /* outlives the thread */
	struct writer *writer;
	struct mailbox *reports;
};

/* Maps the ring, takes over from a predecessor, starts the thread. Returns 0 or -errno. */
int ring_thread_start(const struct ring_thread_options *options, struct ring_thread **ret);
/* After REPORT_RING_ENDED. Joins. Accepts NULL, returns NULL. */
struct ring_thread *ring_thread_free(struct ring_thread *thread);

enum order_kind {
	ORDER_START,
	ORDER_EDIT,
	ORDER_STOP,
	ORDER_REPAIRED,	   /* start.capture only */
	ORDER_SYNC,	   /* answered by REC_TRACK for each track, then REPORT_SYNC_DONE */
	ORDER_SEARCH,	   /* filter, file, search */
	ORDER_SEARCH_FILE, /* file, search_head */
	ORDER_SEARCH_END,  /* search_head; id 0 = all */
	ORDER_END,	   /* answered by REPORT_RING_ENDED when all tracks are over */
};

struct order {
	struct letter letter;
	enum order_kind kind;
	struct filter *filter;	   /* START, EDIT; own */
	struct match_table *match; /* likewise */
	/* START; descriptors and filter own */
	int folder;
	int has_mark;
	struct shared_mark mark;
	struct shared_cursor *cursor;
	uint32_t first_segment;
	uint64_t used_bytes;
	mono_t received;
	int file; /* SEARCH, SEARCH_FILE; own */
	union {
		struct rec_start start;
		struct rec_edit edit;
		struct rec_stop stop;
		struct rec_search search;
		struct rec_search_head search_head;
	};
};

/* Any thread. */
void ring_thread_put(struct ring_thread *thread, struct order *order /* put */);
