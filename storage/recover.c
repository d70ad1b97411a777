/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "storage/db_internal.h"
#include "storage/journal.h"
#include "storage/manifest.h"
#include "storage/quarantine.h"
#include "storage/repair.h"
#include "storage/retention.h"
#include "storage/segment.h"

#define FILES_MAX     1000000	   /* of one capture; the rest is skipped */
#define MANIFEST_LATE (60 * DUR_S) /* by so much it may follow its commit */

DEFINE_CLEANUP(DIR *, closedir)
#define CLEANUP_DIR CLEANUP(closedir_ptr)

/* The whole recovery. */
struct recovery {
	struct db *db;
	int captures_fd;
	const struct recover_calls *calls;
	struct recover_report *report;
};

/* The capture being looked at: its folder, and its rows as they are and become. */
struct folder {
	struct recovery *recovery;
	int fd;
	const char *id;
	struct capture_row capture;
	struct segment_row *segments;
	size_t count;
	struct manifest manifest; /* loaded if there was no row */
	bool changed;
	char due[MANIFEST_DUE_SIZE]; /* what its manifest may not tell yet */
};

static void folder_fini(struct folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	free(folder->segments);
	manifest_fini(&folder->manifest);
}

/* --- names in a folder, collected before anything is renamed --- */

struct names {
	char (*items)[NAME_MAX + 1];
	size_t count, room;
};

static void names_fini(struct names *names)
{
	free(names->items);
}

static void names_add(struct names *names, const char *name)
{
	if (names->count == names->room) {
		names->room = names->room ? 2 * names->room : 64;
		names->items = xreallocarray(names->items, names->room, sizeof(names->items[0]));
	}
	snprintf(names->items[names->count++], sizeof(names->items[0]), "%s", name);
}

/* A fresh descriptor, since closedir closes it and readdir moves it. */
static DIR *open_dir(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir && copy >= 0)
		close(copy);
	return dir;
}

static void skip(struct recovery *recovery, const char *where, const char *name, int r)
{
	recovery->report->skipped++;
	if (recovery->calls->on_skipped)
		recovery->calls->on_skipped(recovery->calls->owner, where, name, r);
}

static int list_names(struct recovery *recovery, int fd, struct names *names)
{
	CLEANUP_DIR DIR *dir = open_dir(fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (names->count == FILES_MAX)
			skip(recovery, "", entry->d_name, -E2BIG);
		else
			names_add(names, entry->d_name);
	}
	return 0;
}

static bool is_kind(int folder, const char *name, mode_t kind)
{
	struct stat st;

	return !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) && (st.st_mode & S_IFMT) == kind;
}

/* --- quarantine --- */

static void quarantine(struct recovery *recovery, const struct quarantine_item *item)
{
	char now[QUARANTINE_NAME_SIZE];
	int r = quarantine_move(recovery->captures_fd, item, now);

	if (r < 0) {
		skip(recovery, item->where, item->name, r);
		return;
	}
	recovery->report->quarantined++;
	if (recovery->calls->on_quarantined)
		recovery->calls->on_quarantined(recovery->calls->owner, item->where, item->name,
						item->reason);
}

static void quarantine_file(struct folder *folder, const char *name, const char *reason)
{
	quarantine(folder->recovery, &(struct quarantine_item){.folder = folder->fd,
							       .where = folder->id,
							       .name = name,
							       .reason = reason});
}

/* Of a segment that is, or was, there: it is a few pages, and goes with the folder. */
static bool is_index(const char *text)
{
	size_t len = strlen(text), end = sizeof(SEGMENT_INDEX_SUFFIX) - 1;
	char segment[SEGMENT_NAME_SIZE] = "";
	struct segment_name parsed;
	bool hidden;

	if (len <= end || len - end >= sizeof(segment) ||
	    strcmp(text + len - end, SEGMENT_INDEX_SUFFIX))
		return false;
	memcpy(segment, text, len - end);
	return !segment_name_parse(segment, &parsed, &hidden) && !hidden;
}

/* Whether a capture's folder may hold it. What file_replace leaves when it is killed goes with the
 * next manifest. */
