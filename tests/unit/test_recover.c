/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "capture/pcapng.h"
#include "storage/journal.h"
#include "storage/manifest.h"
#include "storage/quarantine.h"
#include "storage/segment.h"
#include "tests/unit/scratch.h"

#define CAPTURE "01940000-0000-7000-8000-00000000000" /* and one digit */
#define START_S 1763652600

/* A state folder of one test: catalogue and captures. */
struct rig {
	struct scratch scratch;
	struct db *db;
	int captures_fd;
	const char *live; /* capture that is being written */
};

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){0};
	scratch_init(&rig->scratch);
	check(!db_open(scratch_path(&rig->scratch, "ringbell.db"), &rig->db));
	check(!mkdir(scratch_path(&rig->scratch, "captures"), 0770));
	rig->captures_fd =
		open(scratch_path(&rig->scratch, "captures"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(rig->captures_fd >= 0);
}

static void rig_fini(struct rig *rig)
{
	db_close(rig->db);
	close(rig->captures_fd);
	scratch_fini(&rig->scratch);
}

static bool is_live(void *owner, const char *capture, const char *nic, uint32_t number)
{
	const struct rig *rig = owner;

	check(nic[0] && number < 100);
	return rig->live && !strcmp(rig->live, capture);
}

static struct recover_report recover(struct rig *rig)
{
	const struct recover_calls calls = {.is_live = is_live, .owner = rig};
	struct recover_report report;

	check_int(recover_folder(rig->db, rig->captures_fd, &calls, &report), 0);
	return report;
}

/* The second time there is nothing left to do. */
static void check_settled(struct rig *rig)
{
	struct recover_report report = recover(rig);

	check_int(report.adopted + report.repaired + report.quarantined + report.missing, 0);
}

/* --- files --- */

static const char *segment_file(const char *nic, uint32_t number)
{
	static char text[4][SEGMENT_NAME_SIZE];
	static unsigned at;
	struct segment_name name = {.policy = "web", .number = number};

	name.time.ns = (START_S + (int64_t)number) * DUR_S;
	snprintf(name.nic, sizeof(name.nic), "%s", nic);
	return segment_name_format(&name, text[at++ % 4]);
}

static size_t format_segment(unsigned char *data, uint32_t packets)
{
	static const unsigned char payload[100];
	size_t n = pcapng_section_format(data, &(struct pcapng_section){.os = "test"});

	n += pcapng_interface_format(data + n,
				     &(struct pcapng_interface){.link_type = 1, .name = "eth0"});
	for (uint32_t i = 0; i < packets; i++) {
		struct pcapng_packet p = {.time_ns = (START_S + i) * (uint64_t)DUR_S,
					  .data = payload,
					  .captured_bytes = sizeof(payload),
					  .original_bytes = 1000};

		n += pcapng_packet_format(data + n, &p);
	}
	return n;
}

static size_t format_end(unsigned char *data, uint64_t dropped)
{
	return pcapng_statistics_format(
		data, &(struct pcapng_statistics){.time_ns = START_S * (uint64_t)DUR_S,
						  .received = PCAPNG_UNKNOWN,
						  .dropped = dropped,
						  .os_dropped = PCAPNG_UNKNOWN,
						  .accepted = PCAPNG_UNKNOWN,
						  .delivered = PCAPNG_UNKNOWN});
}

static int capture_folder(struct rig *rig, const char *id)
{
	int fd;

	check(!mkdirat(rig->captures_fd, id, 0770) || errno == EEXIST);
	fd = openat(rig->captures_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	return fd;
}

static void put_file(struct rig *rig, const char *id, const char *name, const void *data,
		     size_t len)
{
	CLEANUP_CLOSE int folder = capture_folder(rig, id);
	CLEANUP_CLOSE int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0660);

	check(fd >= 0);
	check(!file_write_all(fd, data, len));
}

static void put_sealed(struct rig *rig, const char *id, const char *name, uint32_t packets,
		       uint64_t dropped)
{
	unsigned char data[8192];
	size_t n = format_segment(data, packets);

	n += format_end(data + n, dropped);
	put_file(rig, id, name, data, n);
}

/* As a killed recorder leaves it: half a block at the end. */
static void put_torn(struct rig *rig, const char *id, const char *name, uint32_t packets)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	unsigned char data[8192];
	size_t n = format_segment(data, packets);

	memcpy(data + n, "\6\0\0\0\x80\0\0\0torn", 12);
	snprintf(hidden, sizeof(hidden), ".%s", name);
	put_file(rig, id, hidden, data, n + 12);
}

