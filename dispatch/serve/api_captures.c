/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: list, detail with coverage, stop. */
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/query_job.h"
#include "storage/json_text.h"
#include "storage/manifest.h"
#include "storage/retention.h"

#define LIST_MAX 200

/* ---- one capture as JSON, on the store thread ---- */

struct capture_rows {
	struct segment_row *segments;
	struct gap_row *gaps;
	int segment_count;
	int gap_count;
};

static void capture_rows_fini(struct capture_rows *rows)
{
	free(rows->segments);
	free(rows->gaps);
}

static int capture_rows_load(struct db *db, const char *id, struct capture_rows *ret)
{
	ret->segment_count = catalogue_list_segments(db, id, &ret->segments);
	if (ret->segment_count < 0)
		return ret->segment_count;
	ret->gap_count = catalogue_list_gaps(db, id, &ret->gaps);
	return ret->gap_count < 0 ? ret->gap_count : 0;
}

/* timeline may be NULL. */
static int capture_format(struct db *db, const struct capture_row *row, const json_t *timeline,
			  json_t **ret)
{
	CLEANUP(capture_rows_fini) struct capture_rows rows = {0};
	int r = capture_rows_load(db, row->id, &rows);

	if (r < 0)
		return r;
	*ret = manifest_format(row, rows.segments, (size_t)rows.segment_count, rows.gaps,
			       (size_t)rows.gap_count, timeline);
	return 0;
}

/* ---- what the recorder told since the last commit, on the loop ---- */

static json_t *track_view(const struct live_track *track)
{
	static const char *const states[] = {"waiting", "absent", "starting", "recording", "over"};
	const struct rec_track *progress = &track->progress;

	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "nic", track->nic, "state",
			 states[track->state], "following", (int)progress->following, "packets",
			 (json_int_t)progress->packets, "bytes", (json_int_t)progress->bytes,
			 "open_bytes",
			 progress->name[0] ? (json_int_t)progress->valid_bytes : (json_int_t)0);
}

