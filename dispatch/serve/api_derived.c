/* SPDX-License-Identifier: Apache-2.0 */
/* Packets chosen by time, filter and form: of one capture, of many, or of one as it is recorded. */
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/derived.h"

struct derived_job {
	struct exchange *exchange;
	struct derived_order order;
	struct derived_plan plan;
	char absent[IDENT_SIZE]; /* a capture that is asked for and is not there */
	bool too_many;
};

/* ---- on the store thread ---- */

/* The derived file is worth as much as the worst of its captures. */
static int judge(struct db *db, struct derived_plan *plan, const struct capture_row *capture,
		 const struct segment_row rows[], size_t count)
{
	CLEANUP_FREE struct gap_row *gaps = NULL;
	struct coverage coverage;
	int n = catalogue_list_gaps(db, capture->id, &gaps);

	if (n < 0)
		return n;
	coverage_compute(capture, rows, count, gaps, (size_t)n, &coverage);
	if (!plan->code || coverage.completeness > plan->completeness) {
		plan->completeness = coverage.completeness;
		plan->code = coverage.code;
	}
	return 0;
}

static int add_segments(struct db *db, struct derived_plan *plan, const struct capture_row *capture)
{
	CLEANUP_FREE struct segment_row *rows = NULL;
	int n = catalogue_list_segments(db, capture->id, &rows);

	if (n > 0) {
		plan->segments = xreallocarray(plan->segments, plan->segment_count + (size_t)n,
					       sizeof(*rows));
		memcpy(plan->segments + plan->segment_count, rows, (size_t)n * sizeof(*rows));
		plan->segment_count += (size_t)n;
	}
	return n < 0 ? n : judge(db, plan, capture, rows, (size_t)n);
}

static bool overlaps(const struct derived_order *order, const struct capture_row *row)
{
	return row->requested_from.ns <= order->job.to_ns &&
	       (row->state != CAPTURE_FINISHED || row->finished_at.ns >= order->job.from_ns);
}

static int plan_named(struct db *db, struct derived_job *job)
{
	struct derived_plan *plan = &job->plan;
	int r = 0;

	for (size_t i = 0; i < job->order.capture_count && !r; i++) {
		r = catalogue_get_capture(db, job->order.captures[i],
					  &plan->captures[plan->capture_count]);
		if (r == CATALOGUE_ABSENT) {
			memcpy(job->absent, job->order.captures[i], sizeof(job->absent));
			return 0;
		}
		plan->capture_count += !r;
	}
	return r;
}

/* All that fit, up to a limit. */
static int plan_found(struct db *db, struct derived_job *job)
{
	struct catalogue_query query = {.before = "",
					.policy = job->order.policy,
					.alert = job->order.alert,
					.state = -1,
					.limit = DERIVED_CAPTURES_MAX};
	struct derived_plan *plan = &job->plan;
	char before[IDENT_SIZE] = "";
	CLEANUP_FREE struct capture_row *rows = xcalloc(DERIVED_CAPTURES_MAX, sizeof(*rows));
	int n;

	query.before = before;
	while ((n = catalogue_list_captures(db, &query, rows)) > 0) {
		memcpy(before, rows[n - 1].id, sizeof(before));
		for (int i = 0; i < n && !job->too_many; i++) {
			if (!overlaps(&job->order, &rows[i]))
				continue;
			job->too_many = plan->capture_count == DERIVED_CAPTURES_MAX;
			if (!job->too_many)
				plan->captures[plan->capture_count++] = rows[i];
		}
		if (n < DERIVED_CAPTURES_MAX || job->too_many)
			break;
	}
	return n < 0 ? n : 0;
}

static int plan_run(struct db *db, void *arg)
{
	struct derived_job *job = arg;
	struct derived_plan *plan = &job->plan;
	int r;

	plan->captures = xcalloc(DERIVED_CAPTURES_MAX, sizeof(*plan->captures));
	r = job->order.capture_count ? plan_named(db, job) : plan_found(db, job);
	for (size_t i = 0; i < plan->capture_count && !r; i++)
		r = add_segments(db, plan, &plan->captures[i]);
	return r;
}

/* ---- on the loop ---- */

static void plan_done(void *arg, int result)
{
	struct derived_job *job = arg;
	struct exchange *exchange = job->exchange;

	if (result < 0)
		exchange_refuse_store(exchange, result);
	else if (job->absent[0])
		exchange_refuse(exchange, 404, "not_found", "there is no capture \"%s\"",
				job->absent);
	else if (job->too_many)
		exchange_refuse(exchange, 422, "too_many_captures",
				"more than %d captures fit: narrow them by time, policy or alert",
				DERIVED_CAPTURES_MAX);
	else
		derived_start(exchange, &job->order, &job->plan);
	derived_plan_fini(&job->plan);
	free(job);
}

static void derived_job_post(struct exchange *exchange, const struct derived_order *order)
{
	struct derived_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->order = *order;
	store_post(exchange->control->store, STORE_READ, plan_run, plan_done, job);
}

/* The capture in the path. */
static void post_one(struct exchange *exchange, struct derived_order *order)
{
	const char *id = exchange_param(exchange, 0);

	if (!ident_valid(id)) {
		exchange_refuse(exchange, 404, "not_found", "there is no capture \"%.60s\"", id);
		return;
	}
	memcpy(order->captures[0], id, IDENT_SIZE);
	order->capture_count = 1;
	derived_job_post(exchange, order);
}

void api_capture_packets(struct exchange *exchange)
{
	static const char *const allowed[] = {DERIVED_PARAMETERS, NULL};
	struct derived_order order;

	if (exchange_check_query(exchange, allowed) && derived_order_read(exchange, &order))
		post_one(exchange, &order);
}

void api_capture_follow(struct exchange *exchange)
{
	static const char *const allowed[] = {DERIVED_PARAMETERS, NULL};
	struct derived_order order;

	if (!exchange_check_query(exchange, allowed) || !derived_order_read(exchange, &order))
		return;
	order.job.follow = 1;
	post_one(exchange, &order);
}

void api_packets(struct exchange *exchange)
{
	static const char *const allowed[] = {DERIVED_PARAMETERS, "capture", "policy", "alert",
					      NULL};
	struct derived_order order;

	if (exchange_check_query(exchange, allowed) && derived_order_read(exchange, &order))
		derived_job_post(exchange, &order);
}
