/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "storage/db_internal.h"
#include "storage/settings.h"
#include "tests/unit/scratch.h"

static int64_t number_of(struct db *db, const char *sql)
{
	CLEANUP_ROWS struct db_rows rows = {0};

	check(!db_query(db, &rows, sql));
	check_int(db_next(&rows), DB_ROW);
	return db_get_integer(&rows, 0);
}

static void check_word(struct db *db, const char *sql, const char *want)
{
	CLEANUP_ROWS struct db_rows rows = {0};

	check(!db_query(db, &rows, sql));
	check_int(db_next(&rows), DB_ROW);
	check_text(db_get_text(&rows, 0), want);
}

static struct db *opened(const char *path)
{
	struct db *db;

	check_int(db_open(path, &db), 0);
	return db;
}

static void new_file_is_durable_and_private(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "new.db");
	struct db *db = opened(path);
	struct stat st;

	check_word(db, "PRAGMA journal_mode", "wal");
	check_int(number_of(db, "PRAGMA synchronous"), 2);
	check_int(number_of(db, "PRAGMA foreign_keys"), 1);
	check_int(number_of(db, "PRAGMA user_version"), DB_SCHEMA_VERSION);
	check_int(number_of(db, "PRAGMA wal_autocheckpoint"), 0);
	check_int(number_of(db, "PRAGMA auto_vacuum"), 2);
	check_int(number_of(db,
			    "SELECT count(*) FROM pragma_table_list"
			    " WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict"),
		  0);
	check(!stat(path, &st));
	check_int(st.st_mode & 07777, 0600);
	check(!stat(scratch_path(scratch, "new.db-wal"), &st));
	check_int(st.st_mode & 07777, 0600);
	check(stat(scratch_path(scratch, "new.db-shm"), &st) && errno == ENOENT);
	db_close(db);
}

static void too_open_a_mode_is_corrected(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "open.db");
	struct stat st;

	db_close(opened(path));
	check(!chmod(path, 0666));
	db_close(opened(path));
	check(!stat(path, &st));
	check_int(st.st_mode & 07777, 0600);
}

static void rows_are_there_after_reopening(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "again.db");
	struct db *db = opened(path);

	check(!settings_save(db, "policy", "1", "{}"));
	db_close(db);
	db = opened(path);
	check_int(number_of(db, "SELECT count(*) FROM settings"), 1);
	db_close(db);
}

static void newer_schema_is_refused(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "newer.db");
	struct db *db = opened(path);

	check(!db_run(db, "PRAGMA user_version = 9999"));
	db_close(db);
	check_int(db_open(path, &db), -EPROTO);
	check_int(db_open(path, &db), -EPROTO); /* and nothing was changed by trying */
}

static void somebody_elses_file_is_refused(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "foreign.db");
	sqlite3 *sqlite;
	struct db *db;
	int fd;

	check(!sqlite3_open(path, &sqlite));
	check(!sqlite3_exec(sqlite, "CREATE TABLE outbox (a)", NULL, NULL, NULL));
	check(!sqlite3_close(sqlite));
	check_int(db_open(path, &db), -EUCLEAN);

	path = scratch_path(scratch, "text.db");
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	check(write(fd, "a file that is no database, but long enough to be one: .........", 64) ==
	      64);
	close(fd);
	check_int(db_open(path, &db), -EUCLEAN);

	check(!symlink("text.db", scratch_path(scratch, "link.db")));
	check_int(db_open(scratch_path(scratch, "link.db"), &db), -ELOOP);
	check_int(db_open(scratch_path(scratch, "no/such/folder.db"), &db), -ENOENT);
}

static void damage_is_told_at_start(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "damaged.db");
	unsigned char garbage[4096];
	struct stat st;
	struct db *db;
	int fd;

	db_close(opened(path));
	memset(garbage, 0xa5, sizeof(garbage));
	fd = open(path, O_WRONLY);
	check(!fstat(fd, &st) && st.st_size >= 5 * 4096);
	for (off_t at = 3 * 4096; at < st.st_size; at += 4096)
		check(pwrite(fd, garbage, sizeof(garbage), at) == sizeof(garbage));
	close(fd);
	check_int(db_open(path, &db), -EUCLEAN);
}

static void second_opener_is_refused(const struct scratch *scratch)
{
	const char *path = scratch_path(scratch, "mine.db");
	struct db *db = opened(path), *other;

	/* waits for its busy timeout of 2 s */
	check_int(db_open(path, &other), -EBUSY);
	check(!settings_save(db, "policy", "1", "{}"));
	db_close(db);
}