static bool is_expected(const struct folder *folder, const char *name)
{
	struct segment_name parsed;
	bool hidden;

	return (!strcmp(name, MANIFEST_NAME) || !strcmp(name, "." MANIFEST_NAME ".tmp") ||
		!segment_name_parse(name, &parsed, &hidden) || is_index(name)) &&
	       is_kind(folder->fd, name, S_IFREG);
}

/* Leaves the segments in `names`. */
static void sort_out(struct folder *folder, struct names *names)
{
	struct segment_name parsed;
	size_t kept = 0;
	bool hidden;

	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];

		if (!is_expected(folder, name))
			quarantine_file(folder, name, "not a file that belongs in a capture");
		else if (!segment_name_parse(name, &parsed, &hidden))
			memmove(names->items[kept++], name, sizeof(names->items[0]));
	}
	names->count = kept;
}

/* --- rows --- */

/* By sealed name. The rows of a capture are few thousands, its orphans few. */
static struct segment_row *find_row(struct folder *folder, const char *name)
{
	for (size_t i = 0; i < folder->count; i++)
		if (!strcmp(folder->segments[i].name, name))
			return &folder->segments[i];
	return NULL;
}

static bool number_taken(const struct folder *folder, uint32_t ring, uint32_t number)
{
	for (size_t i = 0; i < folder->count; i++)
		if (folder->segments[i].ring == ring && folder->segments[i].number == number)
			return true;
	return false;
}

/* The recorder's index of an interface is not in the file: that of its other segments, or else the
 * first one that no interface of this capture has. */
static uint32_t guess_ring(const struct folder *folder, const char *nic, uint32_t number)
{
	uint32_t unused = 0;

	for (size_t i = 0; i < folder->count; i++) {
		const struct segment_row *row = &folder->segments[i];

		if (!strcmp(row->nic, nic) && !number_taken(folder, row->ring, number))
			return row->ring;
		if (row->ring >= unused)
			unused = row->ring + 1;
	}
	return unused;
}

static struct segment_row *add_row(struct folder *folder, const char *text)
{
	struct segment_row *row;
	struct segment_name name;
	uint32_t ring;
	bool hidden;

	if (segment_name_parse(text, &name, &hidden))
		return NULL;
	ring = guess_ring(folder, name.nic, name.number);
	folder->segments =
		xreallocarray(folder->segments, folder->count + 1, sizeof(*folder->segments));
	row = &folder->segments[folder->count++];
	*row = (struct segment_row){.ring = ring, .number = name.number};
	snprintf(row->capture, sizeof(row->capture), "%s", folder->id);
	snprintf(row->nic, sizeof(row->nic), "%s", name.nic);
	snprintf(row->name, sizeof(row->name), "%s", text);
	return row;
}

static void take_facts(struct segment_row *row, const struct segment_facts *facts)
{
	row->sealed = true;
	row->missing = false;
	row->file_bytes = facts->valid_bytes;
	row->packets = facts->packets;
	row->bytes = facts->bytes;
	row->first = facts->first;
	row->last = facts->last;
	row->sha256[0] = '\0';
	/* the file tells one number for all causes; where the row knows them it knows better */
	if (!row->loss.kernel && !row->loss.cursor && !row->loss.torn && !row->loss.disk &&
	    !row->loss.restart)
		row->loss.kernel = facts->drops;
}

static int save_row(struct folder *folder, const struct segment_row *row)
{
	folder->changed = true;
	return catalogue_save_segment(folder->recovery->db, row);
}

/* --- the capture's own row --- */

/* Is the NIC in the comma-separated list? */
static bool has_ring(const char *rings, const char *nic)
{
	size_t len = strlen(nic);

	while (*rings) {
		size_t part = strcspn(rings, ",");

		if (part == len && !strncmp(rings, nic, len))
			return true;
		rings += part + (rings[part] == ',');
	}
	return false;
}

/* More than fit are left out. */
static void add_ring(char rings[512], const char *nic)
{
	size_t used = strlen(rings);

	if (!has_ring(rings, nic) && used + strlen(nic) + 2 <= 512)
		snprintf(rings + used, 512 - used, "%s%s", used ? "," : "", nic);
}

