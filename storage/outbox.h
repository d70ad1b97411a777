/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: one row per alert and endpoint, from decision to its end. Store thread.
 *
 *   pending ──lease──▶ leased ──settle──▶ delivered
 *      ▲                  │ ├───────────▶ dead        (permanent, or out of attempts or time)
 *      └──────retry───────┘ └───────────▶ pending     (not before next_at)
 *   suppressed: decided at acceptance, with the reason; never leased.
 *
 * accepted = delivered + suppressed + pending (with leased) + dead, at every moment. A row of one
 * (endpoint, fingerprint) is leased only when no older one of the pair is pending or leased. */
#pragma once

#include <jansson.h>

#include "base/hash.h"
#include "base/ident.h"
#include "storage/db.h"

#define OUTBOX_AGE_MAX (24 * DUR_HOUR)
/* An endpoint has at most so many leases at once: a slow one never takes the whole window. */
#define OUTBOX_LEASES_PER_ENDPOINT 16

struct outbox_push {
	char id[IDENT_SIZE];
	char alert[IDENT_SIZE];
	char endpoint[IDENT_SIZE];
	char fingerprint[SHA256_HEX_SIZE];
	char *request; /* JSON, rendered at acceptance; owned by the row's reader (free) */
	int attempt;   /* of the lease just made, from 1; lost leases do not count */
	wall_t created_at;
	wall_t since;	/* retries end OUTBOX_AGE_MAX after it: acceptance, or the last replay */
	char event[16]; /* "firing", "recovered", …; "" = not told */
	char reference[128]; /* lease: what the peer called the last one delivered of its pair */
	bool is_collapsed;   /* lease: the firing before it was never sent */
	bool is_fallback;    /* of a push that another endpoint was meant to get */
};

/* Those with an `event` take part in what outbox_collapse does. */
int outbox_add(struct db *db, const struct outbox_push *push);
int outbox_add_suppressed(struct db *db, const struct outbox_push *push, const char *reason);

/* How many more rows of an endpoint may be leased. Those that are not in the list have
 * OUTBOX_LEASES_PER_ENDPOINT leases in all. */
struct outbox_limit {
	char endpoint[IDENT_SIZE];
	int room;
};
struct outbox_limits {
	struct outbox_limit *items;
	size_t count;
};

/* Leases up to max due rows, oldest first, by the order rule above, within the limits (NULL = none
 * are told), whose room becomes smaller by what was leased. Rows that happened in the future (the
 * wall clock was set back) are due. Returns the number or -errno. */
int outbox_lease(struct db *db, wall_t now, struct outbox_limits *limits, int max,
		 struct outbox_push ret[]);
/* Leases up to max more due rows of one endpoint, whatever its limit: those that go along with one
 * that was just leased, in one message. */
int outbox_lease_along(struct db *db, wall_t now, const char *endpoint, int max,
		       struct outbox_push ret[]);
/* How many of an endpoint's rows are pending and due, counted up to max; or -errno. */
int outbox_count_due(struct db *db, wall_t now, const char *endpoint, int max);
/* When the next pending row may be leased, as far as time alone decides: rows that wait for an
 * older one of their pair, or for a lease of their endpoint, are left out (the settling of that one
 * is when to look again). 0 and *ret, which may be past, or OUTBOX_EMPTY. */
#define OUTBOX_EMPTY 1
int outbox_next_due(struct db *db, const struct outbox_limits *limits, wall_t *ret);

/* DSP-06, before a lease: what to do about firings that were never sent and are over already. */
enum outbox_collapse {
	OUTBOX_COLLAPSE, /* the firing is suppressed ("collapsed"), the recovery tells of both */
	OUTBOX_DROP,	 /* both are ("collapsed", "never_triggered"), as is the recovery of any
			  * firing that never went out */
};
int outbox_collapse(struct db *db, const char *endpoint, enum outbox_collapse how, wall_t now);

enum outbox_state {
	OUTBOX_PENDING,
	OUTBOX_DELIVERED,
	OUTBOX_DEAD,
};
struct outbox_result {
	char id[IDENT_SIZE];
	enum outbox_state state; /* PENDING = retry at next_at */
	wall_t at, next_at;
	int status;
	const char *text;      /* the remote's answer or the error */
	const char *reference; /* what the peer calls it; NULL = "" */
};
#define OUTBOX_NOT_LEASED 1 /* nothing was changed: unknown, or the lease was released before */
int outbox_settle(struct db *db, const struct outbox_result *result);
/* The courier died or we restarted: leased rows become pending again, and the lost lease is none of
 * the endpoint's attempts. Returns how many or -errno. */
int outbox_release_leases(struct db *db);
/* Pending rows of an endpoint become dead with the reason (endpoint deleted or disabled by 410);
 * leased ones do unless they are delivered. */
int outbox_kill(struct db *db, const char *endpoint, const char *reason);

/* A dead letter goes again, with all its attempts, unless a newer one of its pair went out since.
 */
#define OUTBOX_NOT_DEAD	  1
#define OUTBOX_SUPERSEDED 2
int outbox_replay(struct db *db, const char *id, wall_t now);
/* All dead letters of an endpoint that may. Returns how many or -errno. */
int outbox_replay_endpoint(struct db *db, const char *endpoint, wall_t now);
/* A dead letter's request becomes a new push to another endpoint, once: a fallback has none of its
 * own. `push` has id and endpoint. 0, OUTBOX_NOT_DEAD or -errno. */
int outbox_add_fallback(struct db *db, const char *dead, const struct outbox_push *push);

struct outbox_counts {
	int64_t accepted, delivered, suppressed, pending, dead;
};
int outbox_count(struct db *db, struct outbox_counts *ret);
/* `n` rows in `state`, as the table calls it. Pure. */
void outbox_counts_add(struct outbox_counts *counts, const char *state, int64_t n);
/* Array of {id, endpoint, alert, state, reason, attempts, status, text, created_at, next_at}:
 * of one alert, or the newest `limit` if alert is "". */
int outbox_list(struct db *db, const char *alert, int limit, json_t **ret);
/* The same in a state and of an endpoint ("" = any), newest first. */
int outbox_list_state(struct db *db, const char *state, const char *endpoint, int limit,
		      json_t **ret);

/* Delay before attempt + 1: 1 s doubling to 5 min, times 0.5–1.0 by `random` in [0, 1). Pure. */
dur_t outbox_backoff(int attempt, double random);
