/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "storage/db_internal.h"

const char catalogue_schema[] =
	"CREATE TABLE captures ("
	"  id              TEXT PRIMARY KEY," /* UUIDv7: in order of age */
	"  policy          TEXT NOT NULL,"    /* settings id; the policy may be gone */
	"  policy_name     TEXT NOT NULL,"    /* as it was called then */
	"  alert           TEXT NOT NULL,"    /* alerts.id that began it; "" = an operator */
	"  folder          TEXT NOT NULL,"    /* below the captures folder */
	"  filter          TEXT NOT NULL,"
	"  slice           TEXT NOT NULL,"    /* whole, headers, headers+N */
	"  rings           TEXT NOT NULL,"    /* interface names, comma-separated */
	"  state           INTEGER NOT NULL," /* enum capture_state, in order of declaration */
	"  created_at      INTEGER NOT NULL,"
	"  finished_at     INTEGER NOT NULL,"
	"  requested_from  INTEGER NOT NULL,"
	"  requested_until INTEGER NOT NULL," /* 0 while it runs */
	"  trigger_at      INTEGER NOT NULL,"
	"  reach_from      INTEGER NOT NULL," /* history went back to here; 0 = not known */
	"  stop_reason     TEXT NOT NULL,"    /* code: text; "" while it runs */
	"  problem         TEXT NOT NULL"     /* the first failure, code: text, or "" */
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX captures_policy ON captures (policy, id);"
	"CREATE INDEX captures_alert ON captures (alert, id) WHERE alert != '';"
	"CREATE INDEX captures_live ON captures (state, id);"

	"CREATE TABLE segments ("
	"  capture      TEXT NOT NULL REFERENCES captures (id) ON DELETE CASCADE,"
	"  ring         INTEGER NOT NULL," /* the recorder's index of the interface then */
	"  number       INTEGER NOT NULL," /* as in its name */
	"  nic          TEXT NOT NULL,"
	"  name         TEXT NOT NULL,"	   /* of the sealed file */
	"  sealed       INTEGER NOT NULL," /* 0 = the file is '.' + name, and grows */
	"  missing      INTEGER NOT NULL," /* 1 = the file is gone */
	"  file_bytes   INTEGER NOT NULL,"
	"  packets      INTEGER NOT NULL,"
	"  bytes        INTEGER NOT NULL," /* on the wire */
	"  first        INTEGER NOT NULL," /* oldest packet; 0 = no packet */
	"  last         INTEGER NOT NULL,"
	"  loss_kernel  INTEGER NOT NULL," /* packets, see struct capture_loss */
	"  loss_nic     INTEGER NOT NULL,"
	"  loss_cursor  INTEGER NOT NULL,"
	"  loss_torn    INTEGER NOT NULL,"
	"  loss_disk    INTEGER NOT NULL,"
	"  loss_restart INTEGER NOT NULL,"
	"  sha256       TEXT NOT NULL," /* of the whole file; "" until digested */
	"  PRIMARY KEY (capture, ring, number)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX segments_undigested ON segments (capture, ring, number)"
	"  WHERE sealed = 1 AND missing = 0 AND sha256 = '';"

	"CREATE TABLE gaps ("
	"  seq     INTEGER PRIMARY KEY,"
	"  capture TEXT NOT NULL REFERENCES captures (id) ON DELETE CASCADE,"
	"  nic     TEXT NOT NULL,"
	"  cause   TEXT NOT NULL,"    /* kernel, cursor, torn, restart, disk, nic_down */
	"  at_most INTEGER NOT NULL," /* 1 = a filter hides how many would have matched */
	"  unknown INTEGER NOT NULL," /* 1 = nobody can tell how many */
	"  packets INTEGER NOT NULL,"
	"  since   INTEGER NOT NULL," /* last packet before; 0 = not known */
	"  until   INTEGER NOT NULL"  /* first packet after; 0 = not known (yet) */
	") STRICT;"
	"CREATE INDEX gaps_capture ON gaps (capture, seq);";

const char catalogue_schema_index[] =
	"ALTER TABLE segments ADD COLUMN index_sha256 TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE segments ADD COLUMN index_bytes INTEGER NOT NULL DEFAULT 0;";

