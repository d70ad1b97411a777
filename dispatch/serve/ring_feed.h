/* SPDX-License-Identifier: Apache-2.0 */
/* What the recorder finds in one ring (capture/ring_search.h), as a source of an extraction: memory
 * files, one after the other, with at most RING_FEED_FILES of them full or being filled. Loop
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/ipc.h"

#define RING_FEED_FILES 2

struct control;
struct program;
struct ring_feed;

struct ring_feeds {
	LIST_HEAD(, ring_feed) feeds;
	uint64_t next_id;
};

void ring_feeds_init(struct ring_feeds *feeds);
/* The recorder is gone: what is under way has failed. */
void ring_feeds_fail(struct control *control);
/* REC_SEARCH_PART. Returns 0 or -EBADMSG. */
int ring_feeds_take(struct control *control, const struct ipc_message *message);

struct ring_feed_options {
	struct control *control;
	uint32_t ring;
	int64_t from_ns, until_ns;
	const struct program *program; /* READY; borrowed for the call */
};

/* Asks the recorder. NULL if there is no memory for files, or no recorder. */
struct ring_feed *ring_feed_new(const struct ring_feed_options *options);
/* Accepts NULL, returns NULL. */
struct ring_feed *ring_feed_free(struct ring_feed *feed);
/* Is called when ring_feed_get may have something new. */
void ring_feed_listen(struct ring_feed *feed, void (*on_news)(void *owner), void *owner);

enum ring_feed_outcome {
	RING_FEED_LATER = 1,
	RING_FEED_OVER = 2,
};

/* The next file (the caller's) and its size, an outcome, or -errno: it failed. */
int ring_feed_get(struct ring_feed *feed, int *ret_fd, uint64_t *ret_bytes);

const char *ring_feed_nic(const struct ring_feed *feed);
uint32_t ring_feed_ring(const struct ring_feed *feed);

/* So far, in packets. */
struct ring_feed_counts {
	uint64_t seen;
	uint64_t lost;	 /* overwritten before the recorder looked at them, at most; */
	uint64_t untold; /* of these, after the last packet that was found: no drop count tells */
};

struct ring_feed_counts ring_feed_counts(const struct ring_feed *feed);