static void make_up_capture(struct folder *folder, const struct names *names)
{
	struct capture_row *row = &folder->capture;
	struct segment_name name;
	bool hidden;

	*row = (struct capture_row){.state = CAPTURE_FINISHED};
	snprintf(row->id, sizeof(row->id), "%s", folder->id);
	snprintf(row->folder, sizeof(row->folder), "%s", folder->id);
	snprintf(row->policy_name, sizeof(row->policy_name), "%s", "recovered");
	snprintf(row->slice, sizeof(row->slice), "%s", "whole");
	snprintf(row->stop_reason, sizeof(row->stop_reason), "%s",
		 "recovered: found in the captures folder without a catalogue row");
	for (size_t i = 0; i < names->count; i++) {
		if (segment_name_parse(names->items[i], &name, &hidden))
			continue;
		if (!wall_known(row->created_at) || name.time.ns < row->created_at.ns)
			row->created_at = name.time;
		add_ring(row->rings, name.nic);
	}
	row->requested_from = row->created_at;
}

/* Of this capture only: a manifest speaks for nothing else. */
static int restore_timeline(struct db *db, const char *capture, const json_t *timeline)
{
	const json_t *note;
	size_t i;
	int r = journal_remove_notes(db, "capture", capture);

	if (r)
		return r;

	json_array_foreach (timeline, i, note) {
		const char *at = json_string_value(json_object_get(note, "at"));
		const char *kind = json_string_value(json_object_get(note, "kind"));
		const char *id = json_string_value(json_object_get(note, "id"));
		const char *alert = json_string_value(json_object_get(note, "alert"));
		const char *text = json_string_value(json_object_get(note, "text"));
		wall_t wall;

		if (!at || !kind || !id || !alert || !text || wall_parse(at, &wall) ||
		    strcmp(kind, "capture") || strcmp(id, capture))
			continue;
		r = journal_add_note(db, wall, kind, id, alert, text);
		if (r)
			return r;
	}
	return 0;
}

/* A segment that is not as long as its row says is not what was sealed: it tells for itself. */
static void check_sizes(struct folder *folder, const struct manifest *manifest)
{
	struct stat st;

	for (size_t i = 0; i < manifest->segment_count; i++) {
		struct segment_row *row = &manifest->segments[i];

		if (!fstatat(folder->fd, row->name, &st, AT_SYMLINK_NOFOLLOW) &&
		    (uint64_t)st.st_size != row->file_bytes)
			row->sealed = false;
	}
}

/* The rows of a manifest. Nothing else of the capture is known any more, its policy's run neither:
 * it is over. */
static int restore_manifest(struct folder *folder)
{
	struct db *db = folder->recovery->db;
	struct manifest *manifest = &folder->manifest;
	int r;

	check_sizes(folder, manifest);
	folder->capture = manifest->capture;
	folder->recovery->report->captures++;
	if (folder->capture.state != CAPTURE_FINISHED) {
		folder->recovery->report->ended++;
		folder->capture.state = CAPTURE_FINISHED;
		snprintf(folder->capture.stop_reason, sizeof(folder->capture.stop_reason),
			 "recovered: the catalogue was lost while this capture was running");
	}
	r = catalogue_save_capture(db, &folder->capture);
	for (size_t i = 0; !r && i < manifest->gap_count; i++)
		r = catalogue_add_gap(db, &manifest->gaps[i]);
	for (size_t i = 0; !r && i < manifest->segment_count; i++)
		r = catalogue_save_segment(db, &manifest->segments[i]);
	if (!r)
		r = restore_timeline(db, folder->id, manifest->timeline);
	if (!r && manifest->pinned)
		r = retention_restore_pin(db, folder->id, manifest->pinned_until,
					  manifest->pin_note, wall_now());
	if (r)
		return r;
	folder->count = manifest->segment_count;
	folder->segments = take_ptr(manifest->segments);
	folder->recovery->report->adopted += (unsigned)folder->count;
	folder->changed = true;
	return 0;
}

