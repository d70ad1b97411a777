/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "capture/pcapng.h"
#include "storage/db_internal.h"
#include "storage/journal.h"
#include "storage/manifest.h"
#include "storage/settings.h"
#include "tests/unit/scratch.h"

#define CAPTURES 5

static const struct recover_calls no_calls;

struct rig {
	struct scratch scratch;
	int captures_fd;
};

static const char *database(const struct rig *rig)
{
	return scratch_path(&rig->scratch, "ringbell.db");
}

static void rig_init(struct rig *rig)
{
	scratch_init(&rig->scratch);
	check(!mkdir(scratch_path(&rig->scratch, "captures"), 0770));
	rig->captures_fd =
		open(scratch_path(&rig->scratch, "captures"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(rig->captures_fd >= 0);
}

static void rig_fini(struct rig *rig)
{
	close(rig->captures_fd);
	scratch_fini(&rig->scratch);
}

static void make_id(int n, char id[IDENT_SIZE])
{
	snprintf(id, IDENT_SIZE, "01940000-0000-7000-8000-00000000000%d", n);
}

/* A sealed segment with one packet. Returns its bytes. */
static uint64_t put_segment(int folder, const char *name)
{
	unsigned char data[4096];
	size_t n = pcapng_section_format(data, &(struct pcapng_section){.os = "test"});
	CLEANUP_CLOSE int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0640);

	n += pcapng_interface_format(data + n,
				     &(struct pcapng_interface){.link_type = 1, .name = "eth0"});
	n += pcapng_packet_format(data + n, &(struct pcapng_packet){.time_ns = 5 * (uint64_t)DUR_S,
								    .data = data,
								    .captured_bytes = 60,
								    .original_bytes = 60});
	n += pcapng_statistics_format(data + n,
				      &(struct pcapng_statistics){.time_ns = 6 * (uint64_t)DUR_S,
								  .received = PCAPNG_UNKNOWN,
								  .dropped = PCAPNG_UNKNOWN,
								  .os_dropped = PCAPNG_UNKNOWN,
								  .accepted = PCAPNG_UNKNOWN,
								  .delivered = PCAPNG_UNKNOWN});
	check(fd >= 0 && !file_write_all(fd, data, n));
	return n;
}

static void put_rows(struct rig *rig, struct db *db, int n, enum capture_state state)
{
	struct capture_row row = {.policy = "p",
				  .policy_name = "web, slow",
				  .alert = "a",
				  .filter = "tcp",
				  .slice = "headers+64",
				  .rings = "eth0",
				  .state = state,
				  .created_at = {n * DUR_S},
				  .finished_at = {(n + 9) * DUR_S},
				  .requested_from = {n * DUR_S},
				  .requested_until = {(n + 8) * DUR_S},
				  .trigger_at = {n * DUR_S},
				  .reach_from = {DUR_S},
				  .stop_reason = "recovered"};
	struct gap_row gap = {
		.nic = "eth0", .cause = "kernel", .packets = 7, .from = {DUR_S}, .to = {2 * DUR_S}};
	struct segment_row segment = {.ring = 2,
				      .number = 0,
				      .nic = "eth0",
				      .sealed = true,
				      .packets = 1,
				      .bytes = 60,
				      .first = {5 * DUR_S},
				      .last = {5 * DUR_S},
				      .loss = {.kernel = 7},
				      .sha256 = "abc"};
	struct segment_name name = {.time = {5 * DUR_S}, .policy = "web-slow", .nic = "eth0"};
	CLEANUP_CLOSE int folder = -1;

	make_id(n, row.id);
	snprintf(row.folder, sizeof(row.folder), "%s", row.id);
	snprintf(gap.capture, sizeof(gap.capture), "%s", row.id);
	snprintf(segment.capture, sizeof(segment.capture), "%s", row.id);
	segment_name_format(&name, segment.name);
	check(!mkdirat(rig->captures_fd, row.id, 0770));
	folder = openat(rig->captures_fd, row.id, O_RDONLY | O_DIRECTORY);
	segment.file_bytes = put_segment(folder, segment.name);
	check(!catalogue_save_capture(db, &row));
	check(!catalogue_save_segment(db, &segment));
	check(!catalogue_add_gap(db, &gap));
	check(!journal_add_note(db, (wall_t){n * DUR_S}, "capture", row.id, "a", "begins"));
	check(!manifest_save(db, rig->captures_fd, NULL, row.id));
}

/* Settings, and captures of which the last one runs. */
static void fill(struct rig *rig)
{
	struct db *db;

	check(!db_open(database(rig), &db));
	check(!settings_save(db, "policy", "1", "{\"name\": \"web\"}"));
	for (int n = 1; n <= CAPTURES; n++)
		put_rows(rig, db, n, n < CAPTURES ? CAPTURE_FINISHED : CAPTURE_RECORDING);
	db_close(db);
}

/* Everything the catalogue says, as one text. */
static char *tell(struct rig *rig)
{
	CLEANUP_JSON json_t *all = json_array();
	struct db *db;

	check(!db_open(database(rig), &db));
	for (int n = 1; n <= CAPTURES; n++) {
		CLEANUP_FREE struct segment_row *segments = NULL;
		CLEANUP_FREE struct gap_row *gaps = NULL;
		CLEANUP_JSON json_t *notes = NULL;
		struct capture_row row;
		char id[IDENT_SIZE];
		int s, g;

		make_id(n, id);
		if (catalogue_get_capture(db, id, &row))
			continue;
		s = catalogue_list_segments(db, id, &segments);
		g = catalogue_list_gaps(db, id, &gaps);
		check(s >= 0 && g >= 0);
		check(!journal_list_notes(db, "capture", id, "", &notes));
		json_array_append_new(
			all, manifest_format(&row, segments, (size_t)s, gaps, (size_t)g, notes));
	}
	db_close(db);
	return json_dumps(all, JSON_SORT_KEYS | JSON_INDENT(1));
}

static int setting_count(void *owner, const char *id, const char *json)
{
	int *count = owner;

	check(*id && *json);
	++*count;
	return 0;
}

static int settings(struct rig *rig)
{
	struct db *db;
	int count = 0;

	check(!db_open(database(rig), &db));
	check(!settings_list(db, "policy", setting_count, &count));
	db_close(db);
	return count;
}

static struct rebuild_report rebuild(struct rig *rig)
{
	struct rebuild_report report;
	struct error err;

	check_int(rebuild_run(rig->scratch.path, rig->captures_fd, &no_calls, &report, &err), 0);
	check_int(report.folder.quarantined + report.folder.skipped, 0);
	return report;
}

/* STO-12 */
static void deleted_database_is_rebuilt_equal(void)
{
	CLEANUP_FREE char *before = NULL, *after = NULL, *again = NULL;
	struct rebuild_report report;
	struct rig rig;
	struct db *db;

	rig_init(&rig);
	fill(&rig);
	/* the one that runs would be told as finished */
	check(!db_open(database(&rig), &db));
	check(!db_run(db, "UPDATE captures SET state = ?", db_integer(CAPTURE_FINISHED)));
	for (int n = 1; n <= CAPTURES; n++) {
		char id[IDENT_SIZE];

		make_id(n, id);
		check(!manifest_save(db, rig.captures_fd, NULL, id));
	}
	db_close(db);
	before = tell(&rig);
	check(!unlink(database(&rig)));
	report = rebuild(&rig);
	check(report.was_absent && !report.set_aside[0]);
	check_int(report.folder.captures, CAPTURES);
	check_int(report.folder.made_up + report.folder.ended + report.folder.missing, 0);
	after = tell(&rig);
	check_text(after, before);
	report = rebuild(&rig);
	check(!report.was_absent);
	check_int(report.folder.captures, CAPTURES);
	again = tell(&rig);
	check_text(again, before);
	rig_fini(&rig);
}

static void rest_of_the_database_stays(void)
{
	CLEANUP_FREE char *before = NULL, *after = NULL;
	struct rebuild_report report;
	struct rig rig;
	struct db *db;

	rig_init(&rig);
	fill(&rig);
	before = tell(&rig);
	check(!db_open(database(&rig), &db));
	check(!db_run(db, "UPDATE captures SET filter = 'wrong'  WHERE state = ?",
		      db_integer(CAPTURE_FINISHED)));
	check(!db_run(db,
		      "DELETE FROM gaps WHERE capture IN (SELECT id FROM captures"
		      " WHERE state = ?)",
		      db_integer(CAPTURE_FINISHED)));
	check(!db_run(db,
		      "INSERT INTO captures SELECT 'gone', policy, policy_name, alert, folder,"
		      " filter, slice, rings, state, created_at, finished_at, requested_from,"
		      " requested_until, trigger_at, reach_from, stop_reason, problem"
		      " FROM captures WHERE state = ? LIMIT 1",
		      db_integer(CAPTURE_FINISHED)));
	db_close(db);
	report = rebuild(&rig);
	check_int(report.folder.captures, CAPTURES - 1);
	check_int(report.running, 1);
	check_int(report.forgotten, 1);
	after = tell(&rig);
	check_text(after, before);
	check_int(settings(&rig), 1);
	rig_fini(&rig);
}

static int64_t root_page(struct rig *rig, const char *table)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	struct db *db;
	int64_t page;

	check(!db_open(database(rig), &db));
	check(!db_query(db, &rows, "SELECT rootpage FROM sqlite_schema WHERE name = ?",
			db_text(table)));
	check_int(db_next(&rows), DB_ROW);
	page = db_get_integer(&rows, 0);
	db_finish(&rows);
	db_close(db);
	return page;
}

