/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tests/unit/scratch.h"

#define DAY (24 * DUR_HOUR)

static const wall_t now = {100 * DAY};

/* ---- the plan ---- */

static struct retention_item item(int days_old, uint64_t bytes)
{
	return (struct retention_item){.finished_at = wall_add(now, -days_old * DAY),
				       .bytes = bytes};
}

/* Reasons as letters: - stays, a age, s size, f free space. */
static const char *plan(const struct retention_item items[], size_t count,
			struct retention_limits limits, uint64_t all, uint64_t free_bytes,
			uint64_t wanting)
{
	static char text[16];
	struct retention_facts facts = {now, all, free_bytes};
	enum retention_reason reasons[16];

	check_int(retention_plan(items, count, &limits, &facts, reasons), wanting);
	for (size_t i = 0; i < count; i++)
		text[i] = "-asf?"[reasons[i]];
	text[count] = '\0';
	return text;
}

static void what_is_too_old_goes(void)
{
	struct retention_item items[] = {item(9, 10), item(8, 10), item(8, 10), item(1, 10)};
	struct retention_limits week = {.age = 7 * DAY}, none = {0};

	check_text(plan(items, 4, week, 40, 100, 0), "aaa-");
	check_text(plan(items, 4, none, 40, 100, 0), "----");
	items[0].locked = true;
	items[1].age = 30 * DAY; /* its policy's own */
	check_text(plan(items, 4, week, 40, 100, 0), "--a-");
	items[3].age = DUR_HOUR;
	check_text(plan(items, 4, none, 40, 100, 0), "---a");
}

static void the_oldest_go_until_it_fits(void)
{
	struct retention_item items[] = {item(4, 10), item(3, 10), item(2, 10), item(1, 10)};
	struct retention_limits size = {.max_bytes = 35}, space = {.keep_free_bytes = 25};

	check_text(plan(items, 4, size, 40, 100, 0), "s---");
	check_text(plan(items, 4, size, 60, 100, 0), "sss-");
	check_text(plan(items, 4, space, 40, 20, 0), "f---");
	check_text(plan(items, 4, space, 40, 4, 0), "fff-");
	items[0].locked = true;
	check_text(plan(items, 4, space, 40, 20, 0), "-f--");
}

static void what_age_frees_counts(void)
{
	struct retention_item items[] = {item(9, 10), item(3, 10), item(2, 10)};
	struct retention_limits limits = {.age = 7 * DAY, .max_bytes = 20, .keep_free_bytes = 30};

	check_text(plan(items, 3, limits, 30, 20, 0), "a--");
	check_text(plan(items, 3, limits, 30, 15, 0), "af-");
}

static void what_may_not_go_is_told(void)
{
	struct retention_item items[] = {item(4, 10), item(3, 10)};
	struct retention_limits limits = {.keep_free_bytes = 100};

	items[1].locked = true;
	check_text(plan(items, 2, limits, 20, 50, 40), "f-");
}

/* ---- the rows ---- */

static void add_capture(struct db *db, const char *id, enum capture_state state, int64_t finished)
{
	struct capture_row row = {.state = state, .finished_at = {finished}, .policy = "p"};
	struct segment_row part = {
		.sealed = true, .file_bytes = 90, .index_bytes = 10, .packets = 1};

	fill_text(row.id, id);
	fill_text(row.folder, id);
	fill_text(row.slice, "whole");
	fill_text(part.capture, id);
	fill_text(part.name, "x");
	check(!catalogue_save_capture(db, &row));
	check(!catalogue_save_segment(db, &part));
}

static void only_finished_captures_are_listed_oldest_first(struct db *db)
{
	CLEANUP_FREE struct retention_item *items = NULL;
	uint64_t bytes;

	add_capture(db, "b", CAPTURE_FINISHED, 20);
	add_capture(db, "a", CAPTURE_FINISHED, 30);
	add_capture(db, "c", CAPTURE_FINISHED, 10);
	add_capture(db, "d", CAPTURE_RECORDING, 0);
	check(!retention_pin(db, "b", (wall_t){50}, "court", (wall_t){40}));
	check_int(retention_list(db, (wall_t){45}, &items, &bytes), 3);
	check_int(bytes, 400);
	check_text(items[0].id, "c");
	check_text(items[1].id, "b");
	check(items[1].locked && !items[0].locked && !items[2].locked);
	check_int(items[2].bytes, 100);
	free(take_ptr(items));
	check_int(retention_list(db, (wall_t){51}, &items, &bytes), 3);
	check(!items[1].locked);
}

