/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "storage/db_internal.h"
#include "storage/json_text.h"

#define LIST_MAX 200

/* Numbers of enums are stored: of enum level as DeepFlow codes them, of the others in the order of
 * their declaration, which never changes. */
const char journal_schema[] =
	"CREATE TABLE deliveries ("
	"  id          TEXT PRIMARY KEY," /* ours */
	"  source      TEXT NOT NULL,"	  /* configured name */
	"  received_at INTEGER NOT NULL,"
	"  raw_bytes   INTEGER NOT NULL," /* as sent; raw may be shorter */
	"  raw         BLOB NOT NULL"	  /* the sender's bytes, cut at JOURNAL_RAW_MAX */
	") STRICT;"

	"CREATE TABLE alerts ("
	"  seq         INTEGER PRIMARY KEY," /* order of acceptance */
	"  id          TEXT NOT NULL UNIQUE,"
	"  delivery    TEXT NOT NULL," /* deliveries.id, or "" */
	"  source      TEXT NOT NULL,"
	"  delivery_id TEXT NOT NULL," /* the sender's id of the delivery, or "" */
	"  fingerprint TEXT NOT NULL,"
	"  received_at INTEGER NOT NULL,"
	"  outcome     TEXT NOT NULL," /* alert_outcome_name */
	"  alert       TEXT NOT NULL"  /* JSON as alert_format makes it */
	") STRICT;"
	"CREATE INDEX alerts_source ON alerts (source, seq);"
	"CREATE INDEX alerts_fingerprint ON alerts (fingerprint, seq);"
	"CREATE INDEX alerts_delivery_id ON alerts (received_at, source, delivery_id)"
	"  WHERE delivery_id != '';"

	"CREATE TABLE open_alerts (" /* also of fingerprints that were open once */
	"  fingerprint   TEXT PRIMARY KEY,"
	"  alert         TEXT NOT NULL,"    /* the event that opened it */
	"  open          INTEGER NOT NULL," /* 1 = open now */
	"  level         INTEGER NOT NULL," /* enum level */
	"  levels        INTEGER NOT NULL," /* level_set: all it had since it opened */
	"  starts_at     INTEGER NOT NULL,"
	"  last_event_at INTEGER NOT NULL," /* older events are not applied */
	"  count         INTEGER NOT NULL"  /* firing events since it opened */
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX open_alerts_open ON open_alerts (alert) WHERE open = 1;"

	"CREATE TABLE holds ("
	"  policy   TEXT NOT NULL,"
	"  kind     INTEGER NOT NULL," /* enum hold_kind */
	"  key      TEXT NOT NULL,"    /* fingerprint, or a word per kind */
	"  endpoint TEXT NOT NULL,"    /* the pcap endpoint that made it, or "" */
	"  level    INTEGER NOT NULL," /* enum level, 0 = none */
	"  note     TEXT NOT NULL,"    /* who or what, for people */
	"  since    INTEGER NOT NULL,"
	"  until    INTEGER NOT NULL," /* released then; 0 = never */
	"  PRIMARY KEY (policy, kind, key)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE runs ("
	"  policy        TEXT PRIMARY KEY,"
	"  state         INTEGER NOT NULL," /* enum policy_state */
	"  capture       TEXT NOT NULL,"    /* captures.id, or "" when off */
	"  capture_from  INTEGER NOT NULL," /* requested start of its window */
	"  capture_began INTEGER NOT NULL," /* when it was decided */
	"  linger_until  INTEGER NOT NULL,"
	"  retry_at      INTEGER NOT NULL,"
	"  veto          INTEGER NOT NULL," /* 1 = an operator keeps it off */
	"  veto_until    INTEGER NOT NULL," /* 0 = until cleared */
	"  reason        TEXT NOT NULL"	    /* why abnormal: the first cause, or "" */
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE notes (" /* only ever added to */
	"  seq   INTEGER PRIMARY KEY,"
	"  at    INTEGER NOT NULL,"
	"  kind  TEXT NOT NULL," /* of the object: policy, capture, alert, push, endpoint */
	"  id    TEXT NOT NULL," /* the object's */
	"  alert TEXT NOT NULL," /* the alert it happened for, or "" */
	"  text  TEXT NOT NULL"	 /* one line */
	") STRICT;"
	"CREATE INDEX notes_object ON notes (kind, id, seq);"
	"CREATE INDEX notes_alert ON notes (alert, seq) WHERE alert != '';";

/* --- deliveries and alerts --- */

int journal_add_delivery(struct db *db, const struct journal_delivery *delivery)
{
	size_t kept = delivery->raw_size < JOURNAL_RAW_MAX ? delivery->raw_size : JOURNAL_RAW_MAX;

	return db_run(db,
		      "INSERT INTO deliveries (id, source, received_at, raw_bytes, raw)"
		      " VALUES (?, ?, ?, ?, ?)",
		      db_text(delivery->id), db_text(delivery->source),
		      db_wall(delivery->received_at), db_integer((int64_t)delivery->raw_size),
		      db_bytes(delivery->raw, kept));
}

int journal_add_alert(struct db *db, const struct alert *alert, const char *json,
		      const char *outcome, const char *delivery)
{
	return db_run(db,
		      "INSERT INTO alerts (id, delivery, source, delivery_id, fingerprint,"
		      "  received_at, outcome, alert) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		      db_text(alert->id), db_text(delivery), db_text(alert->source),
		      db_text(alert->delivery_id), db_text(alert->fingerprint),
		      db_wall(alert->received_at), db_text(outcome), db_text(json));
}

int journal_list_delivery_ids(struct db *db, wall_t since, journal_delivery_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT DISTINCT source, delivery_id FROM alerts"
			 " WHERE received_at >= ? AND delivery_id != ''",
			 db_wall(since));

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = call(owner, db_get_text(&rows, 0), db_get_text(&rows, 1));
	return r;
}