static void damaged_database_is_set_aside(void)
{
	unsigned char garbage[4096];
	struct rebuild_report report;
	struct stat st;
	struct rig rig;
	int fd;

	rig_init(&rig);
	fill(&rig);
	memset(garbage, 0xa5, sizeof(garbage));
	fd = open(database(&rig), O_WRONLY);
	check(pwrite(fd, garbage, sizeof(garbage), (root_page(&rig, "segments") - 1) * 4096) ==
	      sizeof(garbage));
	close(fd);
	report = rebuild(&rig);
	check(report.set_aside[0] && !report.settings_damaged);
	check(!stat(scratch_path(&rig.scratch, report.set_aside), &st));
	check_int(report.folder.captures, CAPTURES);
	check_int(report.folder.ended, 1); /* nobody holds it any more */
	check_int(report.settings, 1);
	check_int(settings(&rig), 1);
	rig_fini(&rig);
}

static void file_that_is_no_database_is_set_aside(void)
{
	struct rebuild_report report;
	struct rig rig;
	int fd;

	rig_init(&rig);
	fill(&rig);
	fd = open(database(&rig), O_WRONLY | O_TRUNC);
	check(!file_write_all(
		fd, "no database, though it has bytes enough to seem to be one, or so", 64));
	close(fd);
	report = rebuild(&rig);
	check(report.set_aside[0] && report.settings_damaged);
	check_int(report.settings, 0);
	check_int(report.folder.captures, CAPTURES);
	rig_fini(&rig);
}

static void newer_database_is_refused(void)
{
	struct rebuild_report report;
	struct error err;
	struct rig rig;
	struct db *db;

	rig_init(&rig);
	check(!db_open(database(&rig), &db));
	check(!db_run(db, "PRAGMA user_version = 9999"));
	db_close(db);
	check_int(rebuild_run(rig.scratch.path, rig.captures_fd, &no_calls, &report, &err),
		  -EPROTO);
	check(strstr(err.text, "newer"));
	rig_fini(&rig);
}

int main(void)
{
	deleted_database_is_rebuilt_equal();
	rest_of_the_database_stays();
	damaged_database_is_set_aside();
	file_that_is_no_database_is_set_aside();
	newer_database_is_refused();
	return 0;
}
