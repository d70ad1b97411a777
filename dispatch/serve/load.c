/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/first_start.h"
#include "dispatch/serve/narrow.h"
#include "dispatch/serve/setting_row.h"
#include "storage/journal.h"
#include "storage/memory.h"
#include "storage/outbox.h"
#include "storage/quarantine.h"
#include "storage/recover.h"
#include "storage/settings.h"

#define DELIVERY_IDS_AGE  (24 * DUR_HOUR) /* a sender's retry of the same delivery comes within */
#define LIVE_CAPTURES_MAX 1000

struct load_job {
	struct control *control;
	enum load_kind kind;
	load_done done;
	const struct shared *shared;
	int captures_fd;
	struct load_result result;
	char (*recoveries)[IDENT_SIZE]; /* owned: alerts that wait to be confirmed */
	size_t recovery_count;
};

void load_result_fini(struct load_result *result)
{
	result->engine = engine_free(result->engine);
	live_clear(&result->live);
	json_decref(result->endpoint_problems);
	result->endpoint_problems = NULL;
}

/* ---- settings ---- */

static int complain(struct load_job *job, const char *kind, const char *id, const struct error *err)
{
	snprintf(job->result.message, sizeof(job->result.message), "%s %s: %s %s", kind, id,
		 err->field, err->text);
	return -EBADMSG;
}

static int load_policy(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;
	struct pcap_policy policy;
	struct error err;
	int r;

	pcap_policy_default(&policy);
	r = setting_row_parse_policy(json, &policy, &err);
	if (!r)
		engine_load_policy(job->result.engine, &policy);
	pcap_policy_fini(&policy);
	return r ? complain(job, "policy", id, &err) : 0;
}

