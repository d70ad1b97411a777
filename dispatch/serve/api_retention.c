/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a capture, and what removes it by hand. */
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "storage/retention.h"

enum verb {
	VERB_PIN,
	VERB_UNPIN,
	VERB_REMOVE,
};

struct keep_job {
	struct exchange *exchange;
	enum verb verb;
	char id[IDENT_SIZE];
	wall_t now, until;
	char note[RETENTION_NOTE_MAX + 1];
	bool absent, running, pinned;
};

/* ---- on the store thread ---- */

static int remove_one(struct db *db, struct keep_job *job)
{
	struct retention_state state;
	struct capture_row row;
	int r = catalogue_get_capture(db, job->id, &row);

	job->absent = r == CATALOGUE_ABSENT;
	if (r)
		return r < 0 ? r : 0;
	job->running = row.state != CAPTURE_FINISHED;
	r = retention_get(db, job->id, job->now, &state);
	if (r)
		return r;
	job->pinned = state.pinned;
	if (job->running || job->pinned || wall_known(state.removed_at))
		return 0;
	return retention_remove(db, job->id, RETENTION_OPERATOR, job->now);
}

static int pin_one(struct db *db, struct keep_job *job)
{
	struct capture_row row;
	int r = catalogue_get_capture(db, job->id, &row);

	job->absent = r == CATALOGUE_ABSENT;
	if (r)
		return r < 0 ? r : 0;
	return job->verb == VERB_PIN ? retention_pin(db, job->id, job->until, job->note, job->now)
				     : retention_unpin(db, job->id, job->now);
}

static int keep_run(struct db *db, void *arg)
{
	struct keep_job *job = arg;

	return job->verb == VERB_REMOVE ? remove_one(db, job) : pin_one(db, job);
}

/* ---- on the loop ---- */

static void keep_done(void *arg, int result)
{
	struct keep_job *job = arg;
	struct exchange *exchange = job->exchange;

	if (result < 0)
		exchange_refuse_store(exchange, result);
	else if (job->absent)
		exchange_refuse(exchange, 404, "not_found", "there is no capture \"%s\"", job->id);
	else if (job->running)
		exchange_refuse(exchange, 409, "capture_running",
				"capture %s is running: stop it first", job->id);
	else if (job->pinned)
		exchange_refuse(exchange, 409, "pinned",
				"capture %s is pinned: remove the pin first", job->id);
	else {
		if (job->verb == VERB_REMOVE)
			retention_job_kick(&exchange->control->retention);
		else
			manifest_job_post(exchange->control, job->id);
		exchange_reply_empty(exchange, 204);
	}
	free(job);
}

static struct keep_job *keep_new(struct exchange *exchange, enum verb verb)
{
	const char *id = exchange_param(exchange, 0);
	struct keep_job *job;

	if (!ident_valid(id)) {
		exchange_refuse(exchange, 404, "not_found", "there is no capture \"%.60s\"", id);
		return NULL;
	}
	job = xcalloc(1, sizeof(*job));
	job->exchange = exchange;
	job->verb = verb;
	job->now = wall_now();
	memcpy(job->id, id, IDENT_SIZE);
	return job;
}

static void keep_post(struct keep_job *job)
{
	if (job)
		commit_post(&job->exchange->control->commits, keep_run, keep_done, job);
}

void api_capture_delete(struct exchange *exchange)
{
	keep_post(keep_new(exchange, VERB_REMOVE));
}

void api_capture_unpin(struct exchange *exchange)
{
	keep_post(keep_new(exchange, VERB_UNPIN));
}

static int read_until(const json_t *object, wall_t now, wall_t *ret, struct error *err)
{
	const char *text = "";
	int r = json_read_text(object, "", "until", 0, WALL_TEXT_SIZE, &text, err);

	if (r < 0 || !*text)
		return r;
	if (wall_parse(text, ret) || ret->ns <= now.ns)
		return error_set(
			err, "invalid_value", "/until",
			"\"%.60s\": a time in the future like 2026-11-20T15:30:00Z expected", text);
	return 0;
}

void api_capture_pin(struct exchange *exchange)
{
	static const char *const allowed[] = {"until", "note", NULL};
	CLEANUP_JSON json_t *object = NULL;
	struct keep_job *job;
	const char *note = "";
	struct error err;

	if (!exchange_read_object(exchange, &object))
		return;
	job = keep_new(exchange, VERB_PIN);
	if (!job)
		return;
	if (json_check_keys(object, "", allowed, &err) < 0 ||
	    json_read_text(object, "", "note", 0, RETENTION_NOTE_MAX, &note, &err) < 0 ||
	    read_until(object, job->now, &job->until, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		free(job);
		return;
	}
	snprintf(job->note, sizeof(job->note), "%s", note);
	keep_post(job);
}