/* An event is shown as open if it is the one that opened an alert which is open now. */
#define ALERT_COLUMNS                                                                              \
	"SELECT a.alert, a.outcome, a.received_at, a.delivery,"                                    \
	"  EXISTS (SELECT 1 FROM open_alerts AS o WHERE o.alert = a.id AND o.open = 1)"            \
	" FROM alerts AS a "

static json_t *format_alert(const struct db_rows *rows)
{
	/* json_format wrote it, bounded: what does not parse is a damaged file */
	json_t *json = json_loads(db_get_text(rows, 0), 0, NULL);

	if (!json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	json_object_set_new(json, "outcome", json_text(db_get_text(rows, 1)));
	json_object_set_new(json, "received_at", json_wall(db_get_wall(rows, 2)));
	json_object_set_new(json, "delivery", json_text(db_get_text(rows, 3)));
	json_object_set_new(json, "open", json_boolean(db_get_integer(rows, 4)));
	return json;
}

#define any(text) db_text((text) ? (text) : "")

static bool asks_for_members(const struct journal_query *query)
{
	return query->level || query->policy || query->object || query->policy_level ||
	       query->region || query->team || query->user;
}

/* The last row that is looked at, and its number; "" and 0: all are. */
static int find_floor(struct db *db, const struct journal_query *query, int64_t *seq,
		      char id[IDENT_SIZE])
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r;

	*seq = 0;
	id[0] = '\0';
	if (!asks_for_members(query) || query->open_only)
		return 0;
	r = db_query(db, &rows,
		     "SELECT seq, id FROM alerts WHERE (?1 = '' OR seq < (SELECT seq FROM alerts"
		     "  WHERE id = ?1)) ORDER BY seq DESC LIMIT 1 OFFSET ?2",
		     db_text(query->before), db_integer(JOURNAL_LOOK - 1));
	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r;
	*seq = db_get_integer(&rows, 0);
	db_copy_text(&rows, 1, id, IDENT_SIZE);
	return 0;
}

