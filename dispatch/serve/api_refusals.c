/* SPDX-License-Identifier: Apache-2.0 */
/* What senders sent that became no alert, and what a sample would become. */
#include <string.h>

#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/dry_run.h"
#include "dispatch/serve/query_job.h"
#include "storage/refusal.h"

static int list_run(struct db *db, struct query_job *job)
{
	json_t *items = NULL;
	int r = refusal_list(db, job->source, job->before, job->limit, &items);

	if (r < 0)
		return r;
	job->json = query_job_page(items, job->limit);
	return 0;
}

void api_refusals_list(struct exchange *exchange)
{
	static const char *const allowed[] = {"limit", "before", "source", NULL};
	struct query_job *job = query_job_new(exchange, list_run);
	const char *source = exchange_query(exchange, "source");

	job->limit = 50;
	if (!exchange_check_query(exchange, allowed) ||
	    !exchange_read_number(exchange, "limit", 1, 100, &job->limit) ||
	    !query_job_read_id(job, "before", job->before)) {
		query_job_abort(job);
		return;
	}
	snprintf(job->source, sizeof(job->source), "%s", source ? source : "");
	query_job_post(job);
}

static int get_run(struct db *db, struct query_job *job)
{
	int r = refusal_get(db, job->id, &job->json);

	job->absent = r == JOURNAL_ABSENT;
	return r < 0 ? r : 0;
}

void api_refusal_get(struct exchange *exchange)
{
	struct query_job *job = query_job_new(exchange, get_run);

	snprintf(job->id, sizeof(job->id), "%s", exchange_param(exchange, 0));
	query_job_post(job);
}

/* ---- preview ---- */

/* "source": the name of one, or settings to try. Returns false after having answered. */
static bool read_source(struct exchange *exchange, const json_t *object, struct source *ret)
{
	const json_t *value = json_object_get(object, "source");
	const struct source *known = NULL;
	struct source *copy;
	struct error err = {0};

	if (json_is_string(value))
		known = engine_source(exchange->control->engine, json_string_value(value));
	if (known) {
		copy = source_copy(known);
		source_fini(ret);
		*ret = *copy;
		free(copy);
		return true;
	}
	if (!json_is_object(value)) {
		exchange_refuse(exchange, 422, "invalid_value",
				"/source: the name of a source, or a source's settings, expected");
		return false;
	}
	if (source_read(ret, value, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		return false;
	}
	return true;
}

static json_t *format_problem(const struct error *err)
{
	return json_pack("{s:s, s:s, s:s}", "code", err->code, "field", err->field, "text",
			 err->text);
}

static void preview(struct exchange *exchange, const struct source *source, const char *body,
		    size_t len)
{
	struct instant now = instant_now();
	struct intake intake = source_intake(source, now.wall);
	json_t *alerts = json_array(), *problem = json_null(), *effects = json_array();
	json_t *programs = json_array();
	struct alert_list list;
	struct error err = {0};

	alert_list_init(&list);
	if (intake_parse(&intake, body, len, &list, &err))
		problem = format_problem(&err);
	for (size_t i = 0; i < list.count; i++) {
		struct alert *alert = &list.alerts[i];

		json_array_append_new(alerts, alert_format(alert));
		alert->delivery_id[0] =
			'\0'; /* no copy of one that was seen: it would do nothing */
		json_array_append_new(effects,
				      dry_run_alert(exchange->control, alert, now, programs));
	}
	dry_run_reply(exchange,
		      json_pack("{s:o, s:o, s:I, s:o}", "alerts", alerts, "effects", effects,
				"ignored", (json_int_t)list.ignored, "problem", problem),
		      programs);
	alert_list_fini(&list);
}

/* A payload is what the sender would post: as text, or as JSON. */
void api_source_preview(struct exchange *exchange)
{
	static const char *const keys[] = {"source", "payload", NULL};
	CLEANUP_JSON json_t *object = NULL;
	CLEANUP_FREE char *text = NULL;
	struct error err = {0};
	const json_t *payload;
	struct source source;

	if (!exchange_read_object(exchange, &object))
		return;
	payload = json_object_get(object, "payload");
	if (json_check_keys(object, "", keys, &err) || !payload) {
		if (!payload)
			error_set(&err, "missing_field", "/payload",
				  "what the sender would post is expected, as text or as JSON");
		exchange_refuse_error(exchange, 422, &err);
		return;
	}
	source_default(&source);
	if (read_source(exchange, object, &source)) {
		text = json_is_string(payload) ? NULL : json_format(payload);
		preview(exchange, &source, text ? text : json_string_value(payload),
			text ? strlen(text) : json_string_length(payload));
	}
	source_fini(&source);
}
