/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/audit.h"

#include "base/json.h"
#include "storage/db_internal.h"
#include "storage/json_text.h"

const char audit_schema[] = "CREATE TABLE downloads ("
			    "  seq      INTEGER PRIMARY KEY,"
			    "  id       TEXT NOT NULL UNIQUE," /* UUIDv7 */
			    "  at       INTEGER NOT NULL,"
			    "  until    INTEGER NOT NULL," /* 0 = running */
			    "  who      TEXT NOT NULL,"
			    "  address  TEXT NOT NULL,"
			    "  request  TEXT NOT NULL,"
			    "  capture  TEXT NOT NULL," /* kept when the capture is gone */
			    "  status   INTEGER NOT NULL,"
			    "  bytes    INTEGER NOT NULL,"
			    "  hash     TEXT NOT NULL,"
			    "  outcome  TEXT NOT NULL"
			    ") STRICT;"
			    "CREATE INDEX downloads_capture ON downloads (capture, id);"
			    "CREATE INDEX downloads_running ON downloads (seq) WHERE until = 0;";

int audit_add(struct db *db, const struct audit_row *row)
{
	int r = db_run(db,
		       "INSERT INTO downloads (id, at, until, who, address, request, capture,"
		       "  status, bytes, hash, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       db_text(row->id), db_wall(row->at), db_wall(row->until), db_text(row->who),
		       db_text(row->address), db_text(row->request), db_text(row->capture),
		       db_integer(row->status), db_integer((int64_t)row->bytes), db_text(row->hash),
		       db_text(row->outcome));

	if (r < 0)
		return r;
	return db_run(db, "DELETE FROM downloads WHERE seq <= last_insert_rowid() - ?",
		      db_integer(AUDIT_KEPT));
}

int audit_end(struct db *db, const struct audit_row *row)
{
	return db_run(
		db, "UPDATE downloads SET until = ?, bytes = ?, hash = ?, outcome = ? WHERE id = ?",
		db_wall(row->until), db_integer((int64_t)row->bytes), db_text(row->hash),
		db_text(row->outcome), db_text(row->id));
}

int audit_close(struct db *db)
{
	return db_run(db, "UPDATE downloads SET until = at, outcome = ? WHERE until = 0",
		      db_text("restart"));
}

static json_t *format_row(const struct db_rows *rows)
{
	const char *capture = db_get_text(rows, 6), *hash = db_get_text(rows, 9);

	return json_pack(
		"{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:s}", "id",
		db_get_text(rows, 0), "at", json_wall(db_get_wall(rows, 1)), "until",
		json_wall(db_get_wall(rows, 2)), "who", db_get_text(rows, 3), "address",
		json_text(db_get_text(rows, 4)), "request", json_text(db_get_text(rows, 5)),
		"capture", *capture ? json_string(capture) : json_null(), "status",
		(json_int_t)db_get_integer(rows, 7), "bytes", (json_int_t)db_get_integer(rows, 8),
		"hash", *hash ? json_string(hash) : json_null(), "outcome", db_get_text(rows, 10));
}

int audit_list(struct db *db, const char *capture, const char *before, int limit, json_t **ret)
{
#define AUDIT_PAGE                                                                                 \
	"SELECT id, at, until, who, address, request, capture, status, bytes, hash, outcome"       \
	" FROM downloads WHERE "
#define AUDIT_NEWEST " (?2 = '' OR id < ?2) ORDER BY id DESC LIMIT ?3"
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_JSON json_t *list = json_array();
	const char *sql = *capture ? AUDIT_PAGE "capture = ?1 AND" AUDIT_NEWEST
				   : AUDIT_PAGE "?1 = '' AND" AUDIT_NEWEST;
	int r = db_query(db, &rows, sql, db_text(capture), db_text(before), db_integer(limit));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		json_array_append_new(list, format_row(&rows));
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = take_ptr(list);
	return 0;
}