const char *capture_state_name(enum capture_state state)
{
	static const char *const names[] = {
		[CAPTURE_STARTING] = "starting",
		[CAPTURE_RECORDING] = "recording",
		[CAPTURE_STOPPING] = "stopping",
		[CAPTURE_FINISHED] = "finished",
	};

	bug_on((size_t)state >= ARRAY_SIZE(names));
	return names[state];
}

/* --- captures --- */

/* Not INSERT OR REPLACE: that deletes the old row, and its segments with it. */
int catalogue_save_capture(struct db *db, const struct capture_row *row)
{
	return db_run(
		db,
		"INSERT INTO captures (id, policy, policy_name, alert, folder, filter, slice, "
		"rings,"
		"  state, created_at, finished_at, requested_from, requested_until, trigger_at,"
		"  reach_from, stop_reason, problem)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT DO UPDATE SET policy = excluded.policy,"
		"  policy_name = excluded.policy_name, alert = excluded.alert,"
		"  folder = excluded.folder, filter = excluded.filter, slice = excluded.slice,"
		"  rings = excluded.rings, state = excluded.state,"
		"  created_at = excluded.created_at, finished_at = excluded.finished_at,"
		"  requested_from = excluded.requested_from,"
		"  requested_until = excluded.requested_until, trigger_at = excluded.trigger_at,"
		"  reach_from = excluded.reach_from, stop_reason = excluded.stop_reason,"
		"  problem = excluded.problem",
		db_text(row->id), db_text(row->policy), db_text(row->policy_name),
		db_text(row->alert), db_text(row->folder), db_text(row->filter),
		db_text(row->slice), db_text(row->rings), db_integer(row->state),
		db_wall(row->created_at), db_wall(row->finished_at), db_wall(row->requested_from),
		db_wall(row->requested_until), db_wall(row->trigger_at), db_wall(row->reach_from),
		db_text(row->stop_reason), db_text(row->problem));
}

#define CAPTURE_COLUMNS                                                                            \
	"SELECT id, policy, policy_name, alert, folder, filter, slice, rings, state, created_at,"  \
	"  finished_at, requested_from, requested_until, trigger_at, reach_from, stop_reason,"     \
	"  problem FROM captures "

static int take_capture(const struct db_rows *rows, struct capture_row *ret)
{
	int64_t state = db_get_integer(rows, 8);

	if (state < CAPTURE_STARTING || state > CAPTURE_FINISHED)
		return -EUCLEAN;
	*ret = (struct capture_row){.state = (enum capture_state)state,
				    .created_at = db_get_wall(rows, 9),
				    .finished_at = db_get_wall(rows, 10),
				    .requested_from = db_get_wall(rows, 11),
				    .requested_until = db_get_wall(rows, 12),
				    .trigger_at = db_get_wall(rows, 13),
				    .reach_from = db_get_wall(rows, 14)};
	db_copy_text(rows, 0, ret->id, sizeof(ret->id));
	db_copy_text(rows, 1, ret->policy, sizeof(ret->policy));
	db_copy_text(rows, 2, ret->policy_name, sizeof(ret->policy_name));
	db_copy_text(rows, 3, ret->alert, sizeof(ret->alert));
	db_copy_text(rows, 4, ret->folder, sizeof(ret->folder));
	db_copy_text(rows, 5, ret->filter, sizeof(ret->filter));
	db_copy_text(rows, 6, ret->slice, sizeof(ret->slice));
	db_copy_text(rows, 7, ret->rings, sizeof(ret->rings));
	db_copy_text(rows, 15, ret->stop_reason, sizeof(ret->stop_reason));
	db_copy_text(rows, 16, ret->problem, sizeof(ret->problem));
	return 0;
}

int catalogue_get_capture(struct db *db, const char *id, struct capture_row *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, CAPTURE_COLUMNS "WHERE id = ?", db_text(id));

	if (!r)
		r = db_next(&rows);
	if (r == DB_ROW)
		return take_capture(&rows, ret);
	return r < 0 ? r : CATALOGUE_ABSENT;
}

int catalogue_remove_capture(struct db *db, const char *id)
{
	return db_run(db, "DELETE FROM captures WHERE id = ?", db_text(id));
}

