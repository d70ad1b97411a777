/* SPDX-License-Identifier: Apache-2.0 */
/* Folders as the daemon leaves them, written by its own code, and what is done to them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/evidence.h"
#include "storage/manifest.h"
#include "tests/unit/scratch.h"

#define ID	 "01940000-0000-7000-8000-000000000001"
#define OTHER	 "01940000-0000-7000-8000-000000000002"
#define SEGMENTS 3
#define BYTES	 5000

static struct scratch scratch;
static struct signing_key key;
static struct db *db;
static int captures, folder;

static const char *name_of(unsigned i)
{
	static char names[SEGMENTS][SEGMENT_NAME_SIZE];

	snprintf(names[i], SEGMENT_NAME_SIZE, "20261120T153000.123Z_web_eth0_%06u.pcapng", i);
	return names[i];
}

static void put_segment(unsigned i)
{
	struct segment_row row = {.capture = ID,
				  .nic = "eth0",
				  .number = i,
				  .sealed = true,
				  .file_bytes = BYTES,
				  .packets = 1};
	unsigned char data[BYTES];

	memset(data, (int)i + 1, sizeof(data));
	snprintf(row.name, sizeof(row.name), "%s", name_of(i));
	sha256_text(data, sizeof(data), row.sha256);
	check(!file_replace(folder, row.name, 0640, data, sizeof(data)));
	check(!catalogue_save_segment(db, &row));
}

static void put_capture(enum capture_state state)
{
	const struct capture_row row = {.id = ID,
					.folder = ID,
					.policy = "p",
					.slice = "whole",
					.state = state,
					.created_at = {DUR_S}};

	check(!catalogue_save_capture(db, &row));
	for (unsigned i = 0; i < SEGMENTS; i++)
		put_segment(i);
	check_int(manifest_save(db, captures, &key, ID), 0);
}

/* Exactly one finding: that code, of that file. code NULL = none. */
static void verdict(const char *expected_key, enum evidence_result result, const char *code,
		    const char *file)
{
	struct evidence evidence;
	const json_t *finding;

	evidence_check(scratch_path(&scratch, "captures/" ID), expected_key, &evidence);
	finding = json_array_get(evidence.findings, 0);
	check_int(evidence.result, result);
	check_int(json_array_size(evidence.findings), code ? 1 : 0);
	if (code) {
		check_text(json_string_value(json_object_get(finding, "code")), code);
		check_text(json_string_value(json_object_get(finding, "file")), file);
	}
	evidence_fini(&evidence);
}

static void flip(const char *name, off_t at, unsigned char bit)
{
	CLEANUP_CLOSE int fd = openat(folder, name, O_RDWR);
	unsigned char byte;

	check(pread(fd, &byte, 1, at) == 1);
	byte ^= bit;
	check(pwrite(fd, &byte, 1, at) == 1);
}

static void untouched_is_genuine(void)
{
	struct evidence evidence;

	verdict(NULL, EVIDENCE_GENUINE, NULL, NULL);
	verdict(key.public_hex, EVIDENCE_GENUINE, NULL, NULL);
	evidence_check(scratch_path(&scratch, "captures/" ID), NULL, &evidence);
	check_int(evidence.segments, SEGMENTS);
	check_text(evidence.public_key, key.public_hex);
	check_text(evidence.capture, ID);
	evidence_fini(&evidence);
}

static void one_bit_is_found_and_named(void)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		off_t at = i * 2000 + 7;

		flip(name_of(i), at, (unsigned char)(1 << i));
		verdict(NULL, EVIDENCE_ALTERED, "altered", name_of(i));
		flip(name_of(i), at, (unsigned char)(1 << i));
	}
	verdict(NULL, EVIDENCE_GENUINE, NULL, NULL);
}

static void length_and_kind_count(void)
{
	check(!renameat(folder, name_of(1), captures, "kept"));
	verdict(NULL, EVIDENCE_ALTERED, "missing", name_of(1));
	check(!symlinkat("../kept", folder, name_of(1)));
	verdict(NULL, EVIDENCE_ALTERED, "altered", name_of(1));
	check(!unlinkat(folder, name_of(1), 0));
	check(!renameat(captures, "kept", folder, name_of(1)));
	check(!file_replace(folder, "note.txt", 0640, "x", 1));
	verdict(NULL, EVIDENCE_ALTERED, "added", "note.txt");
	check(!unlinkat(folder, "note.txt", 0));
	verdict(NULL, EVIDENCE_GENUINE, NULL, NULL);
}