/* When the newest packet we have was seen: the only end a lost capture still tells. */
static void end_capture(struct folder *folder)
{
	struct capture_row *row = &folder->capture;
	wall_t last = row->created_at;

	for (size_t i = 0; i < folder->count; i++)
		if (folder->segments[i].last.ns > last.ns)
			last = folder->segments[i].last;
	if (!wall_known(row->finished_at))
		row->finished_at = last;
	if (!wall_known(row->requested_until))
		row->requested_until = last;
}

/* Finds or makes the capture's row. Returns 0, CATALOGUE_ABSENT (nothing here) or -errno. */
static int load_rows(struct folder *folder, const struct names *names)
{
	struct db *db = folder->recovery->db;
	int n, r = catalogue_get_capture(db, folder->id, &folder->capture);

	if (r < 0)
		return r;
	if (r == 0) {
		n = catalogue_list_segments(db, folder->id, &folder->segments);
		folder->count = n > 0 ? (size_t)n : 0;
		return n < 0 ? n : 0;
	}
	r = manifest_load(folder->fd, folder->id, &folder->manifest);
	if (r == 0)
		return restore_manifest(folder);
	if (r == MANIFEST_ABSENT && is_kind(folder->fd, MANIFEST_NAME, S_IFREG))
		quarantine_file(folder, MANIFEST_NAME, "not a manifest of this capture");
	if (names->count == 0)
		return CATALOGUE_ABSENT; /* an empty folder says nothing */
	make_up_capture(folder, names);
	folder->recovery->report->made_up++;
	folder->changed = true;
	return catalogue_save_capture(db, &folder->capture);
}

/* --- files --- */

static bool is_live(const struct folder *folder, const char *text)
{
	const struct recover_calls *calls = folder->recovery->calls;
	struct segment_name name;
	bool hidden;

	return calls->is_live && !segment_name_parse(text, &name, &hidden) &&
	       calls->is_live(calls->owner, folder->id, name.nic, name.number);
}

static wall_t newest_packet(const struct folder *folder, const char *nic)
{
	wall_t newest = {0};

	for (size_t i = 0; i < folder->count; i++)
		if (!strcmp(folder->segments[i].nic, nic) &&
		    folder->segments[i].last.ns > newest.ns)
			newest = folder->segments[i].last;
	return newest;
}

/* The recorder died in the middle of a segment of this interface. Until it goes on, if it does,
 * nobody knows what passed; one open gap is enough. */
static int state_gap(struct folder *folder, const char *hidden)
{
	struct gap_row gap = {.unknown = true, .at_most = true, .cause = "restart"};
	CLEANUP_FREE struct gap_row *gaps = NULL;
	struct segment_name name;
	bool is_hidden;
	int n;

	if (folder->capture.state == CAPTURE_FINISHED ||
	    segment_name_parse(hidden, &name, &is_hidden))
		return 0;
	snprintf(gap.capture, sizeof(gap.capture), "%s", folder->id);
	snprintf(gap.nic, sizeof(gap.nic), "%s", name.nic);
	gap.from = newest_packet(folder, name.nic);
	n = catalogue_list_gaps(folder->recovery->db, folder->id, &gaps);
	for (int i = 0; i < n; i++)
		if (!strcmp(gaps[i].cause, gap.cause) && !strcmp(gaps[i].nic, gap.nic) &&
		    gaps[i].unknown && !wall_known(gaps[i].to))
			return 0;
	folder->changed = true;
	return n < 0 ? n : catalogue_add_gap(folder->recovery->db, &gap);
}

/* Without a row nobody waits for it; with one, the row says that its file is gone. */
static int give_up_segment(struct folder *folder, const char *hidden, struct segment_row *row)
{
	char bad[SEGMENT_NAME_SIZE + 4];
	int r = 0;

	snprintf(bad, sizeof(bad), "%s.bad", hidden + 1); /* as repair_segment left it */
	quarantine_file(folder, bad, "not one whole pcapng block");
	if (row) {
		row->missing = true;
		r = save_row(folder, row);
	}
	return r ? r : state_gap(folder, hidden);
}

