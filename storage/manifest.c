/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/signed_json.h"
#include "storage/db_internal.h"
#include "storage/journal.h"
#include "storage/json_text.h"
#include "storage/settings.h"

#define TOLD_ALERTS_MAX 100 /* told in full, the earliest; the timeline names all */

#define MANIFEST_VERSION   1
#define MANIFEST_MODE	   0640
#define MANIFEST_BYTES_MAX (32 << 20) /* some sixty thousand segments */

/* --- format --- */

static json_t *format_loss(const struct capture_loss *loss)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "kernel", json_count(loss->kernel),
			 "nic", json_count(loss->nic), "cursor", json_count(loss->cursor), "torn",
			 json_count(loss->torn), "disk", json_count(loss->disk), "restart",
			 json_count(loss->restart));
}

static json_t *format_coverage(const struct coverage *coverage)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "requested_from",
			 json_wall(coverage->requested_from), "requested_until",
			 json_wall(coverage->requested_until), "delivered_from",
			 json_wall(coverage->delivered_from), "delivered_until",
			 json_wall(coverage->delivered_until), "packets",
			 json_count(coverage->packets), "bytes", json_count(coverage->bytes),
			 "file_bytes", json_count(coverage->file_bytes), "loss",
			 format_loss(&coverage->loss), "completeness",
			 coverage_completeness_name(coverage->completeness), "code",
			 coverage->code);
}

static json_t *format_segment(const struct segment_row *row)
{
	return json_pack("{s:o, s:I, s:I, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "nic",
			 json_text(row->nic), "ring", (json_int_t)row->ring, "number",
			 (json_int_t)row->number, "name", json_text(row->name), "sealed",
			 (int)row->sealed, "missing", (int)row->missing, "file_bytes",
			 json_count(row->file_bytes), "packets", json_count(row->packets), "bytes",
			 json_count(row->bytes), "first", json_wall(row->first), "last",
			 json_wall(row->last), "loss", format_loss(&row->loss), "sha256",
			 json_text(row->sha256));
}

static json_t *format_gap(const struct gap_row *row)
{
	return json_pack("{s:o, s:o, s:b, s:b, s:o, s:o, s:o}", "nic", json_text(row->nic), "cause",
			 json_text(row->cause), "at_most", (int)row->at_most, "unknown",
			 (int)row->unknown, "packets", json_count(row->packets), "from",
			 json_wall(row->from), "to", json_wall(row->to));
}

static json_t *format_rings(const char *rings)
{
	json_t *list = json_array();

	while (*rings) {
		size_t len = strcspn(rings, ",");

		if (len)
			json_array_append_new(list, json_text_sized(rings, len));
		rings += len + (rings[len] == ',');
	}
	return list;
}

static json_t *format_capture(const struct capture_row *row)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o,"
			 " s:o}",
			 "id", json_text(row->id), "policy", json_text(row->policy), "policy_name",
			 json_text(row->policy_name), "alert", json_text(row->alert), "folder",
			 json_text(row->folder), "filter", json_text(row->filter), "slice",
			 json_text(row->slice), "rings", format_rings(row->rings), "state",
			 capture_state_name(row->state), "created_at", json_wall(row->created_at),
			 "finished_at", json_wall(row->finished_at), "trigger_at",
			 json_wall(row->trigger_at), "reach_from", json_wall(row->reach_from),
			 "stop_reason", json_text(row->stop_reason), "problem",
			 json_text(row->problem));
}

json_t *manifest_format(const struct capture_row *capture, const struct segment_row segments[],
			size_t segment_count, const struct gap_row gaps[], size_t gap_count,
			const json_t *timeline)
{
	json_t *object = format_capture(capture);
	json_t *segment_list = json_array(), *gap_list = json_array();
	struct coverage coverage;

	coverage_compute(capture, segments, segment_count, gaps, gap_count, &coverage);
	for (size_t i = 0; i < segment_count; i++)
		json_array_append_new(segment_list, format_segment(&segments[i]));
	for (size_t i = 0; i < gap_count; i++)
		json_array_append_new(gap_list, format_gap(&gaps[i]));
	json_object_set_new(object, "manifest", json_integer(MANIFEST_VERSION));
	json_object_set_new(object, "coverage", format_coverage(&coverage));
	json_object_set_new(object, "segments", segment_list);
	json_object_set_new(object, "gaps", gap_list);
	if (timeline)
		json_object_set(object, "timeline", (json_t *)timeline);
	return object;
}

