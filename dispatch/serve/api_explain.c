/* SPDX-License-Identifier: Apache-2.0 */
/* Dry run: what would this alert do? The engine plans and changes nothing; nothing is stored. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/query_job.h"
#include "policy/plan.h"
#include "storage/journal.h"

static json_t *named(const char *id, const char *name)
{
	return json_pack("{s:s, s:s}", "id", id, "name", name);
}

static json_t *push_view(const struct plan_push *push)
{
	return json_pack("{s:o, s:b, s:s, s:I}", "endpoint",
			 named(push->endpoint->id, push->endpoint->name), "push", !push->suppress,
			 "reason", push->suppress ? push->suppress : push->why, "count",
			 (json_int_t)push->held_back + 1);
}

static json_t *from_view(const struct engine *engine, const struct alert *alert,
			 const struct plan_switch *item, struct instant now)
{
	const struct policy_run *run = engine_run(engine, item->policy->id);
	char text[WALL_TEXT_SIZE];

	if (item->kind != SWITCH_HOLD || !run || run->capture[0])
		return json_null();
	return json_string(
		wall_format(engine_plan_from(engine, alert, item->policy->id, now), text));
}

static json_t *switch_view(const struct engine *engine, const struct alert *alert,
			   const struct plan_switch *item, struct instant now)
{
	const char *obstacle = engine_plan_obstacle(engine, item->policy->id, now);
	json_t *endpoint = item->endpoint ? named(item->endpoint->id, item->endpoint->name)
					  : json_null();

	return json_pack("{s:o, s:o, s:s, s:s?, s:s?, s:o, s:s}", "policy",
			 named(item->policy->id, item->policy->name), "endpoint", endpoint,
			 "action", switch_kind_name(item->kind), "reason",
			 item->reason[0] ? item->reason : NULL, "obstacle",
			 item->kind == SWITCH_HOLD ? obstacle : NULL, "from",
			 from_view(engine, alert, item, now), "filter", item->policy->filter);
}

static json_t *routes_view(const struct engine *engine, const struct alert *alert)
{
	const struct alert_route *route;
	json_t *list = json_array();

	for (size_t i = 0; (route = engine_plan_route(engine, alert, i)); i++)
		json_array_append_new(list, named(route->id, route->name));
	return list;
}

static json_t *explain(const struct engine *engine, const struct alert *alert, struct instant now)
{
	json_t *pushes = json_array(), *switches = json_array(), *view;
	struct plan plan = {0};

	engine_plan(engine, alert, now, &plan);
	for (size_t i = 0; i < plan.push_count; i++)
		json_array_append_new(pushes, push_view(&plan.pushes[i]));
	for (size_t i = 0; i < plan.switch_count; i++)
		json_array_append_new(switches, switch_view(engine, alert, &plan.switches[i], now));
	view = json_pack(
		"{s:o, s:s, s:b, s:o, s:o, s:b, s:o, s:o, s:o}", "alert", alert_format(alert),
		"outcome", alert_outcome_name(plan.outcome), "acts", plan.acts, "alert_policy",
		plan.policy ? named(plan.policy->id, plan.policy->name) : json_null(), "routes",
		routes_view(engine, alert), "default", plan.by_default, "silence",
		plan.silence ? named(plan.silence->id, plan.silence->name) : json_null(), "pushes",
		pushes, "switches", switches);
	plan_fini(&plan);
	return view;
}

/* The alerts of one delivery, or of it only those with the fingerprint. A delivery is not taken for
 * the copy of one that was seen: it would do nothing then. */
static json_t *explain_body(const struct engine *engine, const struct source *source,
			    const char *fingerprint, const char *body, struct error *err)
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
				json_array_append_new(views, explain(engine, alert, now));
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
	json_t *views;

	if (!source)
		return;
	text = json_is_string(body) ? xstrdup(json_string_value(body)) : json_format(body);
	views = explain_body(exchange->control->engine, source, "", text, &err);
	if (views)
		exchange_reply(exchange, 200, json_pack("{s:o}", "alerts", views));
	else
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
static void stored_finish(struct query_job *job)
{
	const struct engine *engine = job->exchange->control->engine;
	const char *name = json_string_value(json_object_get(job->json, "source"));
	const char *raw = json_string_value(json_object_get(job->json, "raw"));
	const char *fingerprint = json_string_value(json_object_get(job->json, "fingerprint"));
	const struct source *source = name && engine ? engine_source(engine, name) : NULL;
	struct error err = {0};
	json_t *views = NULL;

	if (source && raw)
		views = explain_body(engine, source, fingerprint ? fingerprint : "", raw, &err);
	json_decref(job->json);
	job->json = json_pack("{s:o}", "alerts", views ? views : json_array());
}

static void explain_stored(struct exchange *exchange, const char *id)
{
	struct query_job *job = query_job_new(exchange, stored_run);

	job->finish = stored_finish;
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