static bool has_file(struct rig *rig, const char *id, const char *name)
{
	CLEANUP_CLOSE int folder = capture_folder(rig, id);
	struct stat st;

	return !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* --- rows --- */

static void digest(struct db *db, const char *capture, const char *name, const char *sha256)
{
	struct segment_row row = {.index_bytes = 7};

	snprintf(row.capture, sizeof(row.capture), "%s", capture);
	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(row.sha256, sizeof(row.sha256), "%s", sha256);
	snprintf(row.index_sha256, sizeof(row.index_sha256), "i-%s", sha256);
	check(!catalogue_set_digest(db, &row));
}

static void save_capture(struct rig *rig, const char *id, enum capture_state state)
{
	struct capture_row row = {.policy = "p", .policy_name = "web", .state = state};

	snprintf(row.id, sizeof(row.id), "%s", id);
	snprintf(row.folder, sizeof(row.folder), "%s", id);
	check(!catalogue_save_capture(rig->db, &row));
}

static void save_row(struct rig *rig, const char *id, const char *name, struct segment_row row)
{
	snprintf(row.nic, sizeof(row.nic), "eth0");
	snprintf(row.capture, sizeof(row.capture), "%s", id);
	snprintf(row.name, sizeof(row.name), "%s", name);
	check(!catalogue_save_segment(rig->db, &row));
}

static void save_segment(struct rig *rig, const char *id, uint32_t ring, uint32_t number,
			 const char *name)
{
	save_row(rig, id, name, (struct segment_row){.ring = ring, .number = number});
}

/* The only segment of the capture. */
static struct segment_row only_segment(struct rig *rig, const char *id)
{
	CLEANUP_FREE struct segment_row *rows = NULL;

	check_int(catalogue_list_segments(rig->db, id, &rows), 1);
	return rows[0];
}

static int gap_count(struct rig *rig, const char *id, struct gap_row *first)
{
	CLEANUP_FREE struct gap_row *rows = NULL;
	int n = catalogue_list_gaps(rig->db, id, &rows);

	if (n > 0)
		*first = rows[0];
	return n;
}

/* --- tests --- */

static void torn_segment_of_a_running_capture_goes_on(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 4);
	struct recover_report report;
	struct segment_row segment;
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_RECORDING);
	save_segment(&rig, id, 3, 4, name);
	put_torn(&rig, id, name, 10);
	report = recover(&rig);
	check_int(report.repaired, 1);
	check_int(report.adopted + report.quarantined + report.missing + report.skipped, 0);
	check(has_file(&rig, id, name));
	check(has_file(&rig, id, MANIFEST_NAME));
	segment = only_segment(&rig, id);
	check_int(segment.ring, 3);
	check(segment.sealed && !segment.missing);
	check_int(segment.packets, 10);
	check_int(segment.bytes, 10000);
	check_int(segment.last.ns, (START_S + 9) * DUR_S);
	check_int(gap_count(&rig, id, &gap), 1);
	check_text(gap.cause, "restart");
	check_text(gap.nic, "eth0");
	check(gap.unknown);
	check_int(gap.from.ns, (START_S + 9) * DUR_S);
	check_int(gap.to.ns, 0);
	check_settled(&rig);
	rig_fini(&rig);
}

/* Killed again before it could go on: the gap is the same one. */
static void two_crashes_leave_one_open_gap(void)
{
	const char *id = CAPTURE "1";
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_RECORDING);
	put_torn(&rig, id, segment_file("eth0", 0), 3);
	check_int(recover(&rig).repaired, 1);
	put_torn(&rig, id, segment_file("eth0", 1), 3);
	check_int(recover(&rig).repaired, 1);
	check_int(gap_count(&rig, id, &gap), 1);
	rig_fini(&rig);
}

