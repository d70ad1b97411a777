/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "storage/db_internal.h"
#include "storage/json_text.h"
#include "storage/outbox_internal.h"

#define BACKOFF_FIRST	    DUR_S
#define BACKOFF_MAX	    (5 * DUR_MIN)
#define BACKOFF_LAST_DOUBLE 9 /* 2^9 s is more than 5 min */
#define TEXT_CHARS_MAX	    2048

/* Open rows are those that are pending or leased. `seq` is the order of acceptance: rows are never
 * renumbered, and rowids of an SQLite table only grow while its newest row stays. */
const char outbox_schema[] =
	"CREATE TABLE outbox ("
	"  seq         INTEGER PRIMARY KEY,"  /* order of acceptance */
	"  id          TEXT NOT NULL UNIQUE," /* UUIDv7, the receiver's delivery id */
	"  alert       TEXT NOT NULL,"	      /* alerts.id; "" = a message that no alert caused */
	"  endpoint    TEXT NOT NULL,"	      /* settings id */
	"  fingerprint TEXT NOT NULL," /* of the alert: order is kept per endpoint and this */
	"  state       TEXT NOT NULL CHECK"
	"    (state IN ('pending', 'leased', 'delivered', 'dead', 'suppressed')),"
	"  attempts    INTEGER NOT NULL," /* leases so far */
	"  status      INTEGER NOT NULL," /* the remote's last answer, 0 = none */
	"  created_at  INTEGER NOT NULL,"
	"  next_at     INTEGER NOT NULL," /* pending: not before */
	"  settled_at  INTEGER NOT NULL," /* last verdict, 0 = none yet */
	"  reason      TEXT NOT NULL,"	  /* why suppressed or killed, else ""; with it a
					   * leased row never becomes pending again */
	"  text        TEXT NOT NULL,"	  /* the remote's last answer or the error */
	"  request     TEXT NOT NULL"	  /* JSON, rendered at acceptance */
	") STRICT;"
	"CREATE INDEX outbox_state ON outbox (state);" /* counts */
	"CREATE INDEX outbox_alert ON outbox (alert);"
	"CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'pending';"
	"CREATE INDEX outbox_leased ON outbox (endpoint) WHERE state = 'leased';"
	"CREATE INDEX outbox_open ON outbox (endpoint, fingerprint, seq)"
	"  WHERE state IN ('pending', 'leased');";

/* `since` 0 means created_at. */
const char outbox_schema_queue[] =
	"ALTER TABLE outbox ADD COLUMN event TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE outbox ADD COLUMN reference TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE outbox ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE outbox ADD COLUMN fallback_of TEXT NOT NULL DEFAULT '';"
	"CREATE INDEX outbox_pair ON outbox (endpoint, fingerprint, seq);"
	"CREATE INDEX outbox_queue ON outbox (endpoint, seq) WHERE state = 'pending';";

/* Leases that ended without a verdict: what became of them is not known, but the endpoint is not to
 * blame. */
const char outbox_schema_lost[] = "ALTER TABLE outbox ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;";

/* --- acceptance --- */

static int add(struct db *db, const struct outbox_push *push, const char *state, const char *reason)
{
	return db_run(db,
		      "INSERT INTO outbox (id, alert, endpoint, fingerprint, state, attempts,"
		      "  status, created_at, next_at, settled_at, reason, text, request, event)"
		      " VALUES (?, ?, ?, ?, ?, 0, 0, ?6, ?6, 0, ?, '', ?, ?)",
		      db_text(push->id), db_text(push->alert), db_text(push->endpoint),
		      db_text(push->fingerprint), db_text(state), db_wall(push->created_at),
		      db_text(reason), db_text(push->request ? push->request : "{}"),
		      db_text(push->event));
}

int outbox_add(struct db *db, const struct outbox_push *push)
{
	return add(db, push, "pending", "");
}

int outbox_add_suppressed(struct db *db, const struct outbox_push *push, const char *reason)
{
	return add(db, push, "suppressed", reason);
}

/* --- what needs not be sent any more --- */

/* Looks at the head of the queue alone: a lease takes no more than that. */
#define HEAD                                                                                       \
	"o.seq IN (SELECT seq FROM outbox WHERE endpoint = ?1 AND state = 'pending'"               \
	"  ORDER BY seq LIMIT 64)"

