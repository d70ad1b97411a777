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
