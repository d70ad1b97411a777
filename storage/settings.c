/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/settings.h"

#include "storage/db_internal.h"

const char settings_schema[] =
	"CREATE TABLE settings ("
	"  kind TEXT NOT NULL," /* policy, endpoint, source, … */
	"  id   TEXT NOT NULL," /* UUIDv7: in order of age */
	"  json TEXT NOT NULL," /* as policy/settings.h formats it, with secrets */
	"  PRIMARY KEY (kind, id)"
	") STRICT, WITHOUT ROWID;";

int settings_save(struct db *db, const char *kind, const char *id, const char *json)
{
	return db_run(db,
		      "INSERT INTO settings (kind, id, json) VALUES (?, ?, ?)"
		      " ON CONFLICT DO UPDATE SET json = excluded.json",
		      db_text(kind), db_text(id), db_text(json));
}

int settings_remove(struct db *db, const char *kind, const char *id)
{
	return db_run(db, "DELETE FROM settings WHERE kind = ? AND id = ?", db_text(kind),
		      db_text(id));
}

int settings_list(struct db *db, const char *kind, settings_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "SELECT id, json FROM settings WHERE kind = ? ORDER BY id",
			 db_text(kind));

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = call(owner, db_get_text(&rows, 0), db_get_text(&rows, 1));
	return r;
}

/* --- salvage --- */

/* Whatever SQLite says about this file is no bug of ours and no reason to stop. */
static int read_damaged(struct db *db, sqlite3_stmt *statement, unsigned *ret)
{
	int code, r = 0;

	while (!r && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *text[3];

		for (int i = 0; i < 3; i++)
			text[i] = (const char *)sqlite3_column_text(statement, i);
		if (!text[0] || !text[1] || !text[2])
			continue;
		r = settings_save(db, text[0], text[1], text[2]);
		*ret += !r;
	}
	return r ? r : code == SQLITE_DONE ? 0 : SETTINGS_DAMAGED;
}

int settings_salvage(struct db *db, const char *path, unsigned *ret)
{
	sqlite3 *damaged = NULL;
	sqlite3_stmt *statement = NULL;
	int r = SETTINGS_DAMAGED;

	*ret = 0;
	if (sqlite3_open_v2(path, &damaged, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_exec(damaged,
			 "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
			 "PRAGMA cell_size_check = ON",
			 NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(damaged, "SELECT kind, id, json FROM settings", -1, &statement,
			       NULL) == SQLITE_OK)
		r = read_damaged(db, statement, ret);
	sqlite3_finalize(statement);
	sqlite3_close(damaged);
	return r;
}
