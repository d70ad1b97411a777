/* SPDX-License-Identifier: Apache-2.0 */
/* Links that open one download without a token, and who downloaded what. */
#include <string.h>

#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/query_job.h"
#include "storage/audit.h"

#define LINK_TIME_DEFAULT DUR_HOUR

/* ---- links ---- */

/* Is it the path of a download, with a query or without? */
static int check_target(const char *target, struct error *err)
{
	struct route_match match;
	char path[AUDIT_REQUEST_SIZE];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
	if (strpbrk(target, " #\\\"<>") ||
	    route_find(api_routes, api_route_count, METHOD_GET, path, &match) ||
	    match.route->permission != PERMISSION_DOWNLOAD)
		return error_set(err, "invalid_value", "/path",
				 "\"%.100s\": the path of a download expected, as "
				 "/api/v1/captures/<id>/download",
				 target);
	if (strstr(target, "expires=") || strstr(target, "signature="))
		return error_set(err, "invalid_value", "/path",
				 "\"%.100s\": a path that is not a link yet expected", target);
	return 0;
}

static int read_link(const json_t *object, const char **target, dur_t *time, struct error *err)
{
	static const char *const keys[] = {"path", "for", NULL};
	int r = json_check_keys(object, "", keys, err);

	if (!r)
		r = json_read_text(object, "", "path", 1, AUDIT_REQUEST_SIZE - 200, target, err);
	if (r == JSON_ABSENT)
		return error_set(err, "missing_field", "/path", "the path of a download expected");
	if (!r)
		r = check_target(*target, err);
	if (r)
		return r;
	*time = LINK_TIME_DEFAULT;
	r = json_read_dur(object, "", "for", DUR_S, LINK_MAX, time, err);
	return r < 0 ? r : 0;
}

static void reply_link(struct exchange *exchange, const char *target, wall_t until)
{
	const struct control *control = exchange->control;
	char path[AUDIT_REQUEST_SIZE], at[WALL_TEXT_SIZE];

	if (link_format(&control->signing_key, target, until, path, sizeof(path))) {
		exchange_refuse(exchange, 422, "invalid_value",
				"/path: the link would be too long");
		return;
	}
	transfer_log_link(exchange, target);
	exchange_reply(exchange, 201,
		       json_pack("{s:o, s:s, s:s}", "url",
				 json_sprintf("%s%s", control->base_url, path), "path", path,
				 "expires_at", wall_format(until, at)));
}

void api_links_post(struct exchange *exchange)
{
	CLEANUP_JSON json_t *object = NULL;
	const char *target = NULL;
	struct error err = {0};
	wall_t now = wall_now();
	dur_t time = 0;

	if (!exchange_read_object(exchange, &object))
		return;
	if (read_link(object, &target, &time, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		return;
	}
	if (!exchange->control->signing_key.public_hex[0]) {
		exchange_refuse(exchange, 503, "not_ready",
				"this probe has no signing key: the log says why");
		return;
	}
	/* whole seconds are what the link says */
	reply_link(exchange, target, (wall_t){(now.ns + time) / DUR_S * DUR_S});
}

/* ---- the audit ---- */

static int list_run(struct db *db, struct query_job *job)
{
	json_t *items = NULL;
	int r = audit_list(db, job->id, job->before, job->limit, &items);

	if (r < 0)
		return r;
	job->json = query_job_page(items, job->limit);
	return 0;
}

void api_downloads_list(struct exchange *exchange)
{
	static const char *const allowed[] = {"limit", "before", "capture", NULL};
	struct query_job *job = query_job_new(exchange, list_run);

	job->limit = 50;
	if (!exchange_check_query(exchange, allowed) ||
	    !exchange_read_number(exchange, "limit", 1, 200, &job->limit) ||
	    !query_job_read_id(job, "before", job->before) ||
	    !query_job_read_id(job, "capture", job->id)) {
		query_job_abort(job);
		return;
	}
	query_job_post(job);
}