static void live_capture_is_left_alone(void)
{
	const char *id = CAPTURE "1", *open = segment_file("eth0", 1);
	char hidden[SEGMENT_NAME_SIZE + 1];
	struct recover_report report;
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	rig.live = id;
	save_capture(&rig, id, CAPTURE_RECORDING);
	save_segment(&rig, id, 0, 2, segment_file("eth0", 2)); /* told, not yet on disk */
	put_torn(&rig, id, open, 3);
	put_sealed(&rig, id, segment_file("eth0", 0), 3, 0); /* its report comes again */
	report = recover(&rig);
	check_int(report.repaired + report.adopted + report.missing, 0);
	snprintf(hidden, sizeof(hidden), ".%s", open);
	check(has_file(&rig, id, hidden));
	check_int(gap_count(&rig, id, &gap), 0);
	rig_fini(&rig);
}

static void finished_capture_gets_no_gap(void)
{
	const char *id = CAPTURE "1";
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_torn(&rig, id, segment_file("eth0", 0), 3);
	check_int(recover(&rig).repaired, 1);
	check_int(only_segment(&rig, id).packets, 3);
	check_int(gap_count(&rig, id, &gap), 0);
	rig_fini(&rig);
}

static void sealed_file_without_row_is_adopted(void)
{
	const char *id = CAPTURE "1";
	CLEANUP_FREE struct segment_row *rows = NULL;
	struct recover_report report;
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, segment_file("eth0", 0), 2, 0);
	put_sealed(&rig, id, segment_file("eth0", 1), 3, 44);
	put_sealed(&rig, id, segment_file("eth1", 0), 5, 0);
	report = recover(&rig);
	check_int(report.adopted, 3);
	check_int(report.repaired + report.missing + report.skipped, 0);
	check_int(catalogue_list_segments(rig.db, id, &rows), 3);
	check_int(rows[0].ring == rows[1].ring, !strcmp(rows[0].nic, rows[1].nic));
	check_int(rows[1].ring == rows[2].ring, !strcmp(rows[1].nic, rows[2].nic));
	check_int(rows[0].packets + rows[1].packets + rows[2].packets, 10);
	check_int(rows[0].loss.kernel + rows[1].loss.kernel + rows[2].loss.kernel, 44);
	check_int(gap_count(&rig, id, &gap), 0);
	check_settled(&rig);
	rig_fini(&rig);
}

static void folder_without_row_becomes_a_capture(void)
{
	const char *id = CAPTURE "1";
	struct capture_row row;
	struct rig rig;

	rig_init(&rig);
	put_sealed(&rig, id, segment_file("eth0", 1), 3, 0);
	put_torn(&rig, id, segment_file("eth1", 0), 5);
	check_int(recover(&rig).adopted, 2);
	check_int(catalogue_get_capture(rig.db, id, &row), 0);
	check_text(row.policy_name, "recovered");
	check_int(row.state, CAPTURE_FINISHED);
	check_int(row.created_at.ns, START_S * DUR_S);
	check_int(row.requested_until.ns, (START_S + 4) * DUR_S);
	check(!strcmp(row.rings, "eth0,eth1") || !strcmp(row.rings, "eth1,eth0"));
	check_settled(&rig);
	rig_fini(&rig);
}

/* STO-12: throw the database away, and the list is the same. */
static void catalogue_is_rebuilt_from_manifests(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	struct gap_row gap = {.nic = "eth0", .cause = "torn", .packets = 7}, got;
	struct capture_row before, after;
	struct segment_row segment;
	json_t *notes;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, name, 3, 0);
	recover(&rig);
	snprintf(gap.capture, sizeof(gap.capture), "%s", id);
	check(!catalogue_add_gap(rig.db, &gap));
	digest(rig.db, id, name, "abc");
	check(!journal_add_note(rig.db, (wall_t){DUR_S}, "capture", id, "", "begins"));
	check(!manifest_save(rig.db, rig.captures_fd, NULL, id));
	check(!catalogue_get_capture(rig.db, id, &before));

	db_close(rig.db);
	check(!unlink(scratch_path(&rig.scratch, "ringbell.db")));
	check(!db_open(scratch_path(&rig.scratch, "ringbell.db"), &rig.db));
	check_int(recover(&rig).adopted, 1);
	check_int(catalogue_get_capture(rig.db, id, &after), 0);
	check_text(after.policy_name, before.policy_name);
	check_text(after.policy, before.policy);
	check_int(after.state, CAPTURE_FINISHED);
	segment = only_segment(&rig, id);
	check_text(segment.sha256, "abc");
	check_int(segment.packets, 3);
	check_int(gap_count(&rig, id, &got), 1);
	check_int(got.packets, 7);
	check(!journal_list_notes(rig.db, "capture", id, "", &notes));
	check_int(json_array_size(notes), 1);
	json_decref(notes);
	check_settled(&rig);
	rig_fini(&rig);
}