static int query_alerts(struct db *db, struct db_rows *rows, const struct journal_query *query,
			int64_t floor, int limit)
{
	return db_query(
		db, rows,
		ALERT_COLUMNS
		"WHERE (?1 = '' OR a.seq < (SELECT seq FROM alerts WHERE id = ?1))"
		"  AND a.seq >= ?15"
		"  AND (?2 = '' OR a.source = ?2) AND (?3 = '' OR a.fingerprint = ?3)"
		"  AND (?4 = 0 OR a.id IN (SELECT alert FROM open_alerts WHERE open = 1))"
		"  AND (?6 = '' OR a.alert ->> '$.level' = ?6)"
		"  AND (?7 = '' OR ?7 IN (a.alert ->> '$.policy.id', a.alert ->> '$.policy.name'))"
		"  AND (?8 = '' OR ?8 IN (a.alert ->> '$.object.id', a.alert ->> '$.object.name'))"
		"  AND (?9 = '' OR a.alert ->> '$.policy.level' = ?9)"
		"  AND (?10 = '' OR a.alert ->> '$.region' = ?10)"
		"  AND (?11 = '' OR a.alert ->> '$.team' = ?11)"
		"  AND (?12 = '' OR a.alert ->> '$.user' = ?12)"
		"  AND a.received_at >= ?13 AND (?14 = 0 OR a.received_at < ?14)"
		" ORDER BY a.seq DESC LIMIT ?5",
		db_text(query->before), db_text(query->source), db_text(query->fingerprint),
		db_integer(query->open_only), db_integer(limit), any(query->level),
		any(query->policy), any(query->object), any(query->policy_level),
		any(query->region), any(query->team), any(query->user), db_wall(query->since),
		db_wall(query->until), db_integer(floor));
}

int journal_list_alerts(struct db *db, const struct journal_query *query, json_t **ret,
			char next[IDENT_SIZE])
{
	int limit = query->limit < 1 ? 1 : query->limit > LIST_MAX ? LIST_MAX : query->limit;
	CLEANUP_JSON json_t *list = json_array();
	CLEANUP_ROWS struct db_rows rows = {0};
	int64_t floor;
	int r = find_floor(db, query, &floor, next);

	if (!r)
		r = query_alerts(db, &rows, query, floor, limit);
	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = json_array_append_new(list, format_alert(&rows)) ? -EUCLEAN : 0;
	if (r)
		return r;
	if (json_array_size(list) == (size_t)limit) /* there may be more above the floor */
		snprintf(next, IDENT_SIZE, "%s",
			 json_string_value(
				 json_object_get(json_array_get(list, (size_t)limit - 1), "id")));
	*ret = take_ptr(list);
	return 0;
}

#define ROWS_PER_ALERT 8 /* of what goes with alerts, in one step */

/* What alerts leave behind, once they are gone: what is looked through for rows that stay is short
 * then. Ids are UUIDv7: those made before a moment sort before this one. Returns 0, 1 if more may
 * be left, or -errno. */
static int prune_rest(struct db *db, const char *until, int max)
{
	static const char *const steps[] = {
		"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < ?1 AND state NOT "
		"IN"
		"  ('pending', 'leased') AND fingerprint NOT IN (SELECT fingerprint FROM "
		"open_alerts"
		"  WHERE open) ORDER BY id LIMIT ?2)",
		"DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < ?1 AND "
		"id NOT"
		"  IN (SELECT delivery FROM alerts WHERE id < ?1) ORDER BY id LIMIT ?2)",
		"DELETE FROM notes WHERE seq IN (SELECT seq FROM notes WHERE kind = 'push' AND id "
		"< ?1"
		"  AND id NOT IN (SELECT id FROM outbox WHERE id < ?1) LIMIT ?2)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = db_run(db, steps[i], db_text(until), db_integer(max));

		if (r)
			return r;
		if (db_changes(db) == max)
			return 1;
	}
	return 0;
}

int journal_prune(struct db *db, wall_t before, int max)
{
	char until[IDENT_SIZE];
	int r, count;

	ident_new(before, until);
	r = db_run(db,
		   "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE id < ?1 AND"
		   "  received_at < ?2 AND id NOT IN (SELECT alert FROM open_alerts WHERE open"
		   "  UNION SELECT recovery FROM open_alerts WHERE open) ORDER BY id LIMIT ?3)",
		   db_text(until), db_wall(before), db_integer(max));
	if (r)
		return r;
	count = db_changes(db);
	if (count == max)
		return max;
	r = prune_rest(db, until, max * ROWS_PER_ALERT);
	return r < 0 ? r : r ? max : count;
}

