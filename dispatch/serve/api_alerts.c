/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cleanup.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/query_job.h"
#include "storage/journal.h"
#include "storage/outbox.h"

#define DELIVERIES_MAX 200

static const char *const filters[] = {"level",	"policy", "object", "policy_level",
				      "region", "team",	  "user",   NULL};

static const char *filter_of(const struct query_job *job, const char *name)
{
	return json_string_value(json_object_get(job->filter, name));
}

static int list_run(struct db *db, struct query_job *job)
{
	struct journal_query query = {.before = job->before,
				      .source = job->source,
				      .fingerprint = job->fingerprint,
				      .open_only = job->open_only,
				      .limit = job->limit,
				      .level = filter_of(job, "level"),
				      .policy = filter_of(job, "policy"),
				      .object = filter_of(job, "object"),
				      .policy_level = filter_of(job, "policy_level"),
				      .region = filter_of(job, "region"),
				      .team = filter_of(job, "team"),
				      .user = filter_of(job, "user"),
				      .since = job->since,
				      .until = job->until};
	char next[IDENT_SIZE];
	json_t *items = NULL;
	int r = journal_list_alerts(db, &query, &items, next);

	if (r < 0)
		return r;
	job->json = json_pack("{s:o, s:s?}", "items", items, "next", *next ? next : NULL);
	return 0;
}

/* Returns false after having answered 400. */
static bool read_time(struct exchange *exchange, const char *name, wall_t *ret)
{
	const char *text = exchange_query(exchange, name);

	if (!text || !wall_parse(text, ret))
		return true;
	exchange_refuse(exchange, 400, "invalid_value",
			"parameter %s: \"%.60s\" is no time like 2026-01-31T12:00:00Z", name, text);
	return false;
}

static bool read_filters(struct exchange *exchange, struct query_job *job)
{
	const char *level = exchange_query(exchange, "level");
	enum level known;

	job->filter = json_object();
	for (const char *const *name = filters; *name; name++) {
		const char *text = exchange_query(exchange, *name);

		/* Jansson makes no string of what is no UTF-8 */
		if (!text || !json_object_set_new(job->filter, *name, json_string(text)))
			continue;
		exchange_refuse(exchange, 400, "invalid_value", "parameter %s: UTF-8 expected",
				*name);
		return false;
	}
	if (level && level_parse(level, &known)) {
		exchange_refuse(exchange, 400, "invalid_value",
				"parameter level: \"%.60s\" is none of " LEVEL_WORDS, level);
		return false;
	}
	if (level) /* "致命" and "1" are critical too */
		json_object_set_new(job->filter, "level", json_string(level_name(known)));
	return read_time(exchange, "since", &job->since) &&
	       read_time(exchange, "until", &job->until);
}

void api_alerts_list(struct exchange *exchange)
{
	static const char *const allowed[] = {"limit", "before", "source", "fingerprint",  "open",
					      "level", "policy", "object", "policy_level", "region",
					      "team",  "user",	 "since",  "until",	   NULL};
	struct query_job *job = query_job_new(exchange, list_run);
	const char *open = exchange_query(exchange, "open");
	const char *source = exchange_query(exchange, "source");
	const char *fingerprint = exchange_query(exchange, "fingerprint");

	job->limit = 50;
	if (!exchange_check_query(exchange, allowed) ||
	    !exchange_read_number(exchange, "limit", 1, 200, &job->limit) ||
	    !query_job_read_id(job, "before", job->before) || !read_filters(exchange, job)) {
		query_job_abort(job);
		return;
	}
	job->open_only = open && strcmp(open, "false");
	snprintf(job->source, sizeof(job->source), "%s", source ? source : "");
	snprintf(job->fingerprint, sizeof(job->fingerprint), "%s", fingerprint ? fingerprint : "");
	query_job_post(job);
}

static int captures_of_alert(struct db *db, const char *alert, json_t **ret)
{
	struct capture_row rows[16];
	struct catalogue_query query = {.before = "",
					.policy = "",
					.alert = alert,
					.state = -1,
					.limit = (int)ARRAY_SIZE(rows)};
	int n = catalogue_list_captures(db, &query, rows);

	if (n < 0)
		return n;
	*ret = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(*ret, json_pack("{s:s, s:s, s:s}", "id", rows[i].id, "policy",
						      rows[i].policy_name, "state",
						      capture_state_name(rows[i].state)));
	return 0;
}

static int get_run(struct db *db, struct query_job *job)
{
	json_t *deliveries = NULL, *captures = NULL, *timeline = NULL;
	int r = journal_get_alert(db, job->id, &job->json);

	if (r == JOURNAL_ABSENT) {
		job->absent = true;
		return 0;
	}
	if (!r)
		r = outbox_list(db, job->id, DELIVERIES_MAX, &deliveries);
	if (r < 0)
		return r;
	json_object_set_new(job->json, "deliveries", deliveries);
	r = captures_of_alert(db, job->id, &captures);
	if (r < 0)
		return r;
	json_object_set_new(job->json, "captures", captures);
	r = journal_list_notes(db, NULL, NULL, job->id, &timeline);
	if (r < 0)
		return r;
	json_object_set_new(job->json, "timeline", timeline);
	return 0;
}

void api_alert_get(struct exchange *exchange)
{
	struct query_job *job = query_job_new(exchange, get_run);

	snprintf(job->id, sizeof(job->id), "%s", exchange_param(exchange, 0));
	query_job_post(job);
}
