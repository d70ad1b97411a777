/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "storage/journal.h"
#include "storage/manifest.h"
#include "tests/unit/scratch.h"

#define ID   "01940000-0000-7000-8000-000000000001"
#define NAME "20261120T153000.123Z_web_eth0_000000.pcapng"

static struct capture_row row = {.id = ID,
				 .policy = "p",
				 .policy_name = "web \"quoted\"",
				 .alert = "a",
				 .folder = ID,
				 .filter = "tcp",
				 .slice = "whole",
				 .rings = "eth0,br_lan.100",
				 .state = CAPTURE_RECORDING,
				 .created_at = {1700000000 * DUR_S},
				 .requested_from = {1699999970 * DUR_S + 1},
				 .trigger_at = {1700000000 * DUR_S},
				 .reach_from = {1699999971 * DUR_S},
				 .problem = ""};
static const struct segment_row segment = {.capture = ID,
					   .ring = 2,
					   .nic = "eth0",
					   .number = 7,
					   .name = NAME,
					   .sealed = true,
					   .file_bytes = 1000,
					   .packets = 10,
					   .bytes = 900,
					   .first = {1699999972 * DUR_S},
					   .last = {1700000001 * DUR_S},
					   .loss = {.torn = 3},
					   .sha256 = "ab"};
static const struct gap_row gap = {.capture = ID,
				   .nic = "eth0",
				   .cause = "torn",
				   .at_most = true,
				   .packets = 3,
				   .from = {1700000000 * DUR_S}};

static const char *text_at(const json_t *object, const char *a, const char *b)
{
	return json_string_value(json_object_get(json_object_get(object, a), b));
}

static int captures_fd;
static struct signing_key key;

static int folder_fd(void)
{
	return openat(captures_fd, ID, O_RDONLY | O_DIRECTORY);
}

static void saved_manifest_tells_all(struct db *db)
{
	CLEANUP_CLOSE int folder = -1;
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *json = NULL;
	struct stat st;

	check_int(manifest_save(db, captures_fd, &key, ID), MANIFEST_ABSENT);
	check(!catalogue_save_capture(db, &row));
	check(!catalogue_save_segment(db, &segment));
	check(!catalogue_add_gap(db, &gap));
	check(!journal_add_note(db, (wall_t){DUR_S}, "capture", ID, "a", "begins"));
	check_int(manifest_save(db, captures_fd, &key, ID), MANIFEST_ABSENT); /* no folder */
	check(!mkdirat(captures_fd, ID, 0770));
	check_int(manifest_save(db, captures_fd, &key, ID), 0);
	folder = folder_fd();
	check(!fstatat(folder, "manifest.json", &st, 0));
	check_int(st.st_mode & 0777, 0640);
	check(!file_read(folder, "manifest.json", 1 << 20, &text));
	check(!json_parse(text.data, text.len, 1 << 20, &json, NULL));
	check_text(json_string_value(json_object_get(json, "policy_name")), "web \"quoted\"");
	check_text(json_string_value(json_object_get(json, "state")), "recording");
	check(json_is_null(json_object_get(json, "finished_at")));
	check_text(text_at(json, "coverage", "completeness"), "partial");
	check_text(text_at(json, "coverage", "code"), "torn");
	check_text(text_at(json, "coverage", "delivered_from"), "2023-11-14T22:12:52.000000000Z");
	check_int(json_array_size(json_object_get(json, "rings")), 2);
	check_int(json_array_size(json_object_get(json, "segments")), 1);
	check_int(json_array_size(json_object_get(json, "gaps")), 1);
	check_int(json_array_size(json_object_get(json, "timeline")), 1);
}