/* One text per kind of question, so that each finds its index. */
static int query_captures(struct db *db, struct db_rows *rows, const struct catalogue_query *query)
{
#define CAPTURE_PAGE                                                                               \
	"(?1 = '' OR id < ?1) AND (?2 = '' OR policy = ?2) AND (?3 = '' OR alert = ?3)"            \
	" AND (?4 < 0 OR state = ?4) ORDER BY id DESC LIMIT ?5"
	const char *sql = CAPTURE_COLUMNS "WHERE " CAPTURE_PAGE;

	if (query->alert[0])
		sql = CAPTURE_COLUMNS "WHERE alert = ?3 AND alert != '' AND " CAPTURE_PAGE;
	else if (query->state >= 0 && query->state != CAPTURE_FINISHED)
		sql = CAPTURE_COLUMNS "WHERE state = ?4 AND " CAPTURE_PAGE;
	else if (query->policy[0])
		sql = CAPTURE_COLUMNS "WHERE policy = ?2 AND " CAPTURE_PAGE;
	return db_query(db, rows, sql, db_text(query->before), db_text(query->policy),
			db_text(query->alert), db_integer(query->state), db_integer(query->limit));
}

int catalogue_list_captures(struct db *db, const struct catalogue_query *query,
			    struct capture_row ret[])
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int n = 0, r = query_captures(db, &rows, query);

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = take_capture(&rows, &ret[n++]);
	return r ? r : n;
}

/* --- segments --- */

int catalogue_save_segment(struct db *db, const struct segment_row *row)
{
	return db_run(
		db,
		"INSERT OR REPLACE INTO segments (capture, ring, number, nic, name, sealed, "
		"missing,"
		"  file_bytes, packets, bytes, first, last, loss_kernel, loss_nic, loss_cursor,"
		"  loss_torn, loss_disk, loss_restart, sha256, index_sha256, index_bytes)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		db_text(row->capture), db_integer(row->ring), db_integer(row->number),
		db_text(row->nic), db_text(row->name), db_integer(row->sealed),
		db_integer(row->missing), db_integer((int64_t)row->file_bytes),
		db_integer((int64_t)row->packets), db_integer((int64_t)row->bytes),
		db_wall(row->first), db_wall(row->last), db_integer((int64_t)row->loss.kernel),
		db_integer((int64_t)row->loss.nic), db_integer((int64_t)row->loss.cursor),
		db_integer((int64_t)row->loss.torn), db_integer((int64_t)row->loss.disk),
		db_integer((int64_t)row->loss.restart), db_text(row->sha256),
		db_text(row->index_sha256), db_integer((int64_t)row->index_bytes));
}

#define SEGMENT_COLUMNS                                                                            \
	"SELECT capture, ring, number, nic, name, sealed, missing, file_bytes, packets, bytes,"    \
	"  first, last, loss_kernel, loss_nic, loss_cursor, loss_torn, loss_disk, loss_restart,"   \
	"  sha256, index_sha256, index_bytes FROM segments "

static uint64_t get_count(const struct db_rows *rows, int column)
{
	return (uint64_t)db_get_integer(rows, column);
}

static void take_segment(const struct db_rows *rows, struct segment_row *ret)
{
	*ret = (struct segment_row){.ring = (uint32_t)db_get_integer(rows, 1),
				    .number = (uint32_t)db_get_integer(rows, 2),
				    .sealed = db_get_integer(rows, 5),
				    .missing = db_get_integer(rows, 6),
				    .file_bytes = get_count(rows, 7),
				    .packets = get_count(rows, 8),
				    .bytes = get_count(rows, 9),
				    .first = db_get_wall(rows, 10),
				    .last = db_get_wall(rows, 11),
				    .index_bytes = get_count(rows, 20)};
	ret->loss = (struct capture_loss){.kernel = get_count(rows, 12),
					  .nic = get_count(rows, 13),
					  .cursor = get_count(rows, 14),
					  .torn = get_count(rows, 15),
					  .disk = get_count(rows, 16),
					  .restart = get_count(rows, 17)};
	db_copy_text(rows, 0, ret->capture, sizeof(ret->capture));
	db_copy_text(rows, 3, ret->nic, sizeof(ret->nic));
	db_copy_text(rows, 4, ret->name, sizeof(ret->name));
	db_copy_text(rows, 18, ret->sha256, sizeof(ret->sha256));
	db_copy_text(rows, 19, ret->index_sha256, sizeof(ret->index_sha256));
}

