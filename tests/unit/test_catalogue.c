/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "storage/catalogue.h"
#include "storage/db_internal.h"
#include "tests/unit/scratch.h"

static struct capture_row capture(const char *id)
{
	struct capture_row row = {.policy = "policy-1",
				  .policy_name = "web",
				  .alert = "alert-1",
				  .filter = "tcp port 443",
				  .slice = "headers+64",
				  .rings = "eth0,eth1",
				  .state = CAPTURE_RECORDING,
				  .created_at = {1},
				  .finished_at = {2},
				  .requested_from = {3},
				  .requested_until = {4},
				  .trigger_at = {5},
				  .reach_from = {6},
				  .stop_reason = "released",
				  .problem = "disk_full: no space"};

	snprintf(row.id, sizeof(row.id), "%s", id);
	snprintf(row.folder, sizeof(row.folder), "%s", id);
	return row;
}

static struct segment_row segment(const char *id, uint32_t ring, uint32_t number)
{
	struct segment_row row = {.ring = ring,
				  .nic = "eth0",
				  .number = number,
				  .sealed = true,
				  .file_bytes = UINT64_MAX, /* hostile, but kept as told */
				  .packets = 2,
				  .bytes = 3,
				  .first = {4},
				  .last = {5},
				  .loss = {1, 2, 3, 4, 5, 6}};

	snprintf(row.capture, sizeof(row.capture), "%s", id);
	snprintf(row.name, sizeof(row.name), "segment-%u-%u", ring, number);
	return row;
}

static void capture_comes_back_and_keeps_its_segments(struct db *db)
{
	struct capture_row row = capture("c1"), got;
	struct segment_row part = segment("c1", 0, 0);
	CLEANUP_FREE struct segment_row *list = NULL;

	check_int(catalogue_get_capture(db, "c1", &got), CATALOGUE_ABSENT);
	check(!catalogue_save_capture(db, &row));
	check(!catalogue_save_segment(db, &part));
	check_int(catalogue_get_capture(db, "c1", &got), 0);
	check(!memcmp(&got, &row, sizeof(row)));
	row.state = CAPTURE_FINISHED;
	memset(row.problem, 0, sizeof(row.problem));
	check(!catalogue_save_capture(db, &row));
	check_int(catalogue_get_capture(db, "c1", &got), 0);
	check(!memcmp(&got, &row, sizeof(row)));
	check_int(catalogue_list_segments(db, "c1", &list), 1);
	check(!memcmp(&list[0], &part, sizeof(part)));
}

static const char *page(struct db *db, struct catalogue_query query)
{
	static char text[256];
	struct capture_row rows[16];
	size_t used = 0;
	int n;

	query.before = query.before ? query.before : "";
	query.policy = query.policy ? query.policy : "";
	query.alert = query.alert ? query.alert : "";
	n = catalogue_list_captures(db, &query, rows);
	check(n >= 0);
	text[0] = '\0';
	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ", rows[i].id);
	return text;
}

static void captures_are_listed_newest_first(struct db *db)
{
	struct capture_row row;

	for (int i = 2; i <= 5; i++) {
		char id[8];

		snprintf(id, sizeof(id), "c%d", i);
		row = capture(id);
		if (i == 3)
			snprintf(row.policy, sizeof(row.policy), "%s", "policy-2");
		if (i == 4)
			row.alert[0] = '\0';
		check(!catalogue_save_capture(db, &row));
	}
	check_text(page(db, (struct catalogue_query){.state = -1, .limit = 16}), "c5 c4 c3 c2 c1 ");
	check_text(page(db, (struct catalogue_query){.state = -1, .limit = 2}), "c5 c4 ");
	check_text(page(db, (struct catalogue_query){.state = -1, .limit = 2, .before = "c4"}),
		   "c3 c2 ");
	check_text(page(db, (struct catalogue_query){.state = CAPTURE_RECORDING, .limit = 16}),
		   "c5 c4 c3 c2 ");
	check_text(page(db, (struct catalogue_query){.state = CAPTURE_FINISHED, .limit = 16}),
		   "c1 ");
	check_text(
		page(db, (struct catalogue_query){.state = -1, .policy = "policy-2", .limit = 16}),
		"c3 ");
	check_text(page(db,
			(struct catalogue_query){
				.state = -1, .alert = "alert-1", .before = "c5", .limit = 16}),
		   "c3 c2 c1 ");
}

static void digest(struct db *db, const char *capture, const char *name, const char *sha256)
{
	struct segment_row row = {.index_bytes = 7};

	snprintf(row.capture, sizeof(row.capture), "%s", capture);
	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(row.sha256, sizeof(row.sha256), "%s", sha256);
	snprintf(row.index_sha256, sizeof(row.index_sha256), "i-%s", sha256);
	check(!catalogue_set_digest(db, &row));
}

