/* SPDX-License-Identifier: Apache-2.0 */
/* How much of an endpoint's queue may be on its way now: concurrency, rate, circuit breaker. Pure:
 * takes `now`.
 *
 *   closed ──BREAK_AFTER failures in a row──▶ open ──after a span──▶ half-open: one push
 *      ▲                                        ▲                       │      │
 *      └────────────── any answer ──────────────┼───────────────────────┘      │
 *                                               └── failure, span doubled ─────┘
 *
 * A failure is a push to be tried again (no connection, time-out, 5xx, too fast); a refusal is an
 * answer. A peer that names a time (Retry-After, a vendor's ban) gets that time for the whole
 * queue. In memory only: after a restart every circuit is closed. */
#pragma once

#include <jansson.h>

#include "dispatch/push/courier.h"

#define PUSH_QUEUE_BREAK_AFTER 5
#define PUSH_QUEUE_OPEN_MIN    (5 * DUR_S)
#define PUSH_QUEUE_OPEN_MAX    (5 * DUR_MIN)

/* The sliding minute, in seconds; one more so that it is never less than a minute. */
#define PUSH_QUEUE_SLOTS 61

/* How pushes ended since the control process started. */
struct push_ends {
	int64_t delivered, dead, suppressed;
};

struct push_queue {
	char endpoint[IDENT_SIZE];
	struct push_ends ends;
	unsigned leased;
	unsigned failures; /* in a row */
	mono_t open_until; /* 0 = closed */
	dur_t open_span;
	uint32_t sent[PUSH_QUEUE_SLOTS]; /* by second */
	int64_t second;			 /* of the newest slot */
	mono_t single_until;		 /* 0, or no digests before it */
};

struct push_queue_limits {
	int64_t rate; /* a minute, 0 = none */
	int64_t concurrency;
};

/* Rows that may be leased now. */
int push_queue_room(struct push_queue *queue, const struct push_queue_limits *limits, mono_t now);
/* Room is missing for time's sake alone: it may be there after this long. 0 = not so. */
dur_t push_queue_wait(struct push_queue *queue, const struct push_queue_limits *limits, mono_t now);

/* Pushes beyond `concurrency` that the rate still has room for. INT64_MAX = there is no rate. */
int64_t push_queue_rate_room(struct push_queue *queue, const struct push_queue_limits *limits,
			     mono_t now);

/* Several messages in one: not for a while after a digest was refused, so that each gets a verdict
 * of its own. */
#define PUSH_QUEUE_SINGLE (10 * DUR_MIN)
bool push_queue_digests(const struct push_queue *queue, mono_t now);
void push_queue_on_digest_refused(struct push_queue *queue, mono_t now);

void push_queue_on_lease(struct push_queue *queue, mono_t now);
/* `random` in [0, 1). */
void push_queue_on_result(struct push_queue *queue, const struct courier_result *result, mono_t now,
			  double random);
/* "closed", "open" or "half-open". */
const char *push_queue_state(const struct push_queue *queue, mono_t now);