/* Nobody can go on with it: the policy's state went with the catalogue. */
static void running_capture_of_a_lost_catalogue_is_over(void)
{
	const char *id = CAPTURE "1";
	struct capture_row row;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_RECORDING);
	put_torn(&rig, id, segment_file("eth0", 0), 4);
	recover(&rig);
	check(!catalogue_remove_capture(rig.db, id));
	recover(&rig);
	check_int(catalogue_get_capture(rig.db, id, &row), 0);
	check_int(row.state, CAPTURE_FINISHED);
	check_int(row.finished_at.ns, (START_S + 3) * DUR_S);
	check(!strncmp(row.stop_reason, "recovered: ", 11));
	rig_fini(&rig);
}

static void rows_without_files_are_marked(void)
{
	const char *id = CAPTURE "1", *gone = CAPTURE "2", *name = segment_file("eth0", 0);
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	save_row(&rig, id, name, (struct segment_row){.sealed = true});
	close(capture_folder(&rig, id));
	save_capture(&rig, gone, CAPTURE_FINISHED); /* not even a folder */
	save_row(&rig, gone, name, (struct segment_row){.sealed = true});
	check_int(recover(&rig).missing, 2);
	check(only_segment(&rig, id).missing);
	check(only_segment(&rig, gone).missing);
	check_settled(&rig);
	put_sealed(&rig, id, name, 2, 0); /* restored from a backup */
	check_int(recover(&rig).adopted, 1);
	check(!only_segment(&rig, id).missing);
	check_int(only_segment(&rig, id).packets, 2);
	rig_fini(&rig);
}

static void unreadable_segment_is_quarantined(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	char hidden[SEGMENT_NAME_SIZE + 1];
	struct gap_row gap;
	struct rig rig;

	rig_init(&rig);
	snprintf(hidden, sizeof(hidden), ".%s", name);
	save_capture(&rig, id, CAPTURE_RECORDING);
	save_segment(&rig, id, 0, 0, name);
	put_file(&rig, id, hidden, "no pcapng at all, but bytes", 27);
	check_int(recover(&rig).quarantined, 1);
	check_int(quarantine_count(rig.captures_fd), 1);
	check(!has_file(&rig, id, hidden));
	check(only_segment(&rig, id).missing);
	check_int(gap_count(&rig, id, &gap), 1);
	check_settled(&rig);
	rig_fini(&rig);
}

/* Moved aside as it is, whatever it is; what links point to is never touched. */
static void what_is_not_ours_is_moved_aside(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	char hidden[SEGMENT_NAME_SIZE + 1], elsewhere[SEGMENT_NAME_SIZE + 32];
	CLEANUP_CLOSE int folder = -1;
	struct recover_report report;
	struct capture_row row;
	struct rig rig;

	rig_init(&rig);
	snprintf(hidden, sizeof(hidden), ".%s", name);
	put_sealed(&rig, "lost+found", name, 1, 0);
	check(!symlinkat("lost+found", rig.captures_fd, CAPTURE "2"));
	check(!mkfifoat(rig.captures_fd, "pipe", 0600));
	folder = capture_folder(&rig, id);
	snprintf(elsewhere, sizeof(elsewhere), "../lost+found/%s", name);
	check(!symlinkat(elsewhere, folder, name));
	check(!symlinkat(elsewhere, folder, hidden));
	check(!mkfifoat(folder, segment_file("eth0", 1), 0600));
	check(!mkdirat(folder, segment_file("eth0", 2), 0700));
	put_file(&rig, id, "notes.txt", "hello", 5);
	put_file(&rig, id, "\x1b[31m\xff", "hello", 5);
	close(capture_folder(&rig, CAPTURE "3")); /* empty: nothing to say */
	report = recover(&rig);
	check_int(report.adopted + report.repaired + report.skipped, 0);
	check_int(report.quarantined, 8);
	check_int(quarantine_count(rig.captures_fd), 8);
	check(!has_file(&rig, id, hidden) && !has_file(&rig, id, "notes.txt"));
	check(has_file(&rig, "lost+found", name));
	check_int(catalogue_get_capture(rig.db, CAPTURE "2", &row), CATALOGUE_ABSENT);
	check_int(catalogue_get_capture(rig.db, CAPTURE "3", &row), CATALOGUE_ABSENT);
	check_int(catalogue_get_capture(rig.db, "lost+found", &row), CATALOGUE_ABSENT);
	check_settled(&rig);
	rig_fini(&rig);
}

