/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/memory.h"

#include "storage/db_internal.h"

/* Alerts that were open before are taken as known to those they were pushed to, so that their end
 * is told. */
const char memory_migration[] =
	"ALTER TABLE open_alerts ADD COLUMN pair        TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE open_alerts ADD COLUMN tiers       INTEGER NOT NULL DEFAULT 0;" /* level_set */
	"ALTER TABLE open_alerts ADD COLUMN until       INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE open_alerts ADD COLUMN confirms_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE open_alerts ADD COLUMN recovery    TEXT NOT NULL DEFAULT '';" /* alerts.id */
	"ALTER TABLE holds ADD COLUMN source TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE runs ADD COLUMN span_from     INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE runs ADD COLUMN span_captures INTEGER NOT NULL DEFAULT 0;"

	"CREATE TABLE push_memories ("
	"  pair      TEXT NOT NULL," /* hash of source, alert policy, object */
	"  endpoint  TEXT NOT NULL,"
	"  push      TEXT NOT NULL,"	/* outbox.id of the last */
	"  pushed_at INTEGER NOT NULL," /* 0 = it was given up */
	"  window_at INTEGER NOT NULL,"
	"  sends     INTEGER NOT NULL,"
	"  level     INTEGER NOT NULL," /* most severe in the cycle */
	"  recovered INTEGER NOT NULL," /* 1 = told of the end */
	"  PRIMARY KEY (pair, endpoint)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE told (" /* who knows that an alert is open */
	"  fingerprint TEXT NOT NULL,"
	"  endpoint    TEXT NOT NULL,"
	"  PRIMARY KEY (fingerprint, endpoint)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO told (fingerprint, endpoint)"
	"  SELECT DISTINCT b.fingerprint, b.endpoint FROM open_alerts AS o"
	"  JOIN outbox AS b ON b.fingerprint = o.fingerprint"
	"  WHERE o.open = 1 AND b.state IN ('pending', 'leased', 'delivered');";

int memory_save(struct db *db, const struct push_memory *memory)
{
	return db_run(db,
		      "INSERT OR REPLACE INTO push_memories (pair, endpoint, push, pushed_at,"
		      "  window_at, sends, level, recovered) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		      db_text(memory->pair), db_text(memory->endpoint), db_text(memory->push),
		      db_wall(memory->pushed_at), db_wall(memory->window_at),
		      db_integer(memory->sends), db_integer(memory->level),
		      db_integer(memory->recovered));
}

int memory_remove(struct db *db, const char *pair)
{
	return db_run(db, "DELETE FROM push_memories WHERE pair = ?", db_text(pair));
}

int memory_list(struct db *db, memory_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT pair, endpoint, push, pushed_at, window_at, sends, level,"
			 "  recovered FROM push_memories");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		struct push_memory memory = {.pushed_at = db_get_wall(&rows, 3),
					     .window_at = db_get_wall(&rows, 4),
					     .sends = (uint32_t)db_get_integer(&rows, 5),
					     .level = (enum level)db_get_integer(&rows, 6),
					     .recovered = db_get_integer(&rows, 7)};

		db_copy_text(&rows, 0, memory.pair, sizeof(memory.pair));
		db_copy_text(&rows, 1, memory.endpoint, sizeof(memory.endpoint));
		db_copy_text(&rows, 2, memory.push, sizeof(memory.push));
		r = call(owner, &memory);
	}
	return r;
}

int memory_add_told(struct db *db, const char *fingerprint, const char *endpoint)
{
	return db_run(db, "INSERT OR IGNORE INTO told (fingerprint, endpoint) VALUES (?, ?)",
		      db_text(fingerprint), db_text(endpoint));
}

int memory_remove_told(struct db *db, const char *fingerprint, const char *endpoint)
{
	return db_run(db, "DELETE FROM told WHERE fingerprint = ?1 AND ?2 IN ('', endpoint)",
		      db_text(fingerprint), db_text(endpoint));
}

int memory_list_told(struct db *db, memory_told_call call, void *owner)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "SELECT fingerprint, endpoint FROM told");

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = call(owner, db_get_text(&rows, 0), db_get_text(&rows, 1));
	return r;
}
