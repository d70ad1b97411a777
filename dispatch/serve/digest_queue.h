/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing of sealed segments, off the capture path: the catalogue says what has no digest yet, at
 * most DIGESTS_RUNNING_MAX workers at once work it off. A segment that cannot be hashed is tried
 * again after a pause; one whose file is gone is marked missing. */
#pragma once

#include "storage/catalogue.h"

#define DIGESTS_RUNNING_MAX 2

struct control;
struct timer;

struct digest_queue {
	struct control *control;
	bool listing; /* a read job looks for work */
	bool again;
	unsigned running;
	struct segment_row jobs[DIGESTS_RUNNING_MAX]; /* capture "" = free */
	struct timer *pause;
};

void digest_queue_init(struct digest_queue *queue, struct control *control);
void digest_queue_fini(struct digest_queue *queue);
/* The segment's index is missing or damaged: makes it, if a worker is free; else the next reader
 * asks again. */
void digest_queue_index(struct digest_queue *queue, const struct segment_row *row);
/* There may be work. */
void digest_queue_kick(struct digest_queue *queue);
