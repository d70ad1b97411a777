/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "storage/db_internal.h"

#define BUSY_TIMEOUT_MS	  2000
#define QUICK_CHECK_BYTES (64 << 20) /* larger files are not checked at start: 0.1 s per 64 MiB */

/* One step of the schema, from version i to i + 1, in one transaction. Forward only; a step that
 * was released is never edited. */
static const char *const migrations[DB_SCHEMA_VERSION][DB_MIGRATION_TEXTS] = {
	{settings_schema, journal_schema, outbox_schema, catalogue_schema},
	{retention_schema},
	{memory_migration},
	{outbox_schema_queue},
	{refusal_schema},
	{outbox_schema_lost},
	{catalogue_schema_index},
	{audit_schema},
};

/* WAL + FULL: a commit that returned survives a power cut (measured: NORMAL loses acknowledged
 * rows).
 *
 * EXCLUSIVE: the file belongs to this one connection. No shared-memory file is made, nobody else
 * can write or checkpoint (SQLite before 3.51.3 can corrupt the file when a write races another
 * connection's checkpoint), and a second daemon on the same folder is refused. The kernel drops the
 * lock with the process, so a killed one leaves nothing behind. */
static const char setup_lock[] = "PRAGMA locking_mode = EXCLUSIVE;";
static const char setup[] = "PRAGMA journal_mode = WAL;"
			    "PRAGMA synchronous = FULL;"
			    "PRAGMA foreign_keys = ON;"
			    "PRAGMA trusted_schema = OFF;"
			    "PRAGMA cell_size_check = ON;"
			    "PRAGMA temp_store = MEMORY;"
			    "PRAGMA wal_autocheckpoint = 0;"
			    "PRAGMA journal_size_limit = 67108864;";

/* Only where it has an effect: in an existing file it is a write, and a full disk must not keep us
 * from opening what is there. */
static const char setup_new[] = "PRAGMA auto_vacuum = INCREMENTAL;";

/* --- errors --- */

static int constraint_error(int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID:
		return -EEXIST;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return -ENOENT;
	default:
		return -EINVAL;
	}
}

int db_error(struct db *db, int code)
{
	snprintf(db->message, sizeof(db->message), "%s", sqlite3_errmsg(db->sqlite));
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_TOOBIG:
		return -EFBIG;
	case SQLITE_CONSTRAINT:
		return constraint_error(code);
	case SQLITE_IOERR: /* of the full kinds only ENOSPC is told as SQLITE_FULL */
		return sqlite3_system_errno(db->sqlite) == EDQUOT ? -EDQUOT : -EIO;
	case SQLITE_ERROR: /* bad SQL is found by the first test that runs it */
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
		bug_fatal(__FILE__, __LINE__, db->message);
	default:
		return -EIO;
	}
}

const char *db_message(const struct db *db)
{
	return db->message;
}

/* --- statements --- */

static int prepare(struct db *db, const char *sql, sqlite3_stmt **ret)
{
	int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	if (code != SQLITE_OK)
		return db_error(db, code);
	db->statements = xreallocarray(db->statements, db->count + 1, sizeof(db->statements[0]));
	db->statements[db->count++] = (struct statement){sql, *ret};
	return 0;
}

/* By the text's place, since most are literals, and then by the text itself. */
static sqlite3_stmt *find_statement(const struct db *db, const char *sql)
{
	for (size_t i = 0; i < db->count; i++)
		if (db->statements[i].sql == sql &&
		    !strcmp(sqlite3_sql(db->statements[i].prepared), sql))
			return db->statements[i].prepared;
	for (size_t i = 0; i < db->count; i++)
		if (!strcmp(sqlite3_sql(db->statements[i].prepared), sql))
			return db->statements[i].prepared;
	return NULL;
}

static int find_or_prepare(struct db *db, const char *sql, sqlite3_stmt **ret)
{
	*ret = find_statement(db, sql);
	bug_on(*ret && sqlite3_stmt_busy(*ret));
	return *ret ? 0 : prepare(db, sql, ret);
}