static void loading_gives_the_same_rows(void)
{
	CLEANUP_CLOSE int folder = folder_fd();
	struct manifest manifest;

	check_int(manifest_load(folder, ID, &manifest), 0);
	check(!memcmp(&manifest.capture, &row, sizeof(row)));
	check_int(manifest.segment_count, 1);
	check(!memcmp(&manifest.segments[0], &segment, sizeof(segment)));
	check_int(manifest.gap_count, 1);
	check(!memcmp(&manifest.gaps[0], &gap, sizeof(gap)));
	check_int(json_array_size(manifest.timeline), 1);
	manifest_fini(&manifest);
	check_int(manifest_load(folder, "01940000-0000-7000-8000-000000000002", &manifest),
		  MANIFEST_ABSENT);
}

static void put(int folder, const char *text, size_t len)
{
	check(!file_replace(folder, MANIFEST_NAME, 0640, text, len));
}

/* One word of a good manifest replaced by a bad one. */
static void damaged(int folder, const struct buf *good, const char *word, const char *bad)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	const char *at = strstr(good->data, word);
	struct manifest manifest;

	check(at);
	buf_append(&text, good->data, (size_t)(at - good->data));
	buf_append_text(&text, bad);
	buf_append_text(&text, at + strlen(word));
	put(folder, text.data, text.len);
	check_int(manifest_load(folder, ID, &manifest), MANIFEST_ABSENT);
	check(!manifest.segments && !manifest.gaps);
}

static void hostile_manifest_is_as_good_as_absent(void)
{
	CLEANUP_CLOSE int folder = folder_fd();
	CLEANUP_BUF struct buf good = BUF_INIT;
	struct manifest manifest;

	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &good));
	damaged(folder, &good, NAME, "../../etc/passwd");
	damaged(folder, &good, NAME, "." NAME);
	damaged(folder, &good, "\"number\": 7", "\"number\": -7");
	damaged(folder, &good, "\"number\": 7", "\"number\": 99999999999");
	damaged(folder, &good, "\"number\": 7", "\"number\": \"7\"");
	damaged(folder, &good, "\"nic\": \"eth0\"", "\"nic\": \"a-name-that-is-too-long\"");
	damaged(folder, &good, "\"folder\": \"" ID, "\"folder\": \"..");
	damaged(folder, &good, "\"recording\"", "\"dreaming\"");
	damaged(folder, &good, "\"created_at\": \"2023", "\"created_at\": \"once");
	damaged(folder, &good, "\"gaps\"", "\"Gaps\"");
	damaged(folder, &good, "\"manifest\": 1", "\"manifest\": 2");
	for (size_t len = 0; len < good.len; len += 37) { /* torn */
		put(folder, good.data, len);
		check_int(manifest_load(folder, ID, &manifest), MANIFEST_ABSENT);
	}
	check(!unlinkat(folder, MANIFEST_NAME, 0));
	check_int(manifest_load(folder, ID, &manifest), MANIFEST_ABSENT);
	check(!symlinkat("/etc/hostname", folder, MANIFEST_NAME));
	check_int(manifest_load(folder, ID, &manifest), MANIFEST_ABSENT);
}

/* The names of interfaces and the words of senders are bytes. */
static void bytes_become_text(void)
{
	struct segment_row odd = segment;
	CLEANUP_JSON json_t *json = NULL;
	const json_t *got;

	snprintf(odd.nic, sizeof(odd.nic), "%s", "a\xff\xc3\xa9\xe2\x82");
	odd.loss.kernel = UINT64_MAX;
	json = manifest_format(&row, &odd, 1, NULL, 0, NULL);
	got = json_array_get(json_object_get(json, "segments"), 0);
	check_text(json_string_value(json_object_get(got, "nic")),
		   "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
	check_int(json_integer_value(json_object_get(json_object_get(got, "loss"), "kernel")),
		  INT64_MAX);
	check(!json_object_get(json, "timeline"));
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	check(!mkdir(scratch_path(&scratch, "captures"), 0770));
	captures_fd = open(scratch_path(&scratch, "captures"), O_RDONLY | O_DIRECTORY);
	check(captures_fd >= 0);
	saved_manifest_tells_all(db);
	loading_gives_the_same_rows();
	hostile_manifest_is_as_good_as_absent();
	bytes_become_text();
	db_close(db);
	close(captures_fd);
	scratch_fini(&scratch);
	return 0;
}
