/* SPDX-License-Identifier: Apache-2.0 */
/* Statements for the modules of storage/, and nobody else: bind, step, read columns.
 *
 * A statement is prepared once per SQL text and kept; a text is a literal of ours. Values are
 * borrowed until the statement is finished. Sequence of a query:
 *
 *   CLEANUP_ROWS struct db_rows rows = {0};
 *   int r = db_query(db, &rows, "SELECT …", db_text(id));
 *
 *   while (!r && (r = db_next(&rows)) == DB_ROW)
 *           r = take_row(&rows, …);
 *
 * The same query cannot be asked again before it is finished (nesting is a bug). */
#pragma once

#include <sqlite3.h>

#include "base/cleanup.h"
#include "storage/db.h"

#define DB_ROW 1 /* db_next: there is a row */

struct statement {
	const char *sql; /* where its text stood when it was prepared: only compared */
	sqlite3_stmt *prepared;
};

struct db {
	sqlite3 *sqlite;
	struct statement *statements;
	size_t count;
	int wal_pages; /* in the write-ahead log after the last commit */
	char message[200];
};

/* --- values --- */

struct db_value {
	enum { DB_VALUE_INTEGER, DB_VALUE_TEXT, DB_VALUE_BYTES } type;
	int64_t integer;
	const char *text;
	size_t size; /* BYTES only */
};

static inline struct db_value db_integer(int64_t integer)
{
	return (struct db_value){.type = DB_VALUE_INTEGER, .integer = integer};
}

static inline struct db_value db_wall(wall_t wall)
{
	return db_integer(wall.ns);
}

static inline struct db_value db_text(const char *text)
{
	return (struct db_value){.type = DB_VALUE_TEXT, .text = text};
}

static inline struct db_value db_bytes(const void *bytes, size_t size)
{
	return (struct db_value){.type = DB_VALUE_BYTES, .text = bytes, .size = size};
}

#define DB_VALUES(...)                                                                             \
	(const struct db_value[]){__VA_ARGS__},                                                    \
		sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

/* --- statements --- */

/* Runs a statement to its end; rows are dropped. 0 or -errno. */
#define db_run(db, sql, ...) db_run_values(db, sql, DB_VALUES(__VA_ARGS__))
int db_run_values(struct db *db, const char *sql, const struct db_value *values, size_t count);

/* A query being read. Zero, or from db_query until db_finish. */
struct db_rows {
	struct db *db;
	sqlite3_stmt *statement;
};

/* Binds, ready for db_next. 0 or -errno. */
#define db_query(db, rows, sql, ...) db_query_values(db, rows, sql, DB_VALUES(__VA_ARGS__))
int db_query_values(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_value *values, size_t count);
/* DB_ROW, 0 at the end, or -errno. */
int db_next(struct db_rows *rows);
/* Makes the statement free for its next use. */
void db_finish(struct db_rows *rows);
#define CLEANUP_ROWS CLEANUP(db_finish)

/* Rows that the last db_run changed. */
int db_changes(const struct db *db);

/* Columns of the present row. Text is copied, cut at size - 1. */
void db_copy_text(const struct db_rows *rows, int column, char *text, size_t size);
/* Borrowed until the next db_next. Never NULL. */
const char *db_get_text(const struct db_rows *rows, int column);
size_t db_get_size(const struct db_rows *rows, int column); /* of the text or bytes */
wall_t db_get_wall(const struct db_rows *rows, int column);
int64_t db_get_integer(const struct db_rows *rows, int column);

/* --- all or nothing --- */

/* A transaction, or a savepoint inside one. */
int db_atomic_start(struct db *db);
/* r < 0 undoes everything since the start. Returns r, or the failure of the commit. */
int db_atomic_end(struct db *db, int r);

/* What went wrong, as -errno. The only place that knows SQLite's codes. */
int db_error(struct db *db, int code);

/* Moves the log's pages into the database. Called by the writer between transactions only, so that
 * no write ever races a checkpoint. */
int db_checkpoint(struct db *db);

/* --- schema --- */

/* Steps the file forward from the version it has to `newest`; steps[i] leads from version i to i +
 * 1 and is all or nothing, its version included, under a kill or a power cut at any moment. Returns
 * 0, -EPROTO (the file is newer), -EUCLEAN (not ours) or -errno: then the steps before the failed
 * one are done. */
#define DB_MIGRATION_TEXTS 8
int db_migrate(struct db *db, const char *const steps[][DB_MIGRATION_TEXTS], int64_t newest);

/* --- each module's tables as of version 1; never changed, only followed by migrations ---
 */

extern const char settings_schema[];
extern const char journal_schema[];
extern const char outbox_schema[];
extern const char catalogue_schema[];
/* of version 2 */
extern const char retention_schema[];
/* later steps */
extern const char memory_migration[];
extern const char outbox_schema_queue[];
extern const char outbox_schema_lost[];
extern const char refusal_schema[];
extern const char catalogue_schema_index[];
extern const char audit_schema[];
