/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/db_internal.h"
#include "storage/settings.h"

#define DB_NAME	 "ringbell.db"
#define LOG_NAME DB_NAME "-wal"

static int fail(struct error *err, const char *what, int r)
{
	error_set(err, "environment", "", "%s: %s", what, strerrordesc_np(-r));
	return r;
}

/* --- a database that cannot be used --- */

/* Its write-ahead log goes first: a new database must never meet it. */
static int set_aside(int state, struct rebuild_report *report)
{
	char time[WALL_TEXT_SIZE], log[sizeof(report->set_aside) + 4];

	snprintf(report->set_aside, sizeof(report->set_aside), DB_NAME ".damaged-%s",
		 wall_format_compact(wall_now(), time));
	snprintf(log, sizeof(log), "%s-wal", report->set_aside);
	if (renameat2(state, LOG_NAME, state, log, RENAME_NOREPLACE) && errno != ENOENT)
		return -errno;
	if (renameat2(state, DB_NAME, state, report->set_aside, RENAME_NOREPLACE)) {
		int r = -errno;

		/* nor must the old one be read without it at the next start */
		renameat2(state, log, state, LOG_NAME, RENAME_NOREPLACE);
		return r;
	}
	return fsync(state) ? -errno : 0;
}

static int salvage(struct db *db, const char *folder, struct rebuild_report *report)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s", folder, report->set_aside);
	r = settings_salvage(db, path, &report->settings);
	report->settings_damaged = r == SETTINGS_DAMAGED;
	return r < 0 ? r : 0;
}

/* --- the catalogue --- */

static int get_count(struct db *db, const char *sql, unsigned *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, sql);

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : -EIO;
	*ret = (unsigned)db_get_integer(&rows, 0);
	return 0;
}

static int rebuild(struct db *db, int captures_fd, const struct recover_calls *calls,
		   struct rebuild_report *report)
{
	int r = db_run(db, "CREATE TEMP TABLE before AS SELECT id FROM captures");

	/* manifests tell of pins too, but of captures it has the database knows better, also
	 * that there is none */
	if (!r)
		r = db_run(db, "CREATE TEMP TABLE pinned AS SELECT * FROM pins");
	if (!r)
		r = db_run(db, "DELETE FROM captures WHERE state = ?",
			   db_integer(CAPTURE_FINISHED));
	if (!r)
		r = get_count(db, "SELECT count(*) FROM captures", &report->running);
	if (!r)
		r = recover_folder(db, captures_fd, calls, &report->folder);
	if (!r)
		r = db_run(db, "DELETE FROM pins WHERE capture IN (SELECT id FROM before)");
	if (!r)
		r = db_run(db, "INSERT OR REPLACE INTO pins SELECT * FROM pinned"
			       " WHERE capture IN (SELECT id FROM captures)");
	if (!r)
		r = get_count(db,
			      "SELECT count(*) FROM before"
			      " WHERE id NOT IN (SELECT id FROM captures)",
			      &report->forgotten);
	return r;
}

static int run_in(struct db *db, const char *folder, int captures_fd,
		  const struct recover_calls *calls, struct rebuild_report *report)
{
	int r = db_atomic_start(db);

	if (r)
		return r;
	if (report->set_aside[0])
		r = salvage(db, folder, report);
	if (!r)
		r = rebuild(db, captures_fd, calls, report);
	return db_atomic_end(db, r);
}

int rebuild_run(const char *state_folder, int captures_fd, const struct recover_calls *calls,
		struct rebuild_report *ret, struct error *err)
{
	CLEANUP_CLOSE int state = open(state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX];
	struct db *db = NULL;
	int r;

	*ret = (struct rebuild_report){0};
	if (state < 0)
		return fail(err, state_folder, -errno);
	snprintf(path, sizeof(path), "%s/" DB_NAME, state_folder);
	ret->was_absent = faccessat(state, DB_NAME, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
	r = db_open(path, &db);
	if (r == -EUCLEAN) {
		r = set_aside(state, ret);
		if (r)
			return fail(err, "setting the damaged " DB_NAME " aside", r);
		r = db_open(path, &db);
	}
	if (r == -EPROTO)
		error_set(err, "environment", "",
			  DB_NAME " is of a newer version of this program: nothing was changed");
	else if (r)
		fail(err, path, r);
	if (r)
		return r;
	r = run_in(db, state_folder, captures_fd, calls, ret);
	db_close(db);
	return r ? fail(err, "rebuilding the catalogue", r) : 0;
}
