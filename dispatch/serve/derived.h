/* SPDX-License-Identifier: Apache-2.0 */
/* A derived download: packets of one or many captures, chosen, merged and encoded by an extract
 * worker (capture/extract.h), which writes into a pipe that is moved to the client as it drains.
 *
 * Control hands the worker one segment after another and parses none. The answer's head waits for
 * the first packet: a download without packets is a problem that says why, never an empty file.
 * Following a running capture, a timer looks for what the recorder has written meanwhile. Nothing
 * is cut quietly: a segment that vanished on the way, or a worker that died, cuts the connection.
 *
 * At most DERIVED_MAX at once; a slow client costs a worker that waits and one window. */
#pragma once

#include "dispatch/serve/derived_order.h"
#include "dispatch/serve/ring_feed.h"
#include "storage/catalogue.h"

#define DERIVED_MAX 8

/* What it is made of, from the store; all owned. */
struct derived_plan {
	struct capture_row *captures;
	struct segment_row *segments; /* by capture in the order above, ring, number */
	size_t capture_count, segment_count;
	struct ring_feed *feeds[CHILD_RINGS_MAX]; /* or this: straight from the rings */
	size_t feed_count;
	enum completeness completeness; /* the worst of them */
	const char *code;		/* its reason, static; NULL without captures */
};
void derived_plan_fini(struct derived_plan *plan);

/* Is there room for one more? Answers 503 if not. */
bool derived_check_room(struct exchange *exchange);

/* Answers the exchange, now or later. order is copied, plan's members are taken. */
void derived_start(struct exchange *exchange, const struct derived_order *order,
		   struct derived_plan *plan);