static int add_raw(struct db *db, const char *delivery, json_t *alert)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "SELECT raw FROM deliveries WHERE id = ?", db_text(delivery));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r;
	json_object_set_new(alert, "raw",
			    json_text_sized(db_get_text(&rows, 0), db_get_size(&rows, 0)));
	return 0;
}

int journal_get_alert(struct db *db, const char *id, json_t **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_JSON json_t *alert = NULL;
	int r = db_query(db, &rows, ALERT_COLUMNS "WHERE a.id = ?", db_text(id));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : JOURNAL_ABSENT;
	alert = format_alert(&rows);
	r = alert ? add_raw(db, db_get_text(&rows, 3), alert) : -EUCLEAN;
	if (!r)
		*ret = take_ptr(alert);
	return r;
}

/* --- live state --- */

int journal_save_open_alert(struct db *db, const struct open_alert *alert)
{
	return db_run(db,
		      "INSERT OR REPLACE INTO open_alerts (fingerprint, alert, open, level,"
		      "  levels, starts_at, last_event_at, count, pair, tiers, until,"
		      "  confirms_at, recovery) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      db_text(alert->fingerprint), db_text(alert->alert), db_integer(alert->open),
		      db_integer(alert->level), db_integer(alert->levels),
		      db_wall(alert->starts_at), db_wall(alert->last_event_at),
		      db_integer((int64_t)alert->count), db_text(alert->pair),
		      db_integer(alert->tiers), db_wall(alert->until), db_wall(alert->confirms_at),
		      db_text(alert->recovery));
}

int journal_list_open_alerts(struct db *db, journal_open_alert_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT fingerprint, alert, open, level, levels, starts_at, last_event_at,"
			 "  count, pair, tiers, until, confirms_at, recovery FROM open_alerts");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		struct open_alert alert = {.open = db_get_integer(&rows, 2),
					   .level = (enum level)db_get_integer(&rows, 3),
					   .levels = (level_set)db_get_integer(&rows, 4),
					   .starts_at = db_get_wall(&rows, 5),
					   .last_event_at = db_get_wall(&rows, 6),
					   .count = (uint64_t)db_get_integer(&rows, 7),
					   .tiers = (level_set)db_get_integer(&rows, 9),
					   .until = db_get_wall(&rows, 10),
					   .confirms_at = db_get_wall(&rows, 11)};

		db_copy_text(&rows, 0, alert.fingerprint, sizeof(alert.fingerprint));
		db_copy_text(&rows, 1, alert.alert, sizeof(alert.alert));
		db_copy_text(&rows, 8, alert.pair, sizeof(alert.pair));
		db_copy_text(&rows, 12, alert.recovery, sizeof(alert.recovery));
		r = call(owner, &alert);
	}
	return r;
}

int journal_save_hold(struct db *db, const struct hold *hold)
{
	return db_run(db,
		      "INSERT OR REPLACE INTO holds (policy, kind, key, endpoint, level, note,"
		      "  since, until, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      db_text(hold->policy), db_integer(hold->kind), db_text(hold->key),
		      db_text(hold->endpoint), db_integer(hold->level), db_text(hold->note),
		      db_wall(hold->since), db_wall(hold->until), db_text(hold->source));
}

int journal_remove_hold(struct db *db, const struct hold *hold)
{
	return db_run(db, "DELETE FROM holds WHERE policy = ? AND kind = ? AND key = ?",
		      db_text(hold->policy), db_integer(hold->kind), db_text(hold->key));
}

int journal_list_holds(struct db *db, journal_hold_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT policy, kind, key, endpoint, level, note, since, until, source"
			 " FROM holds ORDER BY policy, since");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		struct hold hold = {.kind = (enum hold_kind)db_get_integer(&rows, 1),
				    .level = (enum level)db_get_integer(&rows, 4),
				    .since = db_get_wall(&rows, 6),
				    .until = db_get_wall(&rows, 7)};

		db_copy_text(&rows, 0, hold.policy, sizeof(hold.policy));
		db_copy_text(&rows, 2, hold.key, sizeof(hold.key));
		db_copy_text(&rows, 3, hold.endpoint, sizeof(hold.endpoint));
		db_copy_text(&rows, 5, hold.note, sizeof(hold.note));
		db_copy_text(&rows, 8, hold.source, sizeof(hold.source));
		r = call(owner, &hold);
	}
	return r;
}

