/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: alerts as they arrived, what became of them, and the live state (open alerts, holds,
 * policy runs) that survives a restart. Store thread. All return 0 or -errno unless said. */
#pragma once

#include <jansson.h>

#include "policy/engine.h" /* types only */
#include "storage/db.h"

#define JOURNAL_RAW_MAX (256 * 1024)

/* One delivery of a sender: its raw bytes, kept for the operator (ALR-12). */
struct journal_delivery {
	char id[IDENT_SIZE];
	const char *source;
	wall_t received_at;
	const char *raw;
	size_t raw_size;   /* cut at JOURNAL_RAW_MAX */
	char problem[480]; /* why it became no alert (storage/refusal.h), or "" */
};

int journal_add_delivery(struct db *db, const struct journal_delivery *delivery);
/* json: alert_format's object as text, which later lists give back. `delivery` may be "". */
int journal_add_alert(struct db *db, const struct alert *alert, const char *json,
		      const char *outcome, const char *delivery);
int journal_save_open_alert(struct db *db, const struct open_alert *alert);
int journal_save_hold(struct db *db, const struct hold *hold);
int journal_remove_hold(struct db *db, const struct hold *hold);
int journal_save_run(struct db *db, const struct policy_run *run);
int journal_remove_run(struct db *db, const char *policy);

/* What happened to an object, for its timeline: kind "policy", "capture", "alert", "push"; text is
 * one line. Rows are never changed. */
int journal_add_note(struct db *db, wall_t at, const char *kind, const char *id, const char *alert,
		     const char *text);
/* Of one object; only for putting them back (recovery). */
int journal_remove_notes(struct db *db, const char *kind, const char *id);
/* Array of {at, kind, id, alert, text}, oldest first; by object, or by alert if id is NULL. */
int journal_list_notes(struct db *db, const char *kind, const char *id, const char *alert,
		       json_t **ret);

/* Loading at start. Structs are borrowed during the call. */
typedef int (*journal_open_alert_call)(void *owner, const struct open_alert *alert);
typedef int (*journal_hold_call)(void *owner, const struct hold *hold);
typedef int (*journal_run_call)(void *owner, const struct policy_run *run);
typedef int (*journal_delivery_call)(void *owner, const char *source, const char *delivery_id);
int journal_list_open_alerts(struct db *db, journal_open_alert_call call, void *owner);
int journal_list_holds(struct db *db, journal_hold_call call, void *owner);
int journal_list_runs(struct db *db, journal_run_call call, void *owner);
/* Delivery ids of alerts received since `since`. */
int journal_list_delivery_ids(struct db *db, wall_t since, journal_delivery_call call, void *owner);

/* Rows that a list looks at in one go if members of the alerts are asked for: these have no index,
 * and who writes alerts waits meanwhile. */
#define JOURNAL_LOOK 5000

/* For the API: alerts newest first as objects (alert_format's members plus outcome, received_at,
 * open). `before` = id of the last one that was looked at before, or "". ret: array, new reference.
 * next: where the next page begins, "" if there is none; a page may have fewer than `limit`. */
struct journal_query {
	const char *before;
	const char *source;	 /* "" = any */
	const char *fingerprint; /* "" = any */
	int open_only;
	int limit; /* 1–200 */
	/* NULL = any */
	const char *level;
	const char *policy;	  /* id or name … */
	const char *object;	  /* … of it */
	const char *policy_level; /* low, medium, high */
	const char *region, *team, *user;
	wall_t since, until; /* received; 0 = any time */
};
int journal_list_alerts(struct db *db, const struct journal_query *query, json_t **ret,
			char next[IDENT_SIZE]);

/* Removes up to `max` alerts received before then, with what the senders sent and the pushes that
 * ended (a bounded number too); what is open stays with all of it. Returns how many alerts; max:
 * there may be more of either; or -errno. */
int journal_prune(struct db *db, wall_t before, int max);

#define JOURNAL_ABSENT 1
int journal_get_alert(struct db *db, const char *id, json_t **ret); /* or JOURNAL_ABSENT */