static int collapse_firings(struct db *db, const char *endpoint, wall_t now)
{
	return db_run(db,
		      "UPDATE outbox AS o SET state = 'suppressed', reason = 'collapsed',"
		      "  settled_at = ?2 WHERE " HEAD " AND o.state = 'pending' AND"
		      "  o.event = 'firing' AND o.attempts = 0 AND EXISTS ("
		      "    SELECT 1 FROM outbox AS r WHERE r.endpoint = o.endpoint AND"
		      "      r.fingerprint = o.fingerprint AND r.seq > o.seq AND"
		      "      r.state = 'pending' AND r.event = 'recovered')",
		      db_text(endpoint), db_wall(now));
}

/* The newest of the pair that went out, or may have: a recovery, or none. */
static int drop_recoveries(struct db *db, const char *endpoint, wall_t now)
{
	return db_run(db,
		      "UPDATE outbox AS o SET state = 'suppressed', reason = 'never_triggered',"
		      "  settled_at = ?2 WHERE " HEAD " AND " LEASABLE
		      " AND o.event = 'recovered' AND o.attempts = 0 AND 'recovered' = coalesce(("
		      "    SELECT q.event FROM outbox AS q WHERE q.endpoint = o.endpoint AND"
		      "      q.fingerprint = o.fingerprint AND q.seq < o.seq AND q.attempts > 0 AND"
		      "      q.state IN ('delivered', 'dead') ORDER BY q.seq DESC LIMIT 1),"
		      "  'recovered')",
		      db_text(endpoint), db_wall(now));
}

int outbox_collapse(struct db *db, const char *endpoint, enum outbox_collapse how, wall_t now)
{
	int r = collapse_firings(db, endpoint, now);

	return r || how == OUTBOX_COLLAPSE ? r : drop_recoveries(db, endpoint, now);
}

/* --- ends --- */

static const char *state_text(enum outbox_state state)
{
	switch (state) {
	case OUTBOX_PENDING:
		return "pending";
	case OUTBOX_DELIVERED:
		return "delivered";
	case OUTBOX_DEAD:
		return "dead";
	}
	bug_on(1);
}

int outbox_settle(struct db *db, const struct outbox_result *result)
{
	const char *text = result->text ? result->text : "";
	int r = db_run(db,
		       "UPDATE outbox SET state = iif(?1 = 'pending' AND reason != '', 'dead', ?1),"
		       "  next_at = ?, settled_at = ?, status = ?, text = substr(?, 1, ?),"
		       "  reference = ? WHERE id = ? AND state = 'leased'",
		       db_text(state_text(result->state)), db_wall(result->next_at),
		       db_wall(result->at), db_integer(result->status), db_text(text),
		       db_integer(TEXT_CHARS_MAX),
		       db_text(result->reference ? result->reference : ""), db_text(result->id));

	if (r)
		return r;
	return db_changes(db) ? 0 : OUTBOX_NOT_LEASED;
}

int outbox_release_leases(struct db *db)
{
	int r = db_run(db, "UPDATE outbox SET state = iif(reason = '', 'pending', 'dead'),"
			   " lost = lost + 1 WHERE state = 'leased'");

	return r ? r : db_changes(db);
}

/* A leased row keeps its lease: the courier may be about to deliver it. Its reason keeps it from
 * becoming pending again. */
int outbox_kill(struct db *db, const char *endpoint, const char *reason)
{
	return db_run(db,
		      "UPDATE outbox SET state = iif(state = 'pending', 'dead', state), reason = ?"
		      " WHERE endpoint = ? AND state IN ('pending', 'leased')",
		      db_text(reason), db_text(endpoint));
}

/* --- dead letters --- */

/* Rows `d` that a newer one of their pair has overtaken. */
#define OVERTAKEN                                                                                  \
	"EXISTS (SELECT 1 FROM outbox AS n WHERE n.endpoint = d.endpoint AND"                      \
	"  n.fingerprint = d.fingerprint AND n.seq > d.seq AND"                                    \
	"  n.state IN ('delivered', 'leased'))"
#define REVIVE                                                                                     \
	"UPDATE outbox AS d SET state = 'pending', attempts = 0, lost = 0, next_at = ?1,"          \
	"  since = ?1, reason = '' WHERE d.state = 'dead' AND NOT " OVERTAKEN

int outbox_replay(struct db *db, const char *id, wall_t now)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_run(db, REVIVE " AND d.id = ?2", db_wall(now), db_text(id));

	if (r || db_changes(db))
		return r;
	r = db_query(db, &rows, "SELECT 1 FROM outbox WHERE id = ? AND state = 'dead'",
		     db_text(id));
	if (!r)
		r = db_next(&rows);
	if (r < 0)
		return r;
	return r == DB_ROW ? OUTBOX_SUPERSEDED : OUTBOX_NOT_DEAD;
}