/* Two genuine files under each other's name. */
static void exchanged_segments_are_found(void)
{
	struct evidence evidence;

	check(!renameat2(folder, name_of(0), folder, name_of(2), RENAME_EXCHANGE));
	evidence_check(scratch_path(&scratch, "captures/" ID), NULL, &evidence);
	check_int(json_array_size(evidence.findings), 2);
	check_int(evidence.result, EVIDENCE_ALTERED);
	evidence_fini(&evidence);
	check(!renameat2(folder, name_of(0), folder, name_of(2), RENAME_EXCHANGE));
}

static void manifest_counts(void)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	static const unsigned char seed[SIGNING_SEED_SIZE] = {9};
	struct signing_key other;

	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &text));
	flip(MANIFEST_NAME, strstr(text.data, "whole") - text.data, 1);
	verdict(NULL, EVIDENCE_ALTERED, "signature", MANIFEST_NAME);
	check(!unlinkat(folder, MANIFEST_NAME, 0));
	verdict(NULL, EVIDENCE_ALTERED, "missing", MANIFEST_NAME);
	check(!manifest_save(db, captures, NULL, ID));
	verdict(NULL, EVIDENCE_ALTERED, "unsigned", MANIFEST_NAME);
	signing_key_derive(seed, &other);
	check(!manifest_save(db, captures, &other, ID));
	verdict(NULL, EVIDENCE_GENUINE, NULL, NULL);
	verdict(key.public_hex, EVIDENCE_ALTERED, "key", MANIFEST_NAME);
	check(!manifest_save(db, captures, &key, ID));
}

static void what_was_not_whole_then_is_incomplete(void)
{
	struct segment_row row = {.capture = ID,
				  .nic = "eth0",
				  .number = 1,
				  .sealed = true,
				  .missing = true,
				  .file_bytes = BYTES};

	put_capture(CAPTURE_RECORDING);
	verdict(NULL, EVIDENCE_INCOMPLETE, "running", MANIFEST_NAME);
	put_capture(CAPTURE_FINISHED);
	snprintf(row.name, sizeof(row.name), "%s", name_of(1));
	check(!catalogue_save_segment(db, &row));
	check(!manifest_save(db, captures, &key, ID));
	verdict(NULL, EVIDENCE_INCOMPLETE, "open", name_of(1)); /* never hashed */
	memset(row.sha256, 'a', sizeof(row.sha256) - 1);
	check(!catalogue_save_segment(db, &row));
	check(!manifest_save(db, captures, &key, ID));
	check(!unlinkat(folder, name_of(1), 0));
	verdict(NULL, EVIDENCE_INCOMPLETE, "gone", name_of(1));
	put_capture(CAPTURE_FINISHED);
	verdict(NULL, EVIDENCE_GENUINE, NULL, NULL);
}

static void another_captures_folder_is_told(void)
{
	struct evidence evidence;

	check(!renameat(captures, ID, captures, OTHER));
	evidence_check(scratch_path(&scratch, "captures/" OTHER), NULL, &evidence);
	check_text(json_string_value(json_object_get(json_array_get(evidence.findings, 0), "code")),
		   "folder");
	evidence_fini(&evidence);
	check(!renameat(captures, OTHER, captures, ID));
	evidence_check(scratch_path(&scratch, "nowhere"), NULL, &evidence);
	check_int(evidence.result, EVIDENCE_UNREADABLE);
	evidence_fini(&evidence);
}

int main(void)
{
	static const unsigned char seed[SIGNING_SEED_SIZE] = {1};

	scratch_init(&scratch);
	signing_key_derive(seed, &key);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	check(!mkdir(scratch_path(&scratch, "captures"), 0770));
	captures = open(scratch_path(&scratch, "captures"), O_RDONLY | O_DIRECTORY);
	check(!mkdirat(captures, ID, 0770));
	folder = openat(captures, ID, O_RDONLY | O_DIRECTORY);
	put_capture(CAPTURE_FINISHED);
	untouched_is_genuine();
	one_bit_is_found_and_named();
	length_and_kind_count();
	exchanged_segments_are_found();
	manifest_counts();
	what_was_not_whole_then_is_incomplete();
	another_captures_folder_is_told();
	db_close(db);
	close(folder);
	close(captures);
	scratch_fini(&scratch);
	return 0;
}