int catalogue_list_segments(struct db *db, const char *capture, struct segment_row **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_FREE struct segment_row *list = NULL;
	int n = 0, room = 0;
	int r = db_query(db, &rows, SEGMENT_COLUMNS "WHERE capture = ? ORDER BY ring, number",
			 db_text(capture));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		if (n == room) {
			room = room ? 2 * room : 16;
			list = xreallocarray(list, (size_t)room, sizeof(*list));
		}
		take_segment(&rows, &list[n++]);
		r = 0;
	}
	if (r)
		return r;
	*ret = take_ptr(list);
	return n;
}

int catalogue_remove_segment(struct db *db, const struct segment_row *row)
{
	return db_run(db, "DELETE FROM segments WHERE capture = ? AND ring = ? AND number = ?",
		      db_text(row->capture), db_integer(row->ring), db_integer(row->number));
}

int catalogue_set_digest(struct db *db, const struct segment_row *row)
{
	return db_run(db,
		      "UPDATE segments SET sha256 = ?, index_sha256 = ?, index_bytes = ?"
		      " WHERE capture = ? AND name = ?",
		      db_text(row->sha256), db_text(row->index_sha256),
		      db_integer((int64_t)row->index_bytes), db_text(row->capture),
		      db_text(row->name));
}

int catalogue_is_digested(struct db *db, const char *capture)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT 1 FROM segments WHERE capture = ? AND missing = 0"
			 " AND (sealed = 0 OR sha256 = '') LIMIT 1",
			 db_text(capture));

	if (!r)
		r = db_next(&rows);
	return r < 0 ? r : r != DB_ROW;
}

int catalogue_list_undigested(struct db *db, int max, struct segment_row ret[])
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int n = 0;
	int r = db_query(db, &rows,
			 SEGMENT_COLUMNS "WHERE sealed = 1 AND missing = 0 AND sha256 = ''"
					 " ORDER BY capture, ring, number LIMIT ?",
			 db_integer(max));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		take_segment(&rows, &ret[n++]);
		r = 0;
	}
	return r ? r : n;
}

/* --- gaps --- */

int catalogue_close_gap(struct db *db, const char *capture, const char *nic, wall_t to)
{
	int r = db_run(db,
		       "UPDATE gaps SET until = ? WHERE capture = ? AND nic = ?"
		       "  AND cause = 'restart' AND unknown = 1 AND until = 0",
		       db_wall(to), db_text(capture), db_text(nic));

	if (r)
		return r;
	return db_changes(db) ? 0 : CATALOGUE_ABSENT;
}

int catalogue_add_gap(struct db *db, const struct gap_row *row)
{
	int r = CATALOGUE_ABSENT;

	if (row->unknown && wall_known(row->to) && !strcmp(row->cause, "restart"))
		r = catalogue_close_gap(db, row->capture, row->nic, row->to);
	if (r != CATALOGUE_ABSENT)
		return r;
	return db_run(db,
		      "INSERT INTO gaps (capture, nic, cause, at_most, unknown, packets, since,"
		      "  until) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		      db_text(row->capture), db_text(row->nic), db_text(row->cause),
		      db_integer(row->at_most), db_integer(row->unknown),
		      db_integer((int64_t)row->packets), db_wall(row->from), db_wall(row->to));
}

static void take_gap(const struct db_rows *rows, struct gap_row *ret)
{
	*ret = (struct gap_row){.at_most = db_get_integer(rows, 3),
				.unknown = db_get_integer(rows, 4),
				.packets = get_count(rows, 5),
				.from = db_get_wall(rows, 6),
				.to = db_get_wall(rows, 7)};
	db_copy_text(rows, 0, ret->capture, sizeof(ret->capture));
	db_copy_text(rows, 1, ret->nic, sizeof(ret->nic));
	db_copy_text(rows, 2, ret->cause, sizeof(ret->cause));
}

int catalogue_list_gaps(struct db *db, const char *capture, struct gap_row **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_FREE struct gap_row *list = NULL;
	int n = 0;
	int r = db_query(db, &rows,
			 "SELECT capture, nic, cause, at_most, unknown, packets, since, until"
			 " FROM gaps WHERE capture = ? ORDER BY seq",
			 db_text(capture));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		list = xreallocarray(list, (size_t)n + 1, sizeof(*list));
		take_gap(&rows, &list[n++]);
		r = 0;
	}
	if (r)
		return r;
	*ret = take_ptr(list);
	return n;
}