/* hidden: with its dot. */
static int recover_hidden(struct folder *folder, const char *hidden)
{
	struct recover_report *report = folder->recovery->report;
	const char *name = hidden + 1;
	struct segment_row *row;
	struct segment_facts facts;
	int r;

	if (is_live(folder, hidden))
		return 0;
	row = find_row(folder, name);
	r = repair_segment(folder->fd, name, 0, &facts);
	if (r == REPAIR_REMOVED)
		return state_gap(folder, hidden);
	if (r == -EBADMSG)
		return give_up_segment(folder, hidden, row);
	if (r) {
		skip(folder->recovery, folder->id, hidden, r);
		return 0;
	}
	report->repaired++;
	if (!row) {
		report->adopted++;
		row = add_row(folder, name);
	}
	take_facts(row, &facts);
	r = save_row(folder, row);
	return r ? r : state_gap(folder, hidden);
}

static int inspect(struct folder *folder, const char *name, struct segment_facts *ret)
{
	CLEANUP_CLOSE int fd =
		openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : repair_inspect(fd, 0, ret);
}

/* Sealed files are never cut: this one is not as it was sealed. Its row, if any, tells that it is
 * missing. */
static void quarantine_torn(struct folder *folder, const char *name,
			    const struct segment_facts *facts)
{
	char reason[120];

	if (facts->valid_bytes)
		snprintf(reason, sizeof(reason),
			 "ends inside a pcapng block: %" PRIu64 " of %" PRIu64 " bytes are whole",
			 facts->valid_bytes, facts->file_bytes);
	else
		snprintf(reason, sizeof(reason), "not one whole pcapng block");
	quarantine_file(folder, name, reason);
}

/* A sealed file that no row describes as sealed: adopted with what it tells itself. */
static int recover_sealed(struct folder *folder, const char *name)
{
	struct recover_report *report = folder->recovery->report;
	struct segment_row *row = find_row(folder, name);
	struct segment_facts facts;
	int r;

	if ((row && row->sealed && !row->missing) || is_live(folder, name))
		return 0;
	r = inspect(folder, name, &facts);
	if (r) {
		skip(folder->recovery, folder->id, name, r);
		return 0;
	}
	if (facts.valid_bytes < facts.file_bytes || !facts.valid_bytes) {
		quarantine_torn(folder, name, &facts);
		return 0;
	}
	report->adopted++;
	if (!row)
		row = add_row(folder, name);
	take_facts(row, &facts);
	return save_row(folder, row);
}

static bool has_file(const struct folder *folder, const struct segment_row *row)
{
	char hidden[SEGMENT_NAME_SIZE + 1];

	snprintf(hidden, sizeof(hidden), ".%s", row->name);
	return folder->fd >= 0 && (is_kind(folder->fd, row->name, S_IFREG) ||
				   (!row->sealed && is_kind(folder->fd, hidden, S_IFREG)));
}

/* It was opened, and nothing of it reached the disk. What it held, if anything, is in the gap. */
static int forget_segment(struct folder *folder, const struct segment_row *row)
{
	int r = catalogue_remove_segment(folder->recovery->db, row);

	folder->changed = true;
	return r ? r : state_gap(folder, row->name);
}

/* `folder->fd` may be -1: then nothing is there. */
static int mark_missing(struct folder *folder)
{
	int r = 0;

	for (size_t i = 0; !r && i < folder->count; i++) {
		struct segment_row *row = &folder->segments[i];

		if (row->missing || has_file(folder, row) || is_live(folder, row->name))
			continue;
		if (!row->sealed && folder->fd >= 0) {
			r = forget_segment(folder, row);
			continue;
		}
		row->missing = true;
		folder->recovery->report->missing++;
		r = save_row(folder, row);
	}
	return r;
}

static int recover_files(struct folder *folder, const struct names *names)
{
	int r = 0;

	for (size_t i = 0; !r && i < names->count; i++) {
		const char *name = names->items[i];

		r = name[0] == '.' ? recover_hidden(folder, name) : recover_sealed(folder, name);
	}
	return r;
}

/* --- captures --- */