int outbox_replay_endpoint(struct db *db, const char *endpoint, wall_t now)
{
	int r = db_run(db, REVIVE " AND d.endpoint = ?2", db_wall(now), db_text(endpoint));

	return r ? r : db_changes(db);
}

int outbox_add_fallback(struct db *db, const char *dead, const struct outbox_push *push)
{
	int r = db_run(db,
		       "INSERT INTO outbox (id, alert, endpoint, fingerprint, state, attempts,"
		       "  status, created_at, next_at, settled_at, reason, text, request, event,"
		       "  fallback_of)"
		       " SELECT ?1, alert, ?2, fingerprint, 'pending', 0, 0, ?3, ?3, 0, '', '',"
		       "  request, event, id FROM outbox"
		       " WHERE id = ?4 AND state = 'dead' AND fallback_of = ''"
		       /* nobody is told of a beginning after its end */
		       "  AND NOT (event = 'firing' AND EXISTS (SELECT 1 FROM outbox n"
		       "   WHERE n.fingerprint = outbox.fingerprint AND n.seq > outbox.seq"
		       "   AND n.event = 'recovered'))",
		       db_text(push->id), db_text(push->endpoint), db_wall(push->created_at),
		       db_text(dead));

	if (r)
		return r;
	return db_changes(db) ? 0 : OUTBOX_NOT_DEAD;
}

/* --- views --- */

void outbox_counts_add(struct outbox_counts *counts, const char *state, int64_t n)
{
	counts->accepted += n;
	if (!strcmp(state, "delivered"))
		counts->delivered += n;
	else if (!strcmp(state, "dead"))
		counts->dead += n;
	else if (!strcmp(state, "suppressed"))
		counts->suppressed += n;
	else
		counts->pending += n;
}

int outbox_count(struct db *db, struct outbox_counts *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "SELECT state, count(*) FROM outbox GROUP BY state");

	*ret = (struct outbox_counts){0};
	while (!r && (r = db_next(&rows)) == DB_ROW) {
		outbox_counts_add(ret, db_get_text(&rows, 0), db_get_integer(&rows, 1));
		r = 0;
	}
	return r;
}

static json_t *format_row(const struct db_rows *rows)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "id",
		json_text(db_get_text(rows, 0)), "endpoint", json_text(db_get_text(rows, 1)),
		"alert", json_text(db_get_text(rows, 2)), "state", json_text(db_get_text(rows, 3)),
		"reason", json_text(db_get_text(rows, 4)), "attempts",
		(json_int_t)db_get_integer(rows, 5), "status", (json_int_t)db_get_integer(rows, 6),
		"text", json_text(db_get_text(rows, 7)), "created_at",
		json_wall(db_get_wall(rows, 8)), "next_at", json_wall(db_get_wall(rows, 9)));
}

#define LIST_COLUMNS                                                                               \
	"SELECT id, endpoint, alert, state, reason, attempts - lost, status, text, created_at,"    \
	"  CASE state WHEN 'pending' THEN next_at ELSE 0 END FROM outbox "

static int list_rows(struct db_rows *rows, int r, json_t **ret)
{
	json_t *list = json_array();

	while (!r && (r = db_next(rows)) == DB_ROW) {
		json_array_append_new(list, format_row(rows));
		r = 0;
	}
	if (r)
		json_decref(list);
	else
		*ret = list;
	return r;
}

int outbox_list(struct db *db, const char *alert, int limit, json_t **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r;

	if (alert[0])
		r = db_query(db, &rows, LIST_COLUMNS "WHERE alert = ? ORDER BY seq LIMIT ?",
			     db_text(alert), db_integer(limit));
	else
		r = db_query(db, &rows, LIST_COLUMNS "ORDER BY seq DESC LIMIT ?",
			     db_integer(limit));
	return list_rows(&rows, r, ret);
}

int outbox_list_state(struct db *db, const char *state, const char *endpoint, int limit,
		      json_t **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 LIST_COLUMNS "WHERE state = ?1 AND (?2 = '' OR endpoint = ?2)"
				      " ORDER BY seq DESC LIMIT ?3",
			 db_text(state), db_text(endpoint), db_integer(limit));

	return list_rows(&rows, r, ret);
}

dur_t outbox_backoff(int attempt, double random)
{
	int doubles = attempt < 1		      ? 0
		      : attempt > BACKOFF_LAST_DOUBLE ? BACKOFF_LAST_DOUBLE
						      : attempt - 1;
	dur_t delay = BACKOFF_FIRST << doubles;

	if (delay > BACKOFF_MAX)
		delay = BACKOFF_MAX;
	return delay / 2 + (dur_t)((double)(delay / 2) * random);
}