/* --- what only the file has --- */

/* The end of the chain over what is hashed, in the order of the list; each says it up to itself. */
static void add_chain(json_t *manifest, const char *capture)
{
	char chain[SHA256_HEX_SIZE];
	json_t *segment;
	size_t i;

	sha256_chain_init(chain, capture);
	json_array_foreach (json_object_get(manifest, "segments"), i, segment) {
		const char *sha256 = json_string_value(json_object_get(segment, "sha256"));

		if (!sha256 || !*sha256)
			continue;
		sha256_chain(chain, json_string_value(json_object_get(segment, "name")),
			     (uint64_t)json_integer_value(json_object_get(segment, "file_bytes")),
			     sha256);
		json_object_set_new(segment, "chain", json_string(chain));
	}
	json_object_set_new(manifest, "chain", json_string(chain));
}

static int add_alert(struct db *db, json_t *alerts, const char *id)
{
	json_t *alert;
	int r;

	if (!id || !*id || json_object_get(alerts, id) ||
	    json_object_size(alerts) >= TOLD_ALERTS_MAX)
		return 0;
	r = journal_get_alert(db, id, &alert);
	if (r)
		return r < 0 ? r : 0; /* pruned */
	json_object_del(alert, "raw");
	return json_object_set_new(alerts, id, alert) ? -ENOMEM : 0;
}

/* Those that began, kept and ended it, as they were accepted. */
static int add_alerts(struct db *db, const struct capture_row *capture, json_t *manifest)
{
	json_t *alerts = json_object();
	const json_t *note;
	size_t i;
	int r = add_alert(db, alerts, capture->alert);

	json_object_set_new(manifest, "alerts", alerts);
	json_array_foreach (json_object_get(manifest, "timeline"), i, note)
		if (!r)
			r = add_alert(db, alerts,
				      json_string_value(json_object_get(note, "alert")));
	return r;
}

/* What the journal no longer has (pruned, or lost with the database) the manifest before this one
 * still tells, if we signed it. */
static void keep_alerts(int folder, const struct signing_key *key, json_t *manifest)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *before = NULL;
	char signer[SIGNING_PUBLIC_HEX_SIZE];

	if (!key || file_read(folder, MANIFEST_NAME, MANIFEST_BYTES_MAX, &text) ||
	    signed_json_parse(text.data ? text.data : "", text.len, &before, signer) ||
	    strcmp(signer, key->public_hex) != 0 ||
	    !json_equal(json_object_get(before, "id"), json_object_get(manifest, "id")))
		return;
	json_object_update_missing(json_object_get(manifest, "alerts"),
				   json_object_get(before, "alerts"));
}

static int add_pin(struct db *db, const char *capture, wall_t now, json_t *manifest)
{
	struct retention_state state;
	int r = retention_get(db, capture, now, &state);

	if (r)
		return r;
	json_object_set_new(manifest, "pin",
			    state.pinned ? json_pack("{s:o, s:o}", "until",
						     json_wall(state.pinned_until), "note",
						     json_text(state.pin_note))
					 : json_null());
	return 0;
}

static void add_probe(json_t *manifest, wall_t now)
{
	struct clock_state clock;
	char host[65] = "";

	clock_state_get(&clock);
	if (gethostname(host, sizeof(host) - 1))
		host[0] = '\0';
	json_object_set_new(manifest, "probe",
			    json_pack("{s:o, s:s}", "host", json_text(host), "software",
				      "Ringbell " RINGBELL_VERSION));
	json_object_set_new(manifest, "written_at", json_wall(now));
	json_object_set_new(manifest, "clock",
			    json_pack("{s:b, s:I}", "synchronised", (int)clock.synchronised,
				      "error_max_ns", (json_int_t)clock.error_max));
}