static void raise_member(json_t *object, const char *key, uint64_t value)
{
	if ((uint64_t)json_integer_value(json_object_get(object, key)) < value)
		json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* The catalogue counts sealed segments only: a capture that runs has more. */
static void raise_coverage(json_t *coverage, const struct live_capture *capture)
{
	uint64_t packets = 0, bytes = 0;

	for (size_t i = 0; i < capture->track_count; i++) {
		packets += capture->tracks[i].progress.packets;
		bytes += capture->tracks[i].progress.bytes;
	}
	raise_member(coverage, "packets", packets);
	raise_member(coverage, "bytes", bytes);
	if (packets)
		json_object_set_new(coverage, "completeness", json_string("partial"));
}

/* For captures that run: `live`, what each track has, and the coverage so far. */
static void add_progress(const struct control *control, json_t *view)
{
	const char *id = json_string_value(json_object_get(view, "id"));
	struct live_capture *capture = id ? live_find((struct live *)&control->live, id) : NULL;
	json_t *tracks;

	if (!capture)
		return;
	tracks = json_array();
	for (size_t i = 0; i < capture->track_count; i++)
		json_array_append_new(tracks, track_view(&capture->tracks[i]));
	json_object_set_new(view, "live", tracks);
	raise_coverage(json_object_get(view, "coverage"), capture);
}

static void add_links(json_t *view)
{
	const char *id = json_string_value(json_object_get(view, "id"));
	char path[128];

	snprintf(path, sizeof(path), "/api/v1/captures/%s/download", id ? id : "");
	json_object_set_new(view, "download", json_string(path));
}

/* ---- list ---- */

static int list_run(struct db *db, struct query_job *job)
{
	CLEANUP_FREE struct capture_row *rows = xreallocarray(NULL, LIST_MAX, sizeof(*rows));
	struct catalogue_query query = {.before = job->before,
					.policy = job->policy,
					.alert = job->alert,
					.state = job->state,
					.limit = job->limit};
	int n = catalogue_list_captures(db, &query, rows);
	json_t *items;

	if (n < 0)
		return n;
	items = json_array();
	for (int i = 0; i < n; i++) {
		json_t *item = NULL;
		int r = capture_format(db, &rows[i], NULL, &item);

		if (r < 0) {
			json_decref(items);
			return r;
		}
		/* the detail has them */
		json_object_del(item, "segments");
		json_object_del(item, "gaps");
		json_object_del(item, "timeline");
		json_array_append_new(items, item);
	}
	job->json = query_job_page(items, job->limit);
	return 0;
}

static void list_finish(struct query_job *job)
{
	json_t *items = json_object_get(job->json, "items"), *item;
	size_t i;

	json_array_foreach (items, i, item) {
		add_progress(job->exchange->control, item);
		add_links(item);
	}
}

static bool read_state(struct query_job *job)
{
	const char *text = exchange_query(job->exchange, "state");

	job->state = -1;
	if (!text)
		return true;
	for (int i = CAPTURE_STARTING; i <= CAPTURE_FINISHED; i++)
		if (!strcmp(text, capture_state_name((enum capture_state)i)))
			job->state = i;
	if (job->state >= 0)
		return true;
	exchange_refuse(
		job->exchange, 400, "invalid_value",
		"parameter state: \"%.60s\": starting, recording, stopping or finished expected",
		text);
	return false;
}

/* ?policy= takes a name or an id, also of a policy that was deleted. */
static bool read_policy(struct query_job *job)
{
	const char *text = exchange_query(job->exchange, "policy");
	const struct pcap_policy *policy =
		text ? engine_policy(job->exchange->control->engine, text) : NULL;

	if (!text)
		return true;
	if (policy)
		memcpy(job->policy, policy->id, sizeof(job->policy));
	else if (ident_valid(text))
		snprintf(job->policy, sizeof(job->policy), "%s", text);
	if (job->policy[0])
		return true;
	exchange_refuse(job->exchange, 400, "unknown_policy", "there is no policy \"%.100s\"",
			text);
	return false;
}

void api_captures_list(struct exchange *exchange)
{
	static const char *const allowed[] = {"limit", "before", "policy", "alert", "state", NULL};
	struct query_job *job = query_job_new(exchange, list_run);

	job->limit = 50;
	job->finish = list_finish;
	if (!exchange_check_query(exchange, allowed) ||
	    !exchange_read_number(exchange, "limit", 1, LIST_MAX, &job->limit) ||
	    !query_job_read_id(job, "before", job->before) ||
	    !query_job_read_id(job, "alert", job->alert) || !read_state(job) || !read_policy(job))
		query_job_abort(job);
	else
		query_job_post(job);
}

/* ---- detail ---- */

/* What keeps it, or why its files are gone. */
static int add_retention(struct db *db, struct query_job *job)
{
	struct retention_state state;
	int r = retention_get(db, job->id, wall_now(), &state);

	if (r)
		return r;
	json_object_set_new(
		job->json, "retention",
		json_pack("{s:b, s:o, s:s, s:o, s:s?}", "pinned", state.pinned, "pinned_until",
			  json_wall(state.pinned_until), "note", state.pin_note, "removed_at",
			  json_wall(state.removed_at), "removed_because",
			  wall_known(state.removed_at) ? retention_reason_name(state.reason)
						       : NULL));
	return 0;
}

static int get_run(struct db *db, struct query_job *job)
{
	struct capture_row row;
	json_t *timeline = NULL;
	int r = catalogue_get_capture(db, job->id, &row);

	job->absent = r == CATALOGUE_ABSENT;
	if (r)
		return r < 0 ? r : 0;
	r = journal_list_notes(db, "capture", job->id, NULL, &timeline);
	if (!r)
		r = capture_format(db, &row, timeline, &job->json);
	json_decref(timeline);
	return r ? r : add_retention(db, job);
}

static void get_finish(struct query_job *job)
{
	add_progress(job->exchange->control, job->json);
	add_links(job->json);
}

void api_capture_reply(struct exchange *exchange, int status, const char *id)
{
	struct query_job *job = query_job_new(exchange, get_run);

	job->status = status;
	job->finish = get_finish;
	snprintf(job->id, sizeof(job->id), "%s", id);
	query_job_post(job);
}

void api_capture_get(struct exchange *exchange)
{
	api_capture_reply(exchange, 200, exchange_param(exchange, 0));
}

/* ---- stop ---- */

struct stop_reply {
	struct exchange *exchange;
	char id[IDENT_SIZE];
};

static void on_stopped(void *owner, struct decision *decision, int result)
{
	struct stop_reply *reply = owner;

	(void)decision;
	if (result < 0)
		exchange_refuse_store(reply->exchange, result);
	else
		api_capture_reply(reply->exchange, 200, reply->id);
	free(reply);
}

/* A capture that is over already is no mistake: the answer is its detail. */
void api_capture_stop(struct exchange *exchange)
{
	struct control *control = exchange->control;
	const char *id = exchange_param(exchange, 0);
	struct live_capture *capture = live_find(&control->live, id);
	struct decision *decision;
	struct stop_reply *reply;

	if (!capture || capture->row.state == CAPTURE_STOPPING) {
		api_capture_reply(exchange, 200, id);
		return;
	}
	log_info("control", "capture %s: operator stops it", id);
	decision = decision_new(control);
	engine_on_capture_stop(control->engine, id, decision->now, &decision->actions);
	reply = xcalloc(1, sizeof(*reply));
	reply->exchange = exchange;
	memcpy(reply->id, capture->row.id, sizeof(reply->id));
	decision_commit(decision, on_stopped, reply);
}
