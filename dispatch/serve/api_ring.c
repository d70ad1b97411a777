/* SPDX-License-Identifier: Apache-2.0 */
/* Packets straight from the rings: what the recorder still remembers, without making a capture. The
 * filter is compiled for each ring's link type, the recorder searches, and an extract worker merges
 * and encodes what it finds. */
#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/derived_source.h"

#define LAST_MAX  (365 * 24 * DUR_HOUR)
#define TOLERANCE (2 * DUR_S) /* a block spans up to one retire interval */

struct ring_job {
	struct exchange *exchange;
	struct derived_order order;
	struct derived_plan plan;
	uint32_t rings[CHILD_RINGS_MAX];
	size_t count, asked;
};

static void job_free(struct ring_job *job)
{
	derived_plan_fini(&job->plan);
	free(job);
}

/* `last` = from so long ago. */
static bool read_last(struct exchange *exchange, struct derived_order *order)
{
	const char *text = exchange_query(exchange, "last");
	dur_t last;

	if (!text)
		return true;
	if (dur_parse(text, &last) || last <= 0 || last > LAST_MAX ||
	    exchange_query(exchange, "from")) {
		exchange_refuse(
			exchange, 400, "invalid_value",
			"parameter last: \"%.60s\": a span like 60s, at most 8760h, without from, "
			"expected",
			text);
		return false;
	}
	order->job.from_ns = wall_add(wall_now(), -last).ns;
	if (order->job.from_ns <= order->job.to_ns)
		return true;
	exchange_refuse(exchange, 400, "invalid_value",
			"parameter to: a time within the last %.60s expected", text);
	return false;
}

static void find_rings(struct ring_job *job)
{
	struct ring_view ring;

	for (uint32_t i = 0; control_ring(job->exchange->control, i, &ring); i++)
		if (derived_nic_wanted(job->order.nics, ring.nic))
			job->rings[job->count++] = i;
}

/* Does the ring reach back as far as was asked? */
static void judge(struct ring_job *job, uint32_t ring)
{
	const struct shared_ring *shared = &job->exchange->control->shared->rings[ring];
	int64_t from = job->order.job.from_ns, oldest = atomic_load(&shared->oldest_wall_ns);
	bool short_of = from && (!oldest || oldest > from + TOLERANCE);

	if (job->plan.code && !short_of)
		return;
	job->plan.completeness = short_of ? PARTIAL : COMPLETE;
	job->plan.code = short_of ? "history_evicted" : "complete";
}

static void ask_next(struct ring_job *job);

static void on_program(void *owner, const struct program *program)
{
	struct ring_job *job = owner;
	struct ring_feed_options options = {.control = job->exchange->control,
					    .ring = job->rings[job->asked],
					    .from_ns = job->order.job.from_ns,
					    .until_ns = job->order.job.to_ns,
					    .program = program};
	struct ring_feed *feed;

	if (program->state != PROGRAM_READY) {
		exchange_reply_problem(job->exchange, 422, program_format_problem(program));
		job_free(job);
		return;
	}
	judge(job, job->rings[job->asked++]);
	feed = ring_feed_new(&options);
	if (feed) {
		job->plan.feeds[job->plan.feed_count++] = feed;
		ask_next(job);
		return;
	}
	exchange_refuse(job->exchange, 503, "not_ready", "the recorder is not ready, try again");
	job_free(job);
}

static void ask_next(struct ring_job *job)
{
	struct control *control = job->exchange->control;
	char text[COMPILE_TEXT_MAX];
	struct ring_view ring;

	if (job->asked == job->count) {
		derived_start(job->exchange, &job->order, &job->plan);
		job_free(job);
		return;
	}
	bug_on(!control_ring(control, job->rings[job->asked], &ring));
	program_format_text(control_exclusion(control, job->rings[job->asked], &ring),
			    job->order.filter, text);
	program_wait(&control->programs, ring.link_type, text, on_program, job);
}

void api_ring_packets(struct exchange *exchange)
{
	static const char *const allowed[] = {DERIVED_PARAMETERS, "last", NULL};
	struct ring_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	if (!exchange_check_query(exchange, allowed) ||
	    !derived_order_read(exchange, &job->order) || !read_last(exchange, &job->order) ||
	    !derived_check_room(exchange)) {
		free(job);
		return;
	}
	find_rings(job);
	if (job->count) {
		ask_next(job);
		return;
	}
	exchange_refuse(exchange, 400, "invalid_value",
			"parameter nic: \"%.100s\": NICs this probe records, comma-separated, "
			"expected",
			job->order.nics);
	free(job);
}
