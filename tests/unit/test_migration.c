/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of older versions: each one kept in tests/data/store opens, with all its facts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/file.h"
#include "storage/catalogue.h"
#include "storage/db_internal.h"
#include "storage/journal.h"
#include "storage/outbox.h"
#include "storage/settings.h"
#include "tests/unit/scratch.h"

#define CAPTURES   3 /* what is in version_1.sql */
#define ALERTS	   3
#define PUSHES	   3
#define POLICIES   2
#define DUMP_BYTES (1 << 20)

static int64_t number_of(struct db *db, const char *sql)
{
	CLEANUP_ROWS struct db_rows rows = {0};

	check(!db_query(db, &rows, sql));
	check_int(db_next(&rows), DB_ROW);
	return db_get_integer(&rows, 0);
}

/* Makes the database of tests/data/store/<dump>. */
static void make(const char *path, const char *dump)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	char source[256];
	sqlite3 *sqlite;

	snprintf(source, sizeof(source), TEST_DATA "/store/%s", dump);
	check_int(file_read(AT_FDCWD, source, DUMP_BYTES, &text), 0);
	check(!sqlite3_open(path, &sqlite));
	check_int(sqlite3_exec(sqlite, text.data, NULL, NULL, NULL), SQLITE_OK);
	check(!sqlite3_close(sqlite));
}

static int count_setting(void *owner, const char *id, const char *json)
{
	check(*id && *json);
	++*(int *)owner;
	return 0;
}

static void check_facts(struct db *db)
{
	struct capture_row captures[CAPTURES + 1];
	struct catalogue_query query = {"", "", "", -1, CAPTURES + 1};
	char next[IDENT_SIZE];
	struct journal_query alerts = {.before = "", .source = "", .fingerprint = "", .limit = 200};
	struct segment_row *segments;
	struct outbox_counts counts;
	json_t *list;
	int n = 0;

	check_int(catalogue_list_captures(db, &query, captures), CAPTURES);
	check_text(captures[1].policy_name, "web");
	check_int(captures[1].state, CAPTURE_FINISHED);
	check_int(catalogue_list_segments(db, captures[1].id, &segments), 1);
	check(segments[0].sealed && segments[0].packets > 0);
	check_int(strlen(segments[0].sha256), 64);
	free(segments);
	check(!journal_list_alerts(db, &alerts, &list, next));
	check_int(json_array_size(list), ALERTS);
	json_decref(list);
	check(!outbox_count(db, &counts));
	check_int(counts.accepted, PUSHES);
	check_int(counts.delivered, PUSHES);
	check(!settings_list(db, "policy", count_setting, &n));
	check_int(n, POLICIES);
}

static void version_1_is_migrated_with_its_facts(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "version_1.db");
	struct db *db;

	make(path, "version_1.sql");
	for (int i = 0; i < 2; i++) {
		check_int(db_open(path, &db), 0);
		check_int(number_of(db, "PRAGMA user_version"), DB_SCHEMA_VERSION);
		check_facts(db);
		db_close(db);
	}
}

/* Also: a released schema text was not edited. */
static void migrated_and_new_are_the_same(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "old.db");
	CLEANUP_ROWS struct db_rows a = {0}, b = {0};
	static const char sql[] =
		"SELECT type, name, sql FROM sqlite_schema WHERE sql != '' ORDER BY type, name";
	struct db *old, *new;
	int r;

	make(path, "version_1.sql");
	check_int(db_open(path, &old), 0);
	check_int(db_open(scratch_path(scratch, "new.db"), &new), 0);
	check(!db_query(old, &a, sql) && !db_query(new, &b, sql));
	while ((r = db_next(&a)) == DB_ROW) {
		check_int(db_next(&b), DB_ROW);
		for (int column = 0; column < 3; column++)
			check_text(db_get_text(&a, column), db_get_text(&b, column));
	}
	check_int(r, 0);
	check_int(db_next(&b), 0);
	db_finish(&a);
	db_finish(&b);
	db_close(old);
	db_close(new);
}

/* --- steps of our own, beyond the program's --- */

static const char *const steps[][DB_MIGRATION_TEXTS] = {
	[DB_SCHEMA_VERSION] = {"CREATE TABLE one (a TEXT NOT NULL) STRICT;"
			       "INSERT INTO one SELECT id FROM settings;"},
	{"ALTER TABLE one ADD COLUMN b INTEGER NOT NULL DEFAULT 0; UPDATE one SET b = 2;",
	 "INSERT INTO one SELECT trouble(), 3;"},
	{"CREATE TABLE three (c TEXT NOT NULL) STRICT;"},
};
#define NEWEST (DB_SCHEMA_VERSION + 3)

static void cause_none(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	(void)values;
	sqlite3_result_text(context, "fine", -1, SQLITE_STATIC);
}

static void cause_failure(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	(void)values;
	sqlite3_result_error_code(context, SQLITE_FULL);
}

static void cause_death(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)context;
	(void)count;
	(void)values;
	raise(SIGKILL);
}

typedef void (*trouble_call)(sqlite3_context *context, int count, sqlite3_value **values);

static int migrate(struct db *db, trouble_call call)
{
	check(!sqlite3_create_function(db->sqlite, "trouble", 0, SQLITE_UTF8, NULL, call, NULL,
				       NULL));
	return db_migrate(db, steps, NEWEST);
}

/* The first step is done, of the second nothing, and the old facts are there. */
static void check_half_way(struct db *db)
{
	check_int(number_of(db, "PRAGMA user_version"), DB_SCHEMA_VERSION + 1);
	check_int(number_of(db, "SELECT count(*) FROM one"),
		  number_of(db, "SELECT count(*) FROM settings"));
	check_int(number_of(db, "SELECT count(*) FROM pragma_table_info('one')"), 1);
	check_facts(db);
}

static void failed_step_leaves_nothing(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "failed.db");
	struct db *db;

	make(path, "version_1.sql");
	check_int(db_open(path, &db), 0);
	check_int(migrate(db, cause_failure), -ENOSPC);
	check_half_way(db);
	check_int(migrate(db, cause_none), 0);
	check_int(number_of(db, "PRAGMA user_version"), NEWEST);
	check_int(number_of(db, "SELECT count(*) FROM one WHERE b = 3"), 1);
	check_facts(db);
	db_close(db);
	/* and this program does not touch what a newer one made */
	check_int(db_open(path, &db), -EPROTO);
}

static void killed_step_leaves_nothing(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "killed.db");
	struct db *db;
	int status;
	pid_t pid;

	make(path, "version_1.sql");
	check_int(db_open(path, &db), 0);
	db_close(db);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		check_int(db_open(path, &db), 0);
		migrate(db, cause_death);
		_exit(1);
	}
	check(waitpid(pid, &status, 0) == pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	/* what a kill left is looked at without db_open, which takes the file for a newer one */
	db = calloc(1, sizeof(*db));
	check(!sqlite3_open(path, &db->sqlite));
	check_half_way(db);
	check_int(migrate(db, cause_none), 0);
	check_int(number_of(db, "PRAGMA user_version"), NEWEST);
	check_facts(db);
	db_close(db);
}

int main(void)
{
	struct scratch scratch;

	scratch_init(&scratch);
	version_1_is_migrated_with_its_facts(&scratch);
	migrated_and_new_are_the_same(&scratch);
	failed_step_leaves_nothing(&scratch);
	killed_step_leaves_nothing(&scratch);
	scratch_fini(&scratch);
	return 0;
}
