/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/retention.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "storage/db_internal.h"
#include "storage/journal.h"

const char retention_schema[] =
	"CREATE TABLE pins ("
	"  capture TEXT PRIMARY KEY REFERENCES captures (id) ON DELETE CASCADE,"
	"  until   INTEGER NOT NULL," /* 0 = for ever */
	"  note    TEXT NOT NULL,"
	"  at      INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE removals ("
	"  capture TEXT PRIMARY KEY REFERENCES captures (id) ON DELETE CASCADE,"
	"  reason  TEXT NOT NULL," /* age, size, space, operator */
	"  at      INTEGER NOT NULL,"
	"  done    INTEGER NOT NULL" /* 1 = the files are gone */
	") STRICT;"
	"CREATE INDEX removals_undone ON removals (capture) WHERE done = 0;"
	"CREATE INDEX captures_finished ON captures (finished_at) WHERE state = 3;";

static const char *const names[] = {
	[RETENTION_STAYS] = "stays", [RETENTION_AGE] = "age",		[RETENTION_SIZE] = "size",
	[RETENTION_SPACE] = "space", [RETENTION_OPERATOR] = "operator",
};

const char *retention_reason_name(enum retention_reason reason)
{
	return names[reason];
}

static enum retention_reason reason_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], text))
			return (enum retention_reason)i;
	return RETENTION_OPERATOR;
}

/* ---- the plan ---- */

static bool is_too_old(const struct retention_item *item, const struct retention_limits *limits,
		       wall_t now)
{
	dur_t age = item->age ? item->age : limits->age;

	return age && wall_sub(now, item->finished_at) > age;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t retention_plan(const struct retention_item items[], size_t count,
			const struct retention_limits *limits, const struct retention_facts *facts,
			enum retention_reason ret[])
{
	uint64_t over = limits->max_bytes ? minus(facts->all_bytes, limits->max_bytes) : 0;
	uint64_t wanting = minus(limits->keep_free_bytes, facts->free_bytes);

	for (size_t i = 0; i < count; i++) {
		ret[i] = RETENTION_STAYS;
		if (items[i].locked || !is_too_old(&items[i], limits, facts->now))
			continue;
		ret[i] = RETENTION_AGE;
		over = minus(over, items[i].bytes);
		wanting = minus(wanting, items[i].bytes);
	}
	for (size_t i = 0; i < count && (over || wanting); i++) {
		if (items[i].locked || ret[i] != RETENTION_STAYS)
			continue;
		ret[i] = wanting ? RETENTION_SPACE : RETENTION_SIZE;
		over = minus(over, items[i].bytes);
		wanting = minus(wanting, items[i].bytes);
	}
	return over > wanting ? over : wanting;
}

/* ---- what there is ---- */

static int count_bytes(struct db *db, uint64_t *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT coalesce(sum(file_bytes + index_bytes), 0) FROM segments"
			 " WHERE missing = ?",
			 db_integer(0));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : -EIO;
	*ret = (uint64_t)db_get_integer(&rows, 0);
	return 0;
}

int retention_list(struct db *db, wall_t now, struct retention_item **ret, uint64_t *all_bytes)
{
	CLEANUP_FREE struct retention_item *items = NULL;
	CLEANUP_ROWS struct db_rows rows = {0};
	int n = 0, r = count_bytes(db, all_bytes);

	if (!r)
		r = db_query(db, &rows,
			     "SELECT c.id, c.policy, c.finished_at,"
			     "  (SELECT coalesce(sum(file_bytes + index_bytes), 0) FROM segments s"
			     "   WHERE s.capture = c.id AND s.missing = 0),"
			     "  EXISTS (SELECT 1 FROM pins p WHERE p.capture = c.id"
			     "          AND (p.until = 0 OR p.until > ?))"
			     " FROM captures c WHERE c.state = 3"
			     "  AND NOT EXISTS (SELECT 1 FROM removals r WHERE r.capture = c.id)"
			     " ORDER BY c.finished_at",
			     db_wall(now));
	while (!r && (r = db_next(&rows)) == DB_ROW) {
		struct retention_item *item;

		items = xreallocarray(items, (size_t)n + 1, sizeof(*items));
		item = &items[n++];
		*item = (struct retention_item){.finished_at = db_get_wall(&rows, 2),
						.bytes = (uint64_t)db_get_integer(&rows, 3),
						.locked = db_get_integer(&rows, 4) != 0};
		db_copy_text(&rows, 0, item->id, sizeof(item->id));
		db_copy_text(&rows, 1, item->policy, sizeof(item->policy));
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = take_ptr(items);
	return n;
}

/* ---- removing ---- */

static int mark_missing(struct db *db, const char *capture)
{
	return db_run(db, "UPDATE segments SET missing = 1 WHERE capture = ?", db_text(capture));
}

int retention_remove(struct db *db, const char *capture, enum retention_reason reason, wall_t now)
{
	char note[64];
	int r = db_run(db,
		       "INSERT INTO removals (capture, reason, at, done)"
		       " SELECT id, ?1, ?2, 0 FROM captures WHERE id = ?3 AND state = 3"
		       /* it may have been pinned since the plan was made */
		       "  AND NOT EXISTS (SELECT 1 FROM pins p WHERE p.capture = captures.id"
		       "                  AND (p.until = 0 OR p.until > ?2))"
		       " ON CONFLICT DO NOTHING",
		       db_text(names[reason]), db_wall(now), db_text(capture));

	if (r)
		return r;
	if (!db_changes(db))
		return CATALOGUE_ABSENT;
	snprintf(note, sizeof(note), "files removed: %s", names[reason]);
	r = journal_add_note(db, now, "capture", capture, "", note);
	return r ? r : mark_missing(db, capture);
}

int retention_next(struct db *db, char capture[IDENT_SIZE], char folder[128])
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT c.id, c.folder FROM removals r JOIN captures c ON c.id = r.capture"
			 " WHERE r.done = 0 AND r.capture > ? ORDER BY r.capture LIMIT 1",
			 db_text(capture));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r < 0 ? r : CATALOGUE_ABSENT;
	db_copy_text(&rows, 0, capture, IDENT_SIZE);
	db_copy_text(&rows, 1, folder, 128);
	return 0;
}