/* Copied back from a backup, half: never served, never lost. */
static void torn_sealed_file_is_quarantined(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	unsigned char data[8192];
	struct rig rig;
	size_t n;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	n = format_segment(data, 3);
	put_file(&rig, id, name, data, n - 10);
	check_int(recover(&rig).quarantined, 1);
	check(!has_file(&rig, id, name));
	check_settled(&rig);
	rig_fini(&rig);
}

/* Evidence that was signed and copied stays as it is, byte for byte, unless the rows know more. */
static void only_a_manifest_that_is_behind_is_written_anew(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	CLEANUP_BUF struct buf before = BUF_INIT, after = BUF_INIT;
	const struct timespec later[2] = {{.tv_sec = wall_now().ns / DUR_S + 3600},
					  {.tv_sec = wall_now().ns / DUR_S + 3600}};
	CLEANUP_CLOSE int folder = -1;
	char due[MANIFEST_DUE_SIZE];
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, name, 3, 0);
	recover(&rig);
	check(!journal_add_note(rig.db, wall_now(), "capture", id, "", "ends"));
	check(!manifest_save(rig.db, rig.captures_fd, NULL, id));
	folder = openat(rig.captures_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &before));
	recover(&rig);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &after));
	check_text(after.data, before.data);

	/* killed between the commit and the manifest */
	digest(rig.db, id, name, "abc");
	recover(&rig);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &after));
	check(strstr(after.data, "\"sha256\": \"abc\""));
	check(!journal_add_note(rig.db, wall_now(), "capture", id, "", "more of it"));
	recover(&rig);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &after));
	check(strstr(after.data, "more of it"));

	/* a hash adds no line to the timeline: what is due says so, however old the last line is */
	check(!utimensat(folder, MANIFEST_NAME, later, 0));
	digest(rig.db, id, name, "def");
	check(!manifest_due_set(rig.db, id, name));
	recover(&rig);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &after));
	check(strstr(after.data, "\"sha256\": \"def\""));
	check(!manifest_due_get(rig.db, id, due));
	check_text(due, "");
	rig_fini(&rig);
}

static void damaged_manifest_is_kept_aside(void)
{
	const char *id = CAPTURE "1";
	struct recover_report report;
	struct rig rig;

	rig_init(&rig);
	put_sealed(&rig, id, segment_file("eth0", 0), 3, 0);
	put_file(&rig, id, MANIFEST_NAME, "{\"manifest\": 1, ", 16);
	report = recover(&rig);
	check_int(report.quarantined, 1);
	check_int(report.made_up, 1);
	check_int(only_segment(&rig, id).packets, 3);
	check(has_file(&rig, id, MANIFEST_NAME)); /* a new one */
	check_settled(&rig);
	rig_fini(&rig);
}

/* The manifest says what was sealed; the file on disk is another. */
static void sealed_file_of_another_length_tells_for_itself(void)
{
	const char *id = CAPTURE "1", *name = segment_file("eth0", 0);
	CLEANUP_CLOSE int folder = -1;
	struct segment_row row;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, name, 3, 0);
	recover(&rig);
	digest(rig.db, id, name, "abc");
	check(!manifest_save(rig.db, rig.captures_fd, NULL, id));
	check(!catalogue_remove_capture(rig.db, id));
	folder = capture_folder(&rig, id);
	check(!unlinkat(folder, name, 0));
	put_sealed(&rig, id, name, 2, 0);
	recover(&rig);
	row = only_segment(&rig, id);
	check_int(row.packets, 2);
	check_text(row.sha256, "");
	rig_fini(&rig);
}