static int add_evidence(struct db *db, const struct capture_row *capture, json_t *manifest)
{
	wall_t now = wall_now();
	int r = add_alerts(db, capture, manifest);

	if (!r)
		r = add_pin(db, capture->id, now, manifest);
	add_chain(manifest, capture->id);
	add_probe(manifest, now);
	return r;
}

/* --- save --- */

static int read_rows(struct db *db, const struct capture_row *capture, json_t **ret)
{
	CLEANUP_FREE struct segment_row *segments = NULL;
	CLEANUP_FREE struct gap_row *gaps = NULL;
	CLEANUP_JSON json_t *timeline = NULL;
	int segment_count, gap_count, r;

	segment_count = catalogue_list_segments(db, capture->id, &segments);
	if (segment_count < 0)
		return segment_count;
	gap_count = catalogue_list_gaps(db, capture->id, &gaps);
	if (gap_count < 0)
		return gap_count;
	r = journal_list_notes(db, "capture", capture->id, "", &timeline);
	if (!r)
		*ret = manifest_format(capture, segments, (size_t)segment_count, gaps,
				       (size_t)gap_count, timeline);
	return r;
}

int manifest_save(struct db *db, int captures_fd, const struct signing_key *key,
		  const char *capture)
{
	CLEANUP_CLOSE int folder = -1;
	CLEANUP_JSON json_t *object = NULL;
	CLEANUP_FREE char *text = NULL;
	struct capture_row row;
	int r = catalogue_get_capture(db, capture, &row);

	if (r)
		return r < 0 ? r : MANIFEST_ABSENT;
	folder = openat(captures_fd, row.folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOENT ? MANIFEST_ABSENT : -errno;
	r = read_rows(db, &row, &object);
	if (!r)
		r = add_evidence(db, &row, object);
	if (r)
		return r;
	keep_alerts(folder, key, object);
	text = signed_json_format(object, key);
	return file_replace(folder, MANIFEST_NAME, MANIFEST_MODE, text, strlen(text));
}

/* --- due --- */

#define DUE "manifest_due" /* kind in the settings table, id = the capture's */

int manifest_due_set(struct db *db, const char *capture, const char *what)
{
	return settings_save(db, DUE, capture, what);
}

int manifest_due_get(struct db *db, const char *capture, char ret[MANIFEST_DUE_SIZE])
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows, "SELECT json FROM settings WHERE kind = '" DUE "' AND id = ?",
			 db_text(capture));

	ret[0] = '\0';
	if (!r && (r = db_next(&rows)) == DB_ROW) {
		snprintf(ret, MANIFEST_DUE_SIZE, "%s", db_get_text(&rows, 0));
		r = 0;
	}
	return r;
}

int manifest_due_clear(struct db *db, const char *capture, const char *what)
{
	return db_run(db, "DELETE FROM settings WHERE kind = '" DUE "' AND id = ? AND json = ?",
		      db_text(capture), db_text(what));
}

/* --- compare --- */

static int rows_tell(struct db *db, const char *capture, json_t **ret)
{
	struct capture_row row;
	int r = catalogue_get_capture(db, capture, &row);

	if (!r)
		r = read_rows(db, &row, ret);
	if (!r)
		r = add_pin(db, capture, wall_now(), *ret);
	if (!r)
		add_chain(*ret, capture);
	return r;
}

int manifest_is_current(struct db *db, int folder, const char *capture)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *told = NULL, *rows = NULL;
	char signer[SIGNING_PUBLIC_HEX_SIZE];
	const char *key;
	json_t *value;
	int r = rows_tell(db, capture, &rows);

	if (r)
		return r < 0 ? r : 0;
	if (file_read(folder, MANIFEST_NAME, MANIFEST_BYTES_MAX, &text) || !text.len)
		return 0;
	signed_json_parse(text.data, text.len, &told, signer);
	json_object_foreach (rows, key, value)
		if (!json_equal(json_object_get(told, key), value))
			return 0;
	return 1;
}