static int recover_capture(struct folder *folder)
{
	CLEANUP(names_fini) struct names names = {0};
	struct recovery *recovery = folder->recovery;
	bool had_row;
	int r = list_names(recovery, folder->fd, &names);

	if (r) {
		skip(recovery, folder->id, "", r);
		return 0;
	}
	sort_out(folder, &names);
	r = load_rows(folder, &names);
	if (r)
		return r < 0 ? r : 0;
	had_row = !folder->changed;
	r = recover_files(folder, &names);
	if (!r)
		r = mark_missing(folder);
	if (!r && !had_row) {
		end_capture(folder);
		r = catalogue_save_capture(recovery->db, &folder->capture);
	}
	return r;
}

/* All that matters ends with a line in the timeline, or is due: a manifest much younger than that
 * has it. */
static bool may_be_behind(const struct folder *folder)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	struct stat st;
	int64_t written;

	if (folder->due[0])
		return true;
	if (fstatat(folder->fd, MANIFEST_NAME, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT && folder->capture.id[0];
	written = st.st_mtim.tv_sec * DUR_S + st.st_mtim.tv_nsec;
	return !db_query(folder->recovery->db, &rows,
			 "SELECT max(at) FROM notes WHERE kind = 'capture' AND id = ?",
			 db_text(folder->id)) &&
	       db_next(&rows) == DB_ROW && db_get_integer(&rows, 0) > written - MANIFEST_LATE;
}

/* A manifest follows its commit: a crash between them leaves it behind. */
static bool is_behind(const struct folder *folder)
{
	return may_be_behind(folder) &&
	       manifest_is_current(folder->recovery->db, folder->fd, folder->id) != 1;
}

/* One that cannot be written is written again at the capture's next change. */
static void save_manifest(struct folder *folder)
{
	struct recovery *recovery = folder->recovery;
	int r = manifest_due_get(recovery->db, folder->id, folder->due);

	if (!r && (folder->changed || is_behind(folder)))
		r = manifest_save(recovery->db, recovery->captures_fd, recovery->calls->key,
				  folder->id);
	if (!r && folder->due[0])
		r = manifest_due_clear(recovery->db, folder->id, folder->due);
	if (r < 0)
		skip(recovery, folder->id, MANIFEST_NAME, r);
}

static int recover_id(struct recovery *recovery, const char *id)
{
	CLEANUP(folder_fini) struct folder folder = {.recovery = recovery, .id = id};
	int r;

	folder.fd =
		openat(recovery->captures_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder.fd < 0) {
		skip(recovery, "", id, -errno);
		return 0;
	}
	r = recover_capture(&folder);
	if (!r)
		save_manifest(&folder);
	return r;
}

static int recover_folders(struct recovery *recovery)
{
	CLEANUP(names_fini) struct names names = {0};
	int r = list_names(recovery, recovery->captures_fd, &names);

	for (size_t i = 0; !r && i < names.count; i++) {
		const char *name = names.items[i];

		if (!is_kind(recovery->captures_fd, name, S_IFDIR))
			quarantine(recovery, &(struct quarantine_item){
						     .folder = recovery->captures_fd,
						     .where = "",
						     .name = name,
						     .reason = "not the folder of a capture"});
		else if (ident_valid(name))
			r = recover_id(recovery, name);
	}
	return r;
}

/* Rows of a capture whose whole folder is gone. */
static int recover_absent(struct recovery *recovery, const char *id)
{
	CLEANUP(folder_fini) struct folder folder = {.recovery = recovery, .id = id, .fd = -1};
	struct stat st;
	int n;

	if (!fstatat(recovery->captures_fd, id, &st, AT_SYMLINK_NOFOLLOW) || errno != ENOENT)
		return 0;
	n = catalogue_list_segments(recovery->db, id, &folder.segments);
	folder.count = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : mark_missing(&folder);
}

static int recover_rows(struct recovery *recovery)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(recovery->db, &rows, "SELECT id FROM captures");

	while (!r && (r = db_next(&rows)) == DB_ROW)
		r = recover_absent(recovery, db_get_text(&rows, 0));
	return r;
}

int recover_folder(struct db *db, int captures_fd, const struct recover_calls *calls,
		   struct recover_report *ret)
{
	struct recovery recovery = {
		.db = db, .captures_fd = captures_fd, .calls = calls, .report = ret};
	int r;

	*ret = (struct recover_report){0};
	r = recover_folders(&recovery);
	return r ? r : recover_rows(&recovery);
}