static void closedir_ptr(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int retention_delete_files(int captures_fd, const char *folder, int max)
{
	int fd = openat(captures_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(closedir_ptr) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0; /* the first failure: the others go all the same */

	if (!dir) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return error == ENOENT ? 0 : -error;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!max--)
			return r ? r : RETENTION_MORE;
		if (unlinkat(fd, entry->d_name, 0) && errno != ENOENT && !r)
			r = -errno;
	}
	return r ? r : unlinkat(captures_fd, folder, AT_REMOVEDIR) && errno != ENOENT ? -errno : 0;
}

int retention_finish(struct db *db, const char *capture)
{
	int r = db_run(db, "UPDATE removals SET done = 1 WHERE capture = ?", db_text(capture));

	/* recovery may have found the files in between */
	return r ? r : mark_missing(db, capture);
}

/* ---- pins ---- */

static int read_pin(struct db *db, const char *capture, wall_t now, struct retention_state *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(
		db, &rows,
		"SELECT until, note FROM pins WHERE capture = ? AND (until = 0 OR until > ?)",
		db_text(capture), db_wall(now));

	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r;
	ret->pinned = true;
	ret->pinned_until = db_get_wall(&rows, 0);
	db_copy_text(&rows, 1, ret->pin_note, sizeof(ret->pin_note));
	return 0;
}

int retention_get(struct db *db, const char *capture, wall_t now, struct retention_state *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r;

	*ret = (struct retention_state){0};
	r = read_pin(db, capture, now, ret);
	if (!r)
		r = db_query(db, &rows, "SELECT at, reason FROM removals WHERE capture = ?",
			     db_text(capture));
	if (!r)
		r = db_next(&rows);
	if (r != DB_ROW)
		return r;
	ret->removed_at = db_get_wall(&rows, 0);
	ret->reason = reason_parse(db_get_text(&rows, 1));
	return 0;
}

int retention_restore_pin(struct db *db, const char *capture, wall_t until, const char *note,
			  wall_t now)
{
	return db_run(db,
		      "INSERT INTO pins (capture, until, note, at)"
		      " SELECT id, ?, ?, ? FROM captures WHERE id = ?"
		      " ON CONFLICT DO UPDATE SET until = excluded.until, note = excluded.note,"
		      "  at = excluded.at",
		      db_wall(until), db_text(note), db_wall(now), db_text(capture));
}

int retention_pin(struct db *db, const char *capture, wall_t until, const char *note, wall_t now)
{
	char text[RETENTION_NOTE_MAX + 16];
	int r = retention_restore_pin(db, capture, until, note, now);

	if (r)
		return r;
	if (!db_changes(db))
		return CATALOGUE_ABSENT;
	snprintf(text, sizeof(text), "pinned: %s", note);
	return journal_add_note(db, now, "capture", capture, "", text);
}

int retention_unpin(struct db *db, const char *capture, wall_t now)
{
	int r = db_run(db, "DELETE FROM pins WHERE capture = ?", db_text(capture));

	if (r || !db_changes(db))
		return r;
	return journal_add_note(db, now, "capture", capture, "", "no longer pinned");
}
