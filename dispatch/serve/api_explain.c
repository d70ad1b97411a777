/* SPDX-License-Identifier: Apache-2.0 */
/* Dry run: what would this alert do? The engine plans and changes nothing; nothing is stored. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/dry_run.h"
#include "dispatch/serve/query_job.h"
#include "storage/journal.h"

/* The alerts of one delivery, or of it only those with the fingerprint. A delivery is not taken for
 * the copy of one that was seen: it would do nothing then. */
static json_t *explain_body(const struct control *control, const struct source *source,
			    const char *fingerprint, const char *body, json_t *programs,
			    struct error *err)
{
	struct instant now = instant_now();
	struct intake intake = source_intake(source, now.wall);
	struct alert_list list;
	json_t *views = NULL;

	alert_list_init(&list);
	if (intake_parse(&intake, body, strlen(body), &list, err) >= 0) {
		views = json_array();
		for (size_t i = 0; i < list.count; i++) {
			struct alert *alert = &list.alerts[i];

			alert->delivery_id[0] = '\0';
			if (!*fingerprint || !strcmp(fingerprint, alert->fingerprint))
				json_array_append_new(views,
						      dry_run_alert(control, alert, now, programs));
		}
	}
	alert_list_fini(&list);
	return views;
}

/* ---- a pasted sample ---- */

static const struct source *find_source(struct exchange *exchange, const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "source"));
	const struct source *source = name ? engine_source(exchange->control->engine, name) : NULL;

	if (!source)
		exchange_refuse(exchange, 404, "unknown_source", "there is no source \"%.100s\"",
				name ? name : "");
	return source;
}

static void explain_sample(struct exchange *exchange, const json_t *object)
{
	const struct source *source = find_source(exchange, object);
	const json_t *body = json_object_get(object, "body");
	CLEANUP_FREE char *text = NULL;
	struct error err = {0};
	json_t *views, *programs;

	if (!source)
		return;
	text = json_is_string(body) ? xstrdup(json_string_value(body)) : json_format(body);
	programs = json_array();
	views = explain_body(exchange->control, source, "", text, programs, &err);
	if (views) {
		dry_run_reply(exchange, json_pack("{s:o}", "alerts", views), programs);
		return;
	}
	json_decref(programs);
	exchange_refuse_error(exchange, 422, &err);
}

/* ---- a stored event: its delivery is replayed ---- */

static int stored_run(struct db *db, struct query_job *job)
{
	int r = journal_get_alert(db, job->id, &job->json);

	job->absent = r == JOURNAL_ABSENT;
	return r < 0 ? r : 0;
}

/* A delivery that its source would refuse today, or whose source is gone, does nothing. */
static void stored_reply(struct query_job *job)
{
	const struct control *control = job->exchange->control;
	const struct engine *engine = control->engine;
	json_t *programs = json_array();
	const char *name = json_string_value(json_object_get(job->json, "source"));
	const char *raw = json_string_value(json_object_get(job->json, "raw"));
	const char *fingerprint = json_string_value(json_object_get(job->json, "fingerprint"));
	const struct source *source = name && engine ? engine_source(engine, name) : NULL;
	struct error err = {0};
	json_t *views = NULL;

	if (source && raw)
		views = explain_body(control, source, fingerprint ? fingerprint : "", raw, programs,
				     &err);
	dry_run_reply(job->exchange, json_pack("{s:o}", "alerts", views ? views : json_array()),
		      programs);
}

static void explain_stored(struct exchange *exchange, const char *id)
{
	struct query_job *job = query_job_new(exchange, stored_run);

	job->reply = stored_reply;
	snprintf(job->id, sizeof(job->id), "%s", id);
	query_job_post(job);
}

void api_alerts_explain(struct exchange *exchange)
{
	static const char *const allowed[] = {"alert", "source", "body", NULL};
	CLEANUP_JSON json_t *object = NULL;
	struct error err = {0};
	const char *id;
	int r;

	if (!exchange_read_object(exchange, &object))
		return;
	r = json_check_keys(object, "", allowed, &err);
	if (r >= 0)
		r = json_read_text(object, "", "alert", 1, IDENT_SIZE - 1, &id, &err);
	if (!r)
		explain_stored(exchange, id);
	else if (r == JSON_ABSENT && json_object_get(object, "body"))
		explain_sample(exchange, object);
	else if (r == JSON_ABSENT && error_set(&err, "missing_field", "/body",
					       "source and body, or the id of an alert, expected"))
		exchange_refuse_error(exchange, 422, &err);
	else
		exchange_refuse_error(exchange, 422, &err);
}
