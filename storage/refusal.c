/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/refusal.h"

#include "base/json.h"
#include "storage/db_internal.h"
#include "storage/json_text.h"

const char refusal_schema[] =
	"CREATE TABLE refusals ("
	"  id          TEXT PRIMARY KEY," /* UUIDv7: in the order of arrival */
	"  source      TEXT NOT NULL,"	  /* configured name */
	"  received_at INTEGER NOT NULL,"
	"  problem     TEXT NOT NULL,"	  /* "<code>: <field> <text>" */
	"  raw_bytes   INTEGER NOT NULL," /* as sent; raw may be shorter */
	"  raw         BLOB NOT NULL"	  /* the sender's bytes, cut at JOURNAL_RAW_MAX */
	") STRICT;"
	"CREATE INDEX refusals_source ON refusals (source, id);";

int refusal_add(struct db *db, const struct journal_delivery *delivery)
{
	size_t kept = delivery->raw_size < JOURNAL_RAW_MAX ? delivery->raw_size : JOURNAL_RAW_MAX;
	int r = db_run(db,
		       "INSERT INTO refusals (id, source, received_at, problem, raw_bytes, raw)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       db_text(delivery->id), db_text(delivery->source),
		       db_wall(delivery->received_at), db_text(delivery->problem),
		       db_integer((int64_t)delivery->raw_size), db_bytes(delivery->raw, kept));

	if (r < 0)
		return r;
	return db_run(db,
		      "DELETE FROM refusals WHERE source = ?1 AND id <= (SELECT id FROM refusals"
		      "  WHERE source = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
		      db_text(delivery->source), db_integer(REFUSALS_KEPT));
}

static json_t *format_row(const struct db_rows *rows)
{
	char at[WALL_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:s, s:o, s:I}", "id", db_get_text(rows, 0), "source",
			 db_get_text(rows, 1), "received_at", wall_format(db_get_wall(rows, 2), at),
			 "problem", json_text(db_get_text(rows, 3)), "bytes",
			 (json_int_t)db_get_integer(rows, 4));
}

int refusal_list(struct db *db, const char *source, const char *before, int limit, json_t **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_JSON json_t *list = json_array();
	int r = db_query(db, &rows,
			 "SELECT id, source, received_at, problem, raw_bytes FROM refusals"
			 " WHERE (?1 = '' OR source = ?1) AND (?2 = '' OR id < ?2)"
			 " ORDER BY id DESC LIMIT ?3",
			 db_text(source), db_text(before), db_integer(limit));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		json_array_append_new(list, format_row(&rows));
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = take_ptr(list);
	return 0;
}

int refusal_get(struct db *db, const char *id, json_t **ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT id, source, received_at, problem, raw_bytes, raw FROM refusals"
			 " WHERE id = ?",
			 db_text(id));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : JOURNAL_ABSENT;
	*ret = format_row(&rows);
	json_object_set_new(*ret, "raw",
			    json_text_sized(db_get_text(&rows, 5), db_get_size(&rows, 5)));
	return 0;
}