static void a_removal_is_promised_before_it_happens(struct db *db)
{
	CLEANUP_FREE struct retention_item *items = NULL;
	CLEANUP_FREE struct segment_row *segments = NULL;
	struct retention_state state;
	char capture[IDENT_SIZE] = "", folder[128];
	uint64_t bytes;

	check_int(retention_remove(db, "d", RETENTION_AGE, now), CATALOGUE_ABSENT);
	check_int(retention_remove(db, "c", RETENTION_SPACE, now), 0);
	check_int(catalogue_list_segments(db, "c", &segments), 1);
	check(segments[0].missing);
	check(!retention_next(db, capture, folder));
	check_text(capture, "c");
	check_int(retention_list(db, now, &items, &bytes), 2);
	check_int(bytes, 300);
	check(!retention_finish(db, "c"));
	capture[0] = '\0';
	check_int(retention_next(db, capture, folder), CATALOGUE_ABSENT);
	check(!retention_get(db, "c", now, &state));
	check_int(state.removed_at.ns, now.ns);
	check_int(state.reason, RETENTION_SPACE);
	check(!state.pinned);
}

static void a_pin_beats_a_plan(struct db *db)
{
	check(!retention_pin(db, "a", (wall_t){0}, "kept", now));
	check_int(retention_remove(db, "a", RETENTION_AGE, now), CATALOGUE_ABSENT);
	check(!retention_unpin(db, "a", now));
}

static void pins_come_and_go(struct db *db)
{
	struct retention_state state;

	check_int(retention_pin(db, "nobody", now, "", now), CATALOGUE_ABSENT);
	check(!retention_pin(db, "a", (wall_t){0}, "case 17", now));
	check(!retention_get(db, "a", now, &state));
	check(state.pinned && !state.pinned_until.ns && !state.removed_at.ns);
	check_text(state.pin_note, "case 17");
	check(!retention_unpin(db, "a", now));
	check(!retention_get(db, "a", now, &state));
	check(!state.pinned);
}

/* ---- the files ---- */

static void files_go_a_few_at_a_time(const struct scratch *scratch)
{
	CLEANUP_CLOSE int folder = open(scratch->path, O_RDONLY | O_DIRECTORY);
	CLEANUP_CLOSE int outside = open(scratch_path(scratch, "outside"), O_CREAT | O_RDWR, 0600);
	char name[300];

	check(folder >= 0 && outside >= 0);
	check(!mkdirat(folder, "c", 0700));
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "%s/c/%d", scratch->path, i);
		close(open(name, O_CREAT | O_RDWR, 0600));
	}
	snprintf(name, sizeof(name), "%s/c/link", scratch->path);
	check(!symlink("../outside", name));
	check_int(retention_delete_files(folder, "c", 4), RETENTION_MORE);
	check_int(retention_delete_files(folder, "c", 4), 0);
	check(faccessat(folder, "c", F_OK, 0) && errno == ENOENT);
	check(!faccessat(folder, "outside", F_OK, 0));
	check_int(retention_delete_files(folder, "c", 4), 0);
	/* what cannot go keeps nothing else */
	check(!mkdirat(folder, "c", 0700) && !mkdirat(folder, "c/sub", 0700));
	close(open(scratch_path(scratch, "c/x"), O_CREAT | O_RDWR, 0600));
	check(retention_delete_files(folder, "c", 8) < 0);
	check(faccessat(folder, "c/x", F_OK, 0) && errno == ENOENT);
	check(!symlink("outside", scratch_path(scratch, "l")));
	check(retention_delete_files(folder, "l", 4) < 0);
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	what_is_too_old_goes();
	the_oldest_go_until_it_fits();
	what_age_frees_counts();
	what_may_not_go_is_told();
	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "db"), &db));
	only_finished_captures_are_listed_oldest_first(db);
	a_removal_is_promised_before_it_happens(db);
	pins_come_and_go(db);
	a_pin_beats_a_plan(db);
	db_close(db);
	files_go_a_few_at_a_time(&scratch);
	scratch_fini(&scratch);
	return 0;
}