#define LOAD_SETTING(type, job, id, json)                                                          \
	({                                                                                         \
		struct type setting_;                                                              \
		struct error err_;                                                                 \
		int r_;                                                                            \
		type##_default(&setting_);                                                         \
		r_ = setting_row_parse_##type(json, &setting_, &err_);                             \
		if (!r_)                                                                           \
			engine_load_##type((job)->result.engine, &setting_);                       \
		type##_fini(&setting_);                                                            \
		r_ ? complain(job, #type, id, &err_) : 0;                                          \
	})

static int load_endpoint(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	return LOAD_SETTING(endpoint, job, id, json);
}

static int load_source(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	return LOAD_SETTING(source, job, id, json);
}

static int load_alert_policy(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	return LOAD_SETTING(alert_policy, job, id, json);
}

static int load_route(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	return LOAD_SETTING(alert_route, job, id, json);
}

static int load_silence(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	return LOAD_SETTING(silence, job, id, json);
}

static int load_token(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;

	if (!strcmp(id, FIRST_START_ADMIN))
		setting_row_parse_text(json, "sha256", job->result.admin_sha256,
				       sizeof(job->result.admin_sha256));
	return 0;
}

static int load_problem(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;
	char reason[512];

	setting_row_parse_text(json, "reason", reason, sizeof(reason));
	json_object_set_new(job->result.endpoint_problems, id, json_string(reason));
	return 0;
}

static int load_settings(struct db *db, struct load_job *job)
{
	static const struct {
		const char *kind;
		settings_call call;
	} kinds[] = {
		{"policy", load_policy}, {"endpoint", load_endpoint},
		{"source", load_source}, {"alert_policy", load_alert_policy},
		{"route", load_route},	 {"silence", load_silence},
		{"token", load_token},	 {"endpoint_problem", load_problem},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r = settings_list(db, kinds[i].kind, kinds[i].call, job);

		if (r)
			return r;
	}
	return 0;
}

/* ---- engine state ---- */

static int load_run(void *owner, const struct policy_run *run)
{
	engine_load_run(((struct load_job *)owner)->result.engine, run);
	return 0;
}

static int load_hold(void *owner, const struct hold *hold)
{
	engine_load_hold(((struct load_job *)owner)->result.engine, hold);
	return 0;
}

static int load_open_alert(void *owner, const struct open_alert *alert)
{
	struct load_job *job = owner;

	engine_load_open_alert(job->result.engine, alert);
	if (!alert->recovery[0])
		return 0;
	job->recoveries =
		xreallocarray(job->recoveries, job->recovery_count + 1, sizeof(*job->recoveries));
	memcpy(job->recoveries[job->recovery_count++], alert->recovery, IDENT_SIZE);
	return 0;
}

static int load_recovery(struct db *db, struct engine *engine, const char *id)
{
	CLEANUP_JSON json_t *json = NULL;
	struct alert_list list;
	int r = journal_get_alert(db, id, &json);

	if (r)
		return r < 0 ? r : 0; /* pruned: it ends without a push */
	alert_list_init(&list);
	alert_parse(json, alert_list_add(&list));
	engine_load_recovery(engine, &list.alerts[0]);
	alert_list_fini(&list);
	return 0;
}

static int load_recoveries(struct db *db, struct load_job *job)
{
	int r = 0;

	for (size_t i = 0; i < job->recovery_count && !r; i++)
		r = load_recovery(db, job->result.engine, job->recoveries[i]);
	free(job->recoveries);
	job->recoveries = NULL;
	job->recovery_count = 0;
	return r;
}

static int load_memory(void *owner, const struct push_memory *memory)
{
	engine_load_memory(((struct load_job *)owner)->result.engine, memory);
	return 0;
}

static int load_told(void *owner, const char *fingerprint, const char *endpoint)
{
	engine_load_told(((struct load_job *)owner)->result.engine, fingerprint, endpoint);
	return 0;
}

static int load_delivery(void *owner, const char *source, const char *delivery_id)
{
	engine_load_delivery(((struct load_job *)owner)->result.engine, source, delivery_id);
	return 0;
}

static int load_state(struct db *db, struct load_job *job)
{
	int r = journal_list_runs(db, load_run, job);

	if (!r)
		r = journal_list_holds(db, load_hold, job);
	if (!r)
		r = journal_list_open_alerts(db, load_open_alert, job);
	if (!r)
		r = load_recoveries(db, job);
	if (!r)
		r = memory_list(db, load_memory, job);
	if (!r)
		r = memory_list_told(db, load_told, job);
	if (!r)
		r = journal_list_delivery_ids(db, wall_add(wall_now(), -DELIVERY_IDS_AGE),
					      load_delivery, job);
	return r;
}

/* ---- live captures ---- */

/* Segment numbers go on after the highest of the whole capture: ring indexes may have changed hands
 * with a restart of the daemon, and (capture, ring, number) is the row's key. */
static void track_restore(struct live_capture *capture, const struct segment_row rows[], int count)
{
	uint32_t next = 0;

	for (int i = 0; i < count; i++) {
		struct live_track *track = live_track_by_nic(capture, rows[i].nic);

		if (rows[i].number >= next)
			next = rows[i].number + 1;
		if (track && rows[i].last.ns > track->last.ns)
			track->last = rows[i].last;
	}
	for (size_t i = 0; i < capture->track_count; i++) {
		struct live_track *track = &capture->tracks[i];

		track->next_segment = next;
		track->ran = capture->row.state != CAPTURE_STARTING || count > 0;
		track->restored = true;
	}
}

static int load_capture(struct db *db, struct load_job *job, const struct capture_row *row)
{
	const struct pcap_policy *policy = engine_policy(job->result.engine, row->policy);
	struct live_capture *capture = live_add(&job->result.live, row);
	CLEANUP_FREE struct segment_row *segments = NULL;
	int n = catalogue_list_segments(db, row->id, &segments);

	if (n < 0)
		return n;
	capture->committed = *row;
	if (policy) {
		capture->rotate_bytes = policy->rotate_bytes;
		capture->rotate = policy->rotate;
		capture->budget_bytes = engine_budget(job->result.engine, policy->id);
		capture->is_wide = true; /* until load_narrow */
	}
	track_restore(capture, segments, n);
	return 0;
}

static int load_captures_of(struct db *db, struct load_job *job, enum capture_state state)
{
	CLEANUP_FREE struct capture_row *rows =
		xreallocarray(NULL, LIVE_CAPTURES_MAX, sizeof(*rows));
	struct catalogue_query query = {.before = "",
					.policy = "",
					.alert = "",
					.state = (int)state,
					.limit = LIVE_CAPTURES_MAX};
	int n = catalogue_list_captures(db, &query, rows);

	for (int i = 0; i < n; i++) {
		int r = load_capture(db, job, &rows[i]);

		if (r < 0)
			return r;
	}
	return n < 0 ? n : 0;
}

/* Without the row, or with one that cannot be read, the policy's own filter counts. */
static int load_narrow(void *owner, const char *id, const char *json)
{
	struct load_job *job = owner;
	struct live_capture *capture = live_find(&job->result.live, id);

	if (capture && narrow_parse(capture, json))
		log_warning("control", "%s: what narrowed it cannot be read, ignoring", id);
	return 0;
}

static void make_filters(struct load_job *job)
{
	struct live_capture *capture;

	LIST_FOREACH (capture, &job->result.live.captures, next) {
		const struct pcap_policy *policy =
			engine_policy(job->result.engine, capture->row.policy);

		if (!policy)
			continue;
		narrow_apply(capture, policy);
		live_match_commit(capture);
	}
}

static int load_captures(struct db *db, struct load_job *job)
{
	int r = load_captures_of(db, job, CAPTURE_STARTING);

	if (!r)
		r = load_captures_of(db, job, CAPTURE_RECORDING);
	if (!r)
		r = load_captures_of(db, job, CAPTURE_STOPPING);
	if (!r)
		r = settings_list(db, "narrow", load_narrow, job);
	make_filters(job);
	return r;
}

/* ---- jobs ---- */

static int read_run(struct db *db, void *arg)
{
	struct load_job *job = arg;
	int r;

	job->result.engine = engine_new();
	job->result.endpoint_problems = json_object();
	r = load_settings(db, job);
	if (!r)
		r = load_state(db, job);
	if (!r)
		r = load_captures(db, job);
	return r;
}

/* A capture whose track has a position in the supervisor's memory may still be written, or is
 * finished by the next recorder itself: recovery keeps its hands off. */
static bool is_live(void *owner, const char *capture, const char *nic, uint32_t number)
{
	const struct load_job *job = owner;

	(void)nic;
	(void)number;
	for (size_t i = 0; job->shared && i < SHARED_CURSORS_MAX; i++)
		if (atomic_load(&job->shared->cursors[i].used) &&
		    !strncmp(job->shared->cursors[i].capture, capture, IDENT_SIZE))
			return true;
	return false;
}

/* The name is another's: log_* shows control characters as such. */
static void on_quarantined(void *owner, const char *where, const char *name, const char *reason)
{
	(void)owner;
	log_warning("control", "recovery: \"%s%s%s\" moved to captures/" QUARANTINE_FOLDER ": %s",
		    where, *where ? "/" : "", name, reason);
}

static void on_skipped(void *owner, const char *where, const char *name, int r)
{
	(void)owner;
	log_warning("control", "recovery: \"%s%s%s\" could not be read or moved, left as it is: %s",
		    where, *where && *name ? "/" : "", name, strerror(-r));
}

static void log_recovery(const struct recover_report *report)
{
	if (report->adopted || report->repaired || report->quarantined || report->missing)
		log_info("control",
			 "recovery: %u segments adopted, %u repaired, %u missing; %u things "
			 "quarantined",
			 report->adopted, report->repaired, report->missing, report->quarantined);
}

static int start_run(struct db *db, void *arg)
{
	struct load_job *job = arg;
	const struct recover_calls calls = {.is_live = is_live,
					    .on_quarantined = on_quarantined,
					    .on_skipped = on_skipped,
					    .owner = job,
					    .key = &job->control->signing_key};
	struct recover_report report = {0};
	int r = first_start(db, job->control->config.state, job->result.message,
			    sizeof(job->result.message));

	if (r < 0)
		return r;
	r = recover_folder(db, job->captures_fd, &calls, &report);
	if (r < 0) {
		snprintf(job->result.message, sizeof(job->result.message),
			 "recovery of the captures folder: %s", strerrordesc_np(-r));
		return r;
	}
	log_recovery(&report);
	r = outbox_release_leases(db);
	return r < 0 ? r : 0;
}

static void read_done(void *arg, int result)
{
	struct load_job *job = arg;

	if (result && !job->result.message[0])
		snprintf(job->result.message, sizeof(job->result.message), "%s",
			 strerrordesc_np(result < 0 ? -result : EIO));
	job->done(job->control, &job->result, result);
	load_result_fini(&job->result);
	free(job);
}

static void start_done(void *arg, int result)
{
	struct load_job *job = arg;

	if (result < 0)
		read_done(arg, result);
	else
		store_post(job->control->store, STORE_READ, read_run, read_done, job);
}

void load_post(struct control *control, enum load_kind kind, load_done done)
{
	struct load_job *job = xcalloc(1, sizeof(*job));

	job->control = control;
	job->kind = kind;
	job->done = done;
	job->shared = control->shared;
	job->captures_fd = control->captures_fd;
	live_init(&job->result.live);
	if (kind == LOAD_START)
		store_post(control->store, STORE_WRITE, start_run, start_done, job);
	else
		store_post(control->store, STORE_READ, read_run, read_done, job);
}