static void digests_are_asked_for_once(struct db *db)
{
	struct segment_row row = segment("c2", 1, 7), got[8], *list;

	check(!catalogue_save_segment(db, &row));
	row = segment("c2", 1, 8);
	row.sealed = false;
	check(!catalogue_save_segment(db, &row));
	row = segment("c2", 1, 9);
	row.missing = true;
	check(!catalogue_save_segment(db, &row));
	check_int(catalogue_list_undigested(db, 8, got), 2); /* and c1's */
	check_int(catalogue_list_undigested(db, 1, got), 1);
	digest(db, "c1", "segment-0-0", "aa");
	check_int(catalogue_list_undigested(db, 8, got), 1);
	check_text(got[0].name, "segment-1-7");
	digest(db, "c2", "segment-1-7", "bb");
	check_int(catalogue_list_undigested(db, 8, got), 0);
	check(catalogue_list_segments(db, "c2", &list) > 0);
	check_text(list[0].index_sha256, "i-bb");
	check_int(list[0].index_bytes, 7);
	free(list);
}

static void segment_of_nobody_is_refused(struct db *db)
{
	struct segment_row row = segment("nobody", 0, 0);
	struct gap_row gap = {.capture = "nobody", .cause = "torn"};

	check_int(catalogue_save_segment(db, &row), -ENOENT);
	check_int(catalogue_add_gap(db, &gap), -ENOENT);
}

static void restart_gap_gets_its_end(struct db *db)
{
	struct gap_row open = {.capture = "c2",
			       .nic = "eth0",
			       .cause = "restart",
			       .at_most = true,
			       .unknown = true,
			       .from = {100}};
	struct gap_row torn = {.capture = "c2", .nic = "eth0", .cause = "torn", .packets = 9};
	struct gap_row closed = open;
	CLEANUP_FREE struct gap_row *list = NULL;

	check(!catalogue_add_gap(db, &torn));
	check(!catalogue_add_gap(db, &open));
	snprintf(open.nic, sizeof(open.nic), "%s", "eth1");
	check(!catalogue_add_gap(db, &open));
	check_int(catalogue_close_gap(db, "c2", "eth2", (wall_t){200}), CATALOGUE_ABSENT);
	check_int(catalogue_close_gap(db, "c2", "eth1", (wall_t){200}), 0);
	check_int(catalogue_close_gap(db, "c2", "eth1", (wall_t){300}), CATALOGUE_ABSENT);
	closed.to.ns = 400; /* told with its end: the same gap, not another one */
	check(!catalogue_add_gap(db, &closed));
	closed.to.ns = 500; /* the next one is another one */
	check(!catalogue_add_gap(db, &closed));
	check_int(catalogue_list_gaps(db, "c2", &list), 4);
	check_text(list[0].cause, "torn");
	check_int(list[0].packets, 9);
	check_int(list[1].from.ns, 100);
	check_int(list[1].to.ns, 400);
	check_int(list[2].to.ns, 200);
	check_int(list[3].to.ns, 500);
}

static void removing_takes_everything_along(struct db *db)
{
	struct segment_row *segments = NULL;
	struct gap_row *gaps = NULL;

	check(!catalogue_remove_capture(db, "c2"));
	check_int(catalogue_list_segments(db, "c2", &segments), 0);
	check_int(catalogue_list_gaps(db, "c2", &gaps), 0);
	check(!catalogue_remove_capture(db, "c2"));
	free(segments);
	free(gaps);
}

static void many_segments_are_listed_in_order(struct db *db)
{
	CLEANUP_FREE struct segment_row *list = NULL;

	check(!db_atomic_start(db));
	for (uint32_t i = 0; i < 100; i++) {
		struct segment_row row = segment("c3", i % 2, 99 - i);

		check(!catalogue_save_segment(db, &row));
	}
	check(!db_atomic_end(db, 0));
	check_int(catalogue_list_segments(db, "c3", &list), 100);
	for (int i = 1; i < 100; i++)
		check(list[i].ring > list[i - 1].ring ||
		      (list[i].ring == list[i - 1].ring && list[i].number > list[i - 1].number));
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	capture_comes_back_and_keeps_its_segments(db);
	captures_are_listed_newest_first(db);
	digests_are_asked_for_once(db);
	segment_of_nobody_is_refused(db);
	restart_gap_gets_its_end(db);
	removing_takes_everything_along(db);
	many_segments_are_listed_in_order(db);
	db_close(db);
	scratch_fini(&scratch);
	return 0;
}