static int bind(sqlite3_stmt *statement, int at, const struct db_value *value)
{
	switch (value->type) {
	case DB_VALUE_INTEGER:
		return sqlite3_bind_int64(statement, at, value->integer);
	case DB_VALUE_TEXT:
		return sqlite3_bind_text(statement, at, value->text, -1, SQLITE_STATIC);
	case DB_VALUE_BYTES:
		return sqlite3_bind_blob64(statement, at, value->size ? value->text : "",
					   value->size, SQLITE_STATIC);
	}
	bug_on(1);
}

int db_query_values(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_value *values, size_t count)
{
	int r = find_or_prepare(db, sql, &rows->statement);

	if (r)
		return r;
	rows->db = db;
	bug_on((size_t)sqlite3_bind_parameter_count(rows->statement) != count);
	for (size_t i = 0; !r && i < count; i++)
		r = db_error(db, bind(rows->statement, (int)i + 1, &values[i]));
	return r;
}

int db_next(struct db_rows *rows)
{
	int code = sqlite3_step(rows->statement);

	return code == SQLITE_ROW ? DB_ROW : db_error(rows->db, code);
}

void db_finish(struct db_rows *rows)
{
	if (!rows->statement)
		return;
	sqlite3_reset(rows->statement); /* tells the last step's error again: known already */
	sqlite3_clear_bindings(rows->statement);
	rows->statement = NULL;
}

int db_run_values(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query_values(db, &rows, sql, values, count);

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = 0;
	return r;
}

int db_changes(const struct db *db)
{
	return sqlite3_changes(db->sqlite);
}

const char *db_get_text(const struct db_rows *rows, int column)
{
	const unsigned char *text = sqlite3_column_text(rows->statement, column);

	return text ? (const char *)text : "";
}

void db_copy_text(const struct db_rows *rows, int column, char *text, size_t size)
{
	snprintf(text, size, "%s", db_get_text(rows, column));
}

size_t db_get_size(const struct db_rows *rows, int column)
{
	return (size_t)sqlite3_column_bytes(rows->statement, column);
}

int64_t db_get_integer(const struct db_rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement, column);
}

wall_t db_get_wall(const struct db_rows *rows, int column)
{
	return (wall_t){db_get_integer(rows, column)};
}

/* --- all or nothing --- */

int db_atomic_start(struct db *db)
{
	return db_run(db, "SAVEPOINT atomic");
}

/* After some errors (full disk, I/O) SQLite has undone the whole transaction by itself. */
static bool is_open(const struct db *db)
{
	return !sqlite3_get_autocommit(db->sqlite);
}

int db_atomic_end(struct db *db, int r)
{
	int failed = r;

	if (!is_open(db))
		return r < 0 ? r : -EIO;
	if (r >= 0)
		failed = db_run(db, "RELEASE atomic");
	if (failed >= 0)
		return r;
	/* the outermost RELEASE is a commit: when it fails the savepoint is still there */
	if (is_open(db) && !db_run(db, "ROLLBACK TO atomic"))
		db_run(db, "RELEASE atomic");
	return failed;
}

int db_checkpoint(struct db *db)
{
	int code =
		sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (code == SQLITE_OK)
		db->wal_pages = 0;
	return db_error(db, code);
}

/* --- opening --- */

static int run_script(struct db *db, const char *script)
{
	return db_error(db, sqlite3_exec(db->sqlite, script, NULL, NULL, NULL));
}

static int get_number(struct db *db, const char *sql, int64_t *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, sql);

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : -EIO;
	*ret = db_get_integer(&rows, 0);
	return 0;
}

/* A file system that cannot do it makes SQLite stay with another mode, without an error. */
static int check_mode(struct db *db)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "PRAGMA journal_mode");

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : -EIO;
	return strcmp(db_get_text(&rows, 0), "wal") ? -ENOTSUP : 0;
}