static void errors_are_errnos(const struct scratch *scratch)
{
	struct db *db = opened(scratch_path(scratch, "errors.db"));
	static const char note[] = "INSERT INTO notes (seq, at, kind, id, alert, text)"
				   " VALUES (1, 0, '', '', '', '')";

	check_int(db_run(db, note), 0);
	check_int(db_run(db, note), -EEXIST);
	check(strstr(db_message(db), "UNIQUE"));
	check_int(db_run(db, "INSERT INTO gaps VALUES (1, 'none', '', '', 0, 0, 0, 0, 0)"),
		  -ENOENT);
	check_int(db_run(db, "INSERT INTO notes VALUES (2, 0, '', '', '', NULL)"), -EINVAL);
	check_int(db_run(db, "INSERT INTO notes VALUES (2, 'soon', '', '', '', '')"), -EINVAL);
	db_close(db);
}

static void all_or_nothing_nests(const struct scratch *scratch)
{
	struct db *db = opened(scratch_path(scratch, "atomic.db"));

	check(!db_atomic_start(db));
	check(!settings_save(db, "kept", "1", "{}"));
	check(!db_atomic_start(db));
	check(!settings_save(db, "undone", "1", "{}"));
	check_int(db_atomic_end(db, -EINVAL), -EINVAL);
	check(!db_atomic_start(db));
	check(!settings_save(db, "kept", "2", "{}"));
	check_int(db_atomic_end(db, 7), 7);
	check_int(db_atomic_end(db, 0), 0);
	check_int(number_of(db, "SELECT count(*) FROM settings"), 2);
	check_int(number_of(db, "SELECT count(*) FROM settings WHERE kind = 'undone'"), 0);

	check(!db_atomic_start(db));
	check(!settings_save(db, "undone", "1", "{}"));
	check_int(db_atomic_end(db, -EIO), -EIO);
	check(sqlite3_get_autocommit(db->sqlite));
	check_int(number_of(db, "SELECT count(*) FROM settings"), 2);
	db_close(db);
}

static void texts_are_prepared_once(const struct scratch *scratch)
{
	struct db *db = opened(scratch_path(scratch, "cache.db"));
	size_t before;

	check(!settings_save(db, "policy", "1", "{}"));
	before = db->count;
	for (int i = 0; i < 100; i++)
		check(!settings_save(db, "policy", "1", "{}"));
	check_int(db->count, before);
	db_close(db);
}

static int fill(struct db *db)
{
	static char big[64 * 1024];

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 10000; i++) {
		char id[16];
		int r;

		snprintf(id, sizeof(id), "%d", i);
		r = settings_save(db, "big", id, big);
		if (r)
			return r;
	}
	return 0;
}

/* The same answer from SQLite's own limit as from a full disk, and the file stays good. */
static void full_file_is_enospc(const struct scratch *scratch)
{
	struct db *db = opened(scratch_path(scratch, "full.db"));

	check_int(number_of(db, "PRAGMA max_page_count = 300"), 300);
	check_int(fill(db), -ENOSPC);
	check(!settings_remove(db, "big", "0"));
	check(!settings_save(db, "policy", "1", "{}"));
	check_word(db, "PRAGMA integrity_check", "ok");
	db_close(db);
}

static void full_disk_is_enospc(const struct scratch *scratch)
{
	const char *disk = scratch_path(scratch, "disk");
	struct db *db;

	check(!mkdir(disk, 0700));
	if (mount("tmpfs", disk, "tmpfs", 0, "size=2m")) {
		fprintf(stderr, "full disk: skipped, mounting needs root\n");
		return;
	}
	db = opened(scratch_path(scratch, "disk/ringbell.db"));
	check(!settings_save(db, "policy", "1", "{}"));
	check_int(fill(db), -ENOSPC);
	check_int(number_of(db, "SELECT count(*) FROM settings WHERE kind = 'policy'"), 1);
	db_close(db);
	db = opened(scratch_path(scratch, "disk/ringbell.db"));
	check_word(db, "PRAGMA integrity_check", "ok");
	check_int(number_of(db, "SELECT count(*) FROM settings WHERE kind = 'policy'"), 1);
	db_close(db);
	check(!umount(disk));
}

int main(void)
{
	struct scratch scratch;

	scratch_init(&scratch);
	new_file_is_durable_and_private(&scratch);
	too_open_a_mode_is_corrected(&scratch);
	rows_are_there_after_reopening(&scratch);
	newer_schema_is_refused(&scratch);
	somebody_elses_file_is_refused(&scratch);
	damage_is_told_at_start(&scratch);
	second_opener_is_refused(&scratch);
	errors_are_errnos(&scratch);
	all_or_nothing_nests(&scratch);
	texts_are_prepared_once(&scratch);
	full_file_is_enospc(&scratch);
	full_disk_is_enospc(&scratch);
	scratch_fini(&scratch);
	return 0;
}