/* --- load: hostile bytes; everything that does not fit makes the manifest as good as absent --- */

static bool take_text(const json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (!value || strlen(value) >= size)
		return false;
	snprintf(text, size, "%s", value);
	return true;
}

static bool take_wall(const json_t *object, const char *key, wall_t *ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = (wall_t){0};
	if (json_is_null(value))
		return true;
	return json_is_string(value) && !wall_parse(json_string_value(value), ret);
}

static bool take_count(const json_t *object, const char *key, uint64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = (uint64_t)json_integer_value(value);
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool take_number(const json_t *object, const char *key, uint32_t *ret)
{
	uint64_t count;
	bool fits = take_count(object, key, &count) && count <= UINT32_MAX;

	*ret = (uint32_t)count;
	return fits;
}

static bool take_bool(const json_t *object, const char *key, bool *ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = json_is_true(value);
	return json_is_boolean(value);
}

static bool take_loss(const json_t *loss, struct capture_loss *ret)
{
	return take_count(loss, "kernel", &ret->kernel) && take_count(loss, "nic", &ret->nic) &&
	       take_count(loss, "cursor", &ret->cursor) && take_count(loss, "torn", &ret->torn) &&
	       take_count(loss, "disk", &ret->disk) && take_count(loss, "restart", &ret->restart);
}

static bool take_segment(const json_t *object, const char *capture, struct segment_row *ret)
{
	struct segment_name name;
	bool hidden;

	snprintf(ret->capture, sizeof(ret->capture), "%s", capture);
	return take_text(object, "nic", ret->nic, sizeof(ret->nic)) &&
	       take_number(object, "ring", &ret->ring) &&
	       take_number(object, "number", &ret->number) &&
	       take_text(object, "name", ret->name, sizeof(ret->name)) &&
	       !segment_name_parse(ret->name, &name, &hidden) && !hidden &&
	       take_bool(object, "sealed", &ret->sealed) &&
	       take_bool(object, "missing", &ret->missing) &&
	       take_count(object, "file_bytes", &ret->file_bytes) &&
	       take_count(object, "packets", &ret->packets) &&
	       take_count(object, "bytes", &ret->bytes) &&
	       take_wall(object, "first", &ret->first) && take_wall(object, "last", &ret->last) &&
	       take_loss(json_object_get(object, "loss"), &ret->loss) &&
	       take_text(object, "sha256", ret->sha256, sizeof(ret->sha256));
}

static bool take_gap(const json_t *object, const char *capture, struct gap_row *ret)
{
	snprintf(ret->capture, sizeof(ret->capture), "%s", capture);
	return take_text(object, "nic", ret->nic, sizeof(ret->nic)) &&
	       take_text(object, "cause", ret->cause, sizeof(ret->cause)) &&
	       take_bool(object, "at_most", &ret->at_most) &&
	       take_bool(object, "unknown", &ret->unknown) &&
	       take_count(object, "packets", &ret->packets) &&
	       take_wall(object, "from", &ret->from) && take_wall(object, "to", &ret->to);
}

static bool take_rings(const json_t *list, char rings[512])
{
	size_t i, used = 0;
	const json_t *nic;

	if (!json_is_array(list))
		return false;
	rings[0] = '\0';
	json_array_foreach (list, i, nic) {
		const char *text = json_string_value(nic);

		/* the names are kept as one text with commas between them */
		if (!text || !*text || strchr(text, ',') || used + strlen(text) + 2 > 512)
			return false;
		used += (size_t)snprintf(rings + used, 512 - used, "%s%s", i ? "," : "", text);
	}
	return true;
}

static bool take_state(const json_t *object, enum capture_state *ret)
{
	const char *text = json_string_value(json_object_get(object, "state"));

	for (int state = CAPTURE_STARTING; text && state <= CAPTURE_FINISHED; state++) {
		*ret = (enum capture_state)state;
		if (!strcmp(text, capture_state_name(*ret)))
			return true;
	}
	return false;
}

static bool take_capture(const json_t *object, struct capture_row *ret)
{
	const json_t *coverage = json_object_get(object, "coverage");

	return take_text(object, "id", ret->id, sizeof(ret->id)) &&
	       take_text(object, "policy", ret->policy, sizeof(ret->policy)) &&
	       take_text(object, "policy_name", ret->policy_name, sizeof(ret->policy_name)) &&
	       take_text(object, "alert", ret->alert, sizeof(ret->alert)) &&
	       take_text(object, "folder", ret->folder, sizeof(ret->folder)) &&
	       take_text(object, "filter", ret->filter, sizeof(ret->filter)) &&
	       take_text(object, "slice", ret->slice, sizeof(ret->slice)) &&
	       take_rings(json_object_get(object, "rings"), ret->rings) &&
	       take_state(object, &ret->state) &&
	       take_wall(object, "created_at", &ret->created_at) &&
	       take_wall(object, "finished_at", &ret->finished_at) &&
	       take_wall(coverage, "requested_from", &ret->requested_from) &&
	       take_wall(coverage, "requested_until", &ret->requested_until) &&
	       take_wall(object, "trigger_at", &ret->trigger_at) &&
	       take_wall(object, "reach_from", &ret->reach_from) &&
	       take_text(object, "stop_reason", ret->stop_reason, sizeof(ret->stop_reason)) &&
	       take_text(object, "problem", ret->problem, sizeof(ret->problem));
}

/* Manifests before pins were kept in them have no such member. */
static bool take_pin(const json_t *object, struct manifest *ret)
{
	const json_t *pin = json_object_get(object, "pin");

	ret->pinned = json_is_object(pin);
	if (!ret->pinned)
		return !pin || json_is_null(pin);
	return take_wall(pin, "until", &ret->pinned_until) &&
	       take_text(pin, "note", ret->pin_note, sizeof(ret->pin_note));
}

static bool take_lists(const json_t *object, struct manifest *ret)
{
	const json_t *segments = json_object_get(object, "segments");
	const json_t *gaps = json_object_get(object, "gaps");
	const json_t *item;
	size_t i;

	if (!json_is_array(segments) || !json_is_array(gaps))
		return false;
	ret->segments = xcalloc(json_array_size(segments) + 1, sizeof(*ret->segments));
	ret->gaps = xcalloc(json_array_size(gaps) + 1, sizeof(*ret->gaps));
	json_array_foreach (segments, i, item)
		if (!take_segment(item, ret->capture.id, &ret->segments[ret->segment_count++]))
			return false;
	json_array_foreach (gaps, i, item)
		if (!take_gap(item, ret->capture.id, &ret->gaps[ret->gap_count++]))
			return false;
	ret->timeline = json_incref(json_object_get(object, "timeline"));
	return true;
}

void manifest_fini(struct manifest *manifest)
{
	free(manifest->segments);
	free(manifest->gaps);
	json_decref(manifest->timeline);
	*manifest = (struct manifest){0};
}

int manifest_load(int folder, const char *capture, struct manifest *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *object = NULL;
	int r = file_read(folder, MANIFEST_NAME, MANIFEST_BYTES_MAX, &text);

	*ret = (struct manifest){0};
	if (r == -ENOENT || r == -EFBIG || r == -ELOOP)
		return MANIFEST_ABSENT;
	if (r)
		return r;
	/* jansson's own depth limit (2048) bounds its recursion */
	object = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_integer_value(json_object_get(object, "manifest")) != MANIFEST_VERSION ||
	    !take_capture(object, &ret->capture) || strcmp(ret->capture.id, capture) ||
	    strcmp(ret->capture.folder, capture) || !take_pin(object, ret) ||
	    !take_lists(object, ret)) {
		manifest_fini(ret);
		return MANIFEST_ABSENT;
	}
	return 0;
}