int journal_save_run(struct db *db, const struct policy_run *run)
{
	return db_run(
		db,
		"INSERT OR REPLACE INTO runs (policy, state, capture, capture_from,"
		"  capture_began, linger_until, retry_at, veto, veto_until, reason, span_from,"
		"  span_captures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		db_text(run->policy), db_integer(run->state), db_text(run->capture),
		db_wall(run->capture_from), db_wall(run->capture_began), db_wall(run->linger_until),
		db_wall(run->retry_at), db_integer(run->veto), db_wall(run->veto_until),
		db_text(run->reason), db_wall(run->span_from), db_integer(run->span_captures));
}

int journal_remove_run(struct db *db, const char *policy)
{
	return db_run(db, "DELETE FROM runs WHERE policy = ?", db_text(policy));
}

int journal_list_runs(struct db *db, journal_run_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(
		db, &rows,
		"SELECT policy, state, capture, capture_from, capture_began,"
		"  linger_until, retry_at, veto, veto_until, reason, span_from, span_captures"
		" FROM runs");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		struct policy_run run = {.state = (enum policy_state)db_get_integer(&rows, 1),
					 .capture_from = db_get_wall(&rows, 3),
					 .capture_began = db_get_wall(&rows, 4),
					 .linger_until = db_get_wall(&rows, 5),
					 .retry_at = db_get_wall(&rows, 6),
					 .veto = db_get_integer(&rows, 7),
					 .veto_until = db_get_wall(&rows, 8),
					 .span_from = db_get_wall(&rows, 10),
					 .span_captures = (uint32_t)db_get_integer(&rows, 11)};

		db_copy_text(&rows, 0, run.policy, sizeof(run.policy));
		db_copy_text(&rows, 2, run.capture, sizeof(run.capture));
		db_copy_text(&rows, 9, run.reason, sizeof(run.reason));
		r = call(owner, &run);
	}
	return r;
}

/* --- notes --- */

int journal_add_note(struct db *db, wall_t at, const char *kind, const char *id, const char *alert,
		     const char *text)
{
	return db_run(db, "INSERT INTO notes (at, kind, id, alert, text) VALUES (?, ?, ?, ?, ?)",
		      db_wall(at), db_text(kind), db_text(id), db_text(alert), db_text(text));
}

int journal_remove_notes(struct db *db, const char *kind, const char *id)
{
	return db_run(db, "DELETE FROM notes WHERE kind = ? AND id = ?", db_text(kind),
		      db_text(id));
}

static json_t *format_note(const struct db_rows *rows)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "at", json_wall(db_get_wall(rows, 0)), "kind",
			 json_text(db_get_text(rows, 1)), "id", json_text(db_get_text(rows, 2)),
			 "alert", json_text(db_get_text(rows, 3)), "text",
			 json_text(db_get_text(rows, 4)));
}

#define NOTE_COLUMNS "SELECT at, kind, id, alert, text FROM notes "

int journal_list_notes(struct db *db, const char *kind, const char *id, const char *alert,
		       json_t **ret)
{
	CLEANUP_JSON json_t *list = json_array();
	CLEANUP_ROWS struct db_rows rows = {0};
	int r;

	if (id)
		r = db_query(db, &rows, NOTE_COLUMNS "WHERE kind = ? AND id = ? ORDER BY seq",
			     db_text(kind), db_text(id));
	else /* the second condition lets the partial index serve */
		r = db_query(db, &rows, NOTE_COLUMNS "WHERE alert = ? AND alert != '' ORDER BY seq",
			     db_text(alert));
	while (!r && (r = db_next(&rows)) == DB_ROW) {
		json_array_append_new(list, format_note(&rows));
		r = 0;
	}
	if (!r)
		*ret = take_ptr(list);
	return r;
}