static int migrate_step(struct db *db, const char *const texts[], int64_t version)
{
	char set_version[64];
	int r = db_atomic_start(db);

	if (r)
		return r;
	for (size_t i = 0; !r && i < DB_MIGRATION_TEXTS && texts[i]; i++)
		r = run_script(db, texts[i]);
	snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %" PRId64, version + 1);
	if (!r)
		r = run_script(db, set_version);
	return db_atomic_end(db, r);
}

/* Version 0 is an empty file, or somebody else's database. */
int db_migrate(struct db *db, const char *const steps[][DB_MIGRATION_TEXTS], int64_t newest)
{
	int64_t version, tables;
	int r = get_number(db, "PRAGMA user_version", &version);

	if (!r)
		r = get_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r)
		return r;
	if (version > newest)
		return -EPROTO;
	if (version < 0 || (version == 0) != (tables == 0))
		return -EUCLEAN;
	for (; !r && version < newest; version++)
		r = migrate_step(db, steps[version], version);
	return r;
}

/* Before anything is written: a newer program's file stays as it is. */
static int check_version(struct db *db)
{
	int64_t version;
	int r = get_number(db, "PRAGMA user_version", &version);

	return !r && version > DB_SCHEMA_VERSION ? -EPROTO : r;
}

/* A damaged file is told at start, not by the first alert that meets the damage. */
static int quick_check(struct db *db, off_t bytes)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r;

	if (bytes > QUICK_CHECK_BYTES)
		return 0;
	r = db_query(db, &rows, "PRAGMA quick_check(1)");
	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : -EIO;
	if (!strcmp(db_get_text(&rows, 0), "ok"))
		return 0;
	db_copy_text(&rows, 0, db->message, sizeof(db->message));
	return -EUCLEAN;
}

/* The file with its mode and its name on disk; SQLite gives its log the same mode. */
static int make_file(const char *path, off_t *ret_bytes)
{
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	CLEANUP_FREE char *copy = xstrdup(path);
	CLEANUP_CLOSE int folder = -1;
	struct stat st;

	if (fd < 0 || fchmod(fd, 0600) || fstat(fd, &st))
		return -errno;
	folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || fsync(folder))
		return -errno;
	*ret_bytes = st.st_size;
	return 0;
}

static int on_commit(void *owner, sqlite3 *sqlite, const char *name, int pages)
{
	struct db *db = owner;

	(void)sqlite;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static int connect_file(struct db *db, const char *path)
{
	int code = sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				   NULL);

	if (code == SQLITE_OK)
		code = sqlite3_extended_result_codes(db->sqlite, 1);
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	if (code == SQLITE_OK)
		code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return db_error(db, code);
}

int db_open(const char *path, struct db **ret)
{
	struct db *db;
	off_t bytes = 0;
	int r = make_file(path, &bytes);

	if (r)
		return r;
	db = xcalloc(1, sizeof(*db));
	r = connect_file(db, path);
	if (!r)
		r = run_script(db, setup_lock);
	if (!r)
		r = check_version(db);
	if (!r && bytes == 0)
		r = run_script(db, setup_new);
	if (!r)
		r = run_script(db, setup);
	if (!r)
		r = check_mode(db);
	if (!r)
		r = quick_check(db, bytes);
	if (!r)
		r = db_migrate(db, migrations, DB_SCHEMA_VERSION);
	if (r) {
		db_close(db);
		return r;
	}
	sqlite3_wal_hook(db->sqlite, on_commit, db);
	*ret = db;
	return 0;
}

struct db *db_close(struct db *db)
{
	if (!db)
		return NULL;
	for (size_t i = 0; i < db->count; i++)
		sqlite3_finalize(db->statements[i].prepared);
	free(db->statements);
	bug_on(sqlite3_close(db->sqlite) != SQLITE_OK);
	free(db);
	return NULL;
}