static int note_count(struct rig *rig, const char *kind, const char *id)
{
	json_t *notes;
	int n;

	check(!journal_list_notes(rig->db, kind, id, "", &notes));
	n = (int)json_array_size(notes);
	json_decref(notes);
	return n;
}

static void notes_are_put_back_once(void)
{
	const char *id = CAPTURE "1";
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, segment_file("eth0", 0), 3, 0);
	recover(&rig);
	check(!journal_add_note(rig.db, (wall_t){DUR_S}, "capture", id, "", "begins"));
	check(!manifest_save(rig.db, rig.captures_fd, NULL, id));
	for (int i = 0; i < 2; i++) {
		check(!catalogue_remove_capture(rig.db, id));
		recover(&rig);
		check_int(note_count(&rig, "capture", id), 1);
	}
	rig_fini(&rig);
}

static void manifest_speaks_for_its_own_capture_only(void)
{
	const char *id = CAPTURE "1";
	CLEANUP_CLOSE int folder = -1;
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_FREE char *hostile = NULL;
	json_t *manifest;
	struct rig rig;

	rig_init(&rig);
	save_capture(&rig, id, CAPTURE_FINISHED);
	put_sealed(&rig, id, segment_file("eth0", 0), 3, 0);
	recover(&rig);
	folder = capture_folder(&rig, id);
	check(!file_read(folder, MANIFEST_NAME, 1 << 20, &text));
	manifest = json_loadb(text.data, text.len, 0, NULL);
	json_array_append_new(json_object_get(manifest, "timeline"),
			      json_pack("{s:s, s:s, s:s, s:s, s:s}", "at", "2026-01-01T00:00:00Z",
					"kind", "alert", "id", "other", "alert", "", "text",
					"lie"));
	hostile = json_dumps(manifest, 0);
	json_decref(manifest);
	check(!file_replace(folder, MANIFEST_NAME, 0640, hostile, strlen(hostile)));
	check(!catalogue_remove_capture(rig.db, id));
	check_int(recover(&rig).captures, 1);
	check_int(note_count(&rig, "alert", "other"), 0);
	rig_fini(&rig);
}

/* Killed between opening a segment and its first write, or the power was cut. */
static void blank_segment_leaves_a_gap_only(void)
{
	const char *id = CAPTURE "1";
	static const char zeros[5000];
	CLEANUP_FREE struct segment_row *rows = NULL;
	char hidden[SEGMENT_NAME_SIZE + 1];
	struct recover_report report;
	struct gap_row gap;
	struct rig rig;

	for (uint32_t i = 0; i < 3; i++) {
		rig_init(&rig);
		save_capture(&rig, id, CAPTURE_RECORDING);
		save_segment(&rig, id, 0, i, segment_file("eth0", i));
		snprintf(hidden, sizeof(hidden), ".%s", segment_file("eth0", i));
		if (i < 2) /* the third one's entry did not reach the disk */
			put_file(&rig, id, hidden, zeros, i * sizeof(zeros));
		else
			close(capture_folder(&rig, id));
		report = recover(&rig);
		check_int(report.quarantined + report.missing + report.skipped, 0);
		check(!has_file(&rig, id, hidden));
		check_int(catalogue_list_segments(rig.db, id, &rows), 0);
		check_int(gap_count(&rig, id, &gap), 1);
		check_text(gap.cause, "restart");
		free(take_ptr(rows));
		check_settled(&rig);
		rig_fini(&rig);
	}
}

int main(void)
{
	torn_segment_of_a_running_capture_goes_on();
	two_crashes_leave_one_open_gap();
	live_capture_is_left_alone();
	finished_capture_gets_no_gap();
	sealed_file_without_row_is_adopted();
	folder_without_row_becomes_a_capture();
	catalogue_is_rebuilt_from_manifests();
	running_capture_of_a_lost_catalogue_is_over();
	rows_without_files_are_marked();
	unreadable_segment_is_quarantined();
	what_is_not_ours_is_moved_aside();
	torn_sealed_file_is_quarantined();
	blank_segment_leaves_a_gap_only();
	only_a_manifest_that_is_behind_is_written_anew();
	damaged_manifest_is_kept_aside();
	sealed_file_of_another_length_tells_for_itself();
	notes_are_put_back_once();
	manifest_speaks_for_its_own_capture_only();
	return 0;
}
