/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/courier_link.h"

#include <errno.h>
#include <sodium/randombytes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/endpoint_failing.h"
#include "dispatch/serve/push_digest.h"
#include "dispatch/serve/push_message.h"

/* room for tests is left */
#define COURIER_ROWS_MAX (COURIER_LEASES_MAX - COURIER_TESTS_MAX)
#define LEASE_RETRY	 (5 * DUR_S) /* after a store failure */

static void on_timer(void *owner)
{
	courier_link_kick(owner);
}

void courier_link_init(struct courier_link *courier, struct control *control)
{
	memset(courier, 0, sizeof(*courier));
	courier->control = control;
	courier->timer = timer_new(control->loop, on_timer, courier);
	courier->results = json_object();
}

static void leases_forget(struct courier_link *courier)
{
	for (size_t i = 0; i < COURIER_LEASES_MAX; i++)
		free(courier->leases[i].along);
	memset(courier->leases, 0, sizeof(courier->leases));
	courier->leased = 0;
	for (size_t i = 0; i < courier->queue_count; i++)
		courier->queues[i]->leased = 0;
}

void courier_link_fini(struct courier_link *courier)
{
	courier->link = ipc_link_free(courier->link);
	courier->timer = timer_free(courier->timer);
	for (size_t i = 0; i < courier->queue_count; i++)
		free(courier->queues[i]);
	free(courier->queues);
	courier->queues = NULL;
	courier->queue_count = 0;
	leases_forget(courier);
	json_decref(courier->results);
	courier->results = NULL;
}

/* ---- queues ---- */

static struct push_queue *queue_find(const struct courier_link *courier, const char *endpoint)
{
	for (size_t i = 0; i < courier->queue_count; i++)
		if (!strcmp(courier->queues[i]->endpoint, endpoint))
			return courier->queues[i];
	return NULL;
}

static struct push_queue *queue_get(struct courier_link *courier, const char *endpoint)
{
	struct push_queue *queue = queue_find(courier, endpoint);

	if (queue)
		return queue;
	courier->queues = xreallocarray(courier->queues, courier->queue_count + 1,
					sizeof(courier->queues[0]));
	queue = courier->queues[courier->queue_count++] = xcalloc(1, sizeof(*queue));
	snprintf(queue->endpoint, sizeof(queue->endpoint), "%s", endpoint);
	return queue;
}

/* Those of endpoints that were deleted. */
static void queues_sweep(struct courier_link *courier)
{
	const struct engine *engine = courier->control->engine;

	for (size_t i = courier->queue_count; i-- > 0;) {
		struct push_queue *queue = courier->queues[i];

		if (queue->leased || engine_endpoint(engine, queue->endpoint))
			continue;
		courier->queues[i] = courier->queues[--courier->queue_count];
		free(queue);
	}
}

const char *courier_link_circuit(const struct courier_link *courier, const char *endpoint)
{
	const struct push_queue *queue = queue_find(courier, endpoint);

	return queue ? push_queue_state(queue, mono_now()) : "closed";
}

struct push_ends courier_link_ends(const struct courier_link *courier, const char *endpoint)
{
	const struct push_queue *queue = queue_find(courier, endpoint);

	return queue ? queue->ends : (struct push_ends){0};
}

void courier_link_count_suppressed(struct courier_link *courier, const char *endpoint)
{
	queue_get(courier, endpoint)->ends.suppressed++;
}

static struct push_queue_limits limits_of(const struct endpoint *endpoint)
{
	return (struct push_queue_limits){.rate = endpoint_number(endpoint, "rate"),
					  .concurrency = endpoint_number(endpoint, "concurrency")};
}

/* ---- leases ---- */

static struct lease *lease_find(struct courier_link *courier, const char *push)
{
	for (size_t i = 0; i < COURIER_LEASES_MAX; i++)
		if (!strcmp(courier->leases[i].push, push))
			return &courier->leases[i];
	return NULL;
}

/* An endpoint whose firings may be over before they are sent. */
struct collapse {
	char endpoint[IDENT_SIZE];
	enum outbox_collapse how;
};

/* A batch of rows being leased, and when the next one after it is due. */
struct lease_job {
	struct courier_link *courier;
	struct outbox_limits limits;
	struct collapse *collapses;
	size_t collapse_count;
	struct push_digest *digests;
	size_t digest_count;
	struct push_digest_rows along;
	dur_t wait; /* until an endpoint without room may have some; 0 = none waits for time */
	int max;
	int count;
	bool more;
	wall_t next_due;
	struct outbox_push rows[COURIER_LEASES_MAX];
};

static int lease_run(struct db *db, void *arg)
{
	struct lease_job *job = arg;
	int r;

	for (size_t i = 0; i < job->collapse_count; i++) {
		r = outbox_collapse(db, job->collapses[i].endpoint, job->collapses[i].how,
				    wall_now());
		if (r < 0)
			return r;
	}
	job->count = outbox_lease(db, wall_now(), &job->limits, job->max, job->rows);
	if (job->count < 0)
		return job->count;
	for (size_t i = 0; i < job->digest_count; i++) {
		r = push_digest_lease(db, wall_now(), &job->digests[i], job->rows, job->count,
				      &job->along);
		if (r < 0)
			return r;
	}
	r = outbox_next_due(db, &job->limits, &job->next_due);
	if (r < 0)
		return r;
	job->more = r == 0;
	return 0;
}

static void settle_row(struct courier_link *courier, const struct outbox_result *result);

/* A stored request that cannot be sent any more is a dead letter with its reason. */
static void lease_refuse(struct courier_link *courier, const struct outbox_push *row)
{
	struct outbox_result result = {
		.state = OUTBOX_DEAD,
		.at = wall_now(),
		.text = "the stored request does not fit the courier's limits"};

	memcpy(result.id, row->id, sizeof(result.id));
	log_error("push", "%s: %s", row->id, result.text);
	settle_row(courier, &result);
}

/* The engine is being loaded again. */
static void lease_postpone(struct courier_link *courier, const struct outbox_push *row)
{
	struct outbox_result result = {.state = OUTBOX_PENDING, .at = wall_now()};

	memcpy(result.id, row->id, sizeof(result.id));
	result.next_at = wall_add(result.at, DUR_S);
	settle_row(courier, &result);
}

/* State-like kinds and chats do not tell of what is over before it was told (DSP-06). */
static void add_collapse(struct lease_job *job, const struct endpoint *endpoint)
{
	bool drop = endpoint->kind == ENDPOINT_PAGERDUTY;
	struct collapse *item;

	if (!drop && endpoint->kind != ENDPOINT_SLACK && endpoint->kind != ENDPOINT_WECOM_APP &&
	    endpoint->kind != ENDPOINT_WECOM_ROBOT && endpoint->kind != ENDPOINT_DINGTALK)
		return;
	job->collapses =
		xreallocarray(job->collapses, job->collapse_count + 1, sizeof(job->collapses[0]));
	item = &job->collapses[job->collapse_count++];
	memcpy(item->endpoint, endpoint->id, sizeof(item->endpoint));
	item->how = drop ? OUTBOX_DROP : OUTBOX_COLLAPSE;
}

/* Chats get what their rate has no room for in one message (DSP-08). */
static void add_digest(struct lease_job *job, const struct endpoint *endpoint,
		       struct push_queue *queue, const struct push_queue_limits *limits, mono_t now)
{
	struct push_digest *item;

	if (!limits->rate || !push_digest_is_for(endpoint) || !push_queue_digests(queue, now))
		return;
	job->digests = xreallocarray(job->digests, job->digest_count + 1, sizeof(job->digests[0]));
	item = &job->digests[job->digest_count++];
	memcpy(item->endpoint, endpoint->id, sizeof(item->endpoint));
	item->room = push_queue_rate_room(queue, limits, now);
}

/* What each endpoint's queue allows now. */
static void set_limits(struct lease_job *job)
{
	struct courier_link *courier = job->courier;
	const struct engine *engine = courier->control->engine;
	const struct endpoint *endpoint;
	mono_t now = mono_now();

	queues_sweep(courier);
	for (size_t i = 0; (endpoint = engine_endpoint_at(engine, i)); i++) {
		struct push_queue_limits limits = limits_of(endpoint);
		struct push_queue *queue;
		struct outbox_limit *item;
		dur_t wait;

		if (endpoint->kind == ENDPOINT_PCAP)
			continue;
		queue = queue_get(courier, endpoint->id);
		wait = push_queue_wait(queue, &limits, now);
		job->limits.items = xreallocarray(job->limits.items, job->limits.count + 1,
						  sizeof(job->limits.items[0]));
		item = &job->limits.items[job->limits.count++];
		memcpy(item->endpoint, endpoint->id, sizeof(item->endpoint));
		item->room = push_queue_room(queue, &limits, now);
		if (item->room) {
			add_collapse(job, endpoint);
			add_digest(job, endpoint, queue, &limits, now);
		}
		if (wait && (!job->wait || wait < job->wait))
			job->wait = wait;
	}
}

static void set_title_of_both(struct courier_push *push)
{
	char title[1100];

	snprintf(title, sizeof(title), "[Occurred and resolved] %s",
		 courier_push_get(push, COURIER_TITLE));
	courier_push_set(push, COURIER_TITLE, title);
}

static void lease_fill(struct lease *lease, const struct outbox_push *row)
{
	*lease = (struct lease){
		.attempt = row->attempt, .since = row->since, .is_fallback = row->is_fallback};
	memcpy(lease->push, row->id, sizeof(lease->push));
	memcpy(lease->endpoint, row->endpoint, sizeof(lease->endpoint));
	memcpy(lease->alert, row->alert, sizeof(lease->alert));
	memcpy(lease->fingerprint, row->fingerprint, sizeof(lease->fingerprint));
}

static void lease_add_along(struct lease *lease, const struct lease_job *job, int index)
{
	for (size_t i = 0; i < job->along.count; i++) {
		if (job->along.items[i].carrier != index)
			continue;
		lease->along = xreallocarray(lease->along, lease->along_count + 1, sizeof(*lease));
		lease_fill(&lease->along[lease->along_count++], &job->along.items[i].push);
	}
}

/* What the courier is told of a row and those that go along. 0 or -EINVAL. */
static int write_push(const struct lease_job *job, int index, const struct endpoint *endpoint,
		      struct courier_push *push)
{
	const struct outbox_push *row = &job->rows[index];

	if (push_message_parse(row->request, endpoint, row->id, push) < 0)
		return -EINVAL;
	push->attempt = (uint32_t)row->attempt;
	courier_push_set(push, COURIER_REFERENCE, row->reference);
	if (row->is_collapsed)
		set_title_of_both(push);
	return push_digest_write(row, index, &job->along, push);
}

/* Those that were to go along: they go alone, now, and the damaged one is found. */
static void lease_return_along(const struct lease_job *job, int index)
{
	for (size_t i = 0; i < job->along.count; i++)
		if (job->along.items[i].carrier == index)
			lease_postpone(job->courier, &job->along.items[i].push);
}

static void lease_send(const struct lease_job *job, int index)
{
	struct courier_link *courier = job->courier;
	const struct outbox_push *row = &job->rows[index];
	const struct engine *engine = courier->control->engine;
	const struct endpoint *endpoint = engine ? engine_endpoint(engine, row->endpoint) : NULL;
	struct courier_push *push = xmalloc(sizeof(*push));
	struct lease *lease = lease_find(courier, "");

	bug_on(!lease);
	if (!engine) {
		lease_postpone(courier, row);
		lease_return_along(job, index);
	} else if (!endpoint || write_push(job, index, endpoint, push) < 0) {
		lease_refuse(courier, row);
		lease_return_along(job, index);
	} else {
		push_queue_on_lease(queue_get(courier, row->endpoint), mono_now());
		lease_fill(lease, row);
		lease_add_along(lease, job, index);
		courier->leased++;
		ipc_link_send(courier->link, COURIER_PUSH, push, courier_push_size(push), -1);
	}
	free(push);
}

static void set_timer(struct courier_link *courier, const struct lease_job *job)
{
	dur_t wait = wall_sub(job->next_due, wall_now());

	if (job->wait && (!job->more || job->wait < wait))
		timer_set(courier->timer, job->wait);
	else if (!job->more)
		timer_unset(courier->timer);
	else if (wait > 0) /* the wall clock may step meanwhile */
		timer_set(courier->timer, wait < DUR_MIN ? wait : DUR_MIN);
	else /* due, but it waits for an older one of its pair, whose end brings it; this is a net
	      */
		timer_set(courier->timer, DUR_S);
}

static void lease_done(void *arg, int result)
{
	struct lease_job *job = arg;
	struct courier_link *courier = job->courier;
	bool gone = !courier->link || courier->releasing;

	courier->leasing = false;
	for (int i = 0; i < job->count; i++) {
		if (result == 0 && !gone)
			lease_send(job, i);
	}
	for (int i = 0; i < job->count; i++)
		free(job->rows[i].request);
	if (result < 0)
		timer_set(courier->timer, LEASE_RETRY);
	else if (!gone)
		set_timer(courier, job);
	free(job->limits.items);
	free(job->collapses);
	free(job->digests);
	push_digest_rows_fini(&job->along);
	free(job);
	if (courier->again && result == 0)
		courier_link_kick(courier);
}

void courier_link_kick(struct courier_link *courier)
{
	struct lease_job *job;

	courier->again = courier->leasing || courier->releasing;
	if (courier->again || !courier->link || !courier->control->engine ||
	    courier->leased == COURIER_ROWS_MAX || courier->control->stopping)
		return;
	courier->leasing = true;
	job = xcalloc(1, sizeof(*job));
	job->courier = courier;
	job->max = (int)(COURIER_ROWS_MAX - courier->leased);
	set_limits(job);
	commit_post(&courier->control->commits, lease_run, lease_done, job);
}

/* ---- tests ---- */

int courier_link_test(struct courier_link *courier, const char *endpoint,
		      const struct courier_push *push, courier_on_test on_test, void *owner)
{
	struct courier_test *test = courier->tests;

	while (test < courier->tests + COURIER_TESTS_MAX && test->push[0])
		test++;
	if (!courier->link || test == courier->tests + COURIER_TESTS_MAX)
		return -EAGAIN;
	memcpy(test->push, push->push, sizeof(test->push));
	memcpy(test->endpoint, endpoint, sizeof(test->endpoint));
	test->on_test = on_test;
	test->owner = owner;
	ipc_link_send(courier->link, COURIER_PUSH, push, courier_push_size(push), -1);
	return 0;
}

static void remember_result(struct courier_link *courier, const char *endpoint,
			    const struct courier_result *result, bool test)
{
	const struct control *control = courier->control;
	char at[WALL_TEXT_SIZE];

	if (!control->engine || !engine_endpoint(control->engine, endpoint))
		return;
	json_object_set_new(courier->results, endpoint,
			    json_pack("{s:s, s:b, s:s, s:s, s:b}", "at",
				      wall_format(wall_now(), at), "delivered",
				      result->verdict == VERDICT_DELIVERED, "step",
				      courier_step_name((enum courier_step)result->step), "text",
				      result->text, "test", test));
}

/* 1 if the result is a test's. */
static int finish_test(struct courier_link *courier, const struct courier_result *result)
{
	for (size_t i = 0; i < COURIER_TESTS_MAX; i++) {
		struct courier_test test = courier->tests[i];

		if (strcmp(test.push, result->push))
			continue;
		courier->tests[i].push[0] = '\0';
		remember_result(courier, test.endpoint, result, true);
		test.on_test(test.owner, result);
		return 1;
	}
	return 0;
}

static void abort_tests(struct courier_link *courier)
{
	for (size_t i = 0; i < COURIER_TESTS_MAX; i++) {
		struct courier_test test = courier->tests[i];

		courier->tests[i].push[0] = '\0';
		if (test.push[0])
			test.on_test(test.owner, NULL);
	}
}

/* ---- verdicts ---- */

struct settle_job {
	struct courier_link *courier;
	struct timer *timer; /* another try, after a failed commit */
	struct outbox_result result;
	char text[512];
	char reference[128];
	char note[640];		     /* "" = none */
	bool settled;		     /* it was leased still */
	struct lease lease;	     /* push "" = none: nobody but the row is told */
	struct outbox_push fallback; /* endpoint "" = none */
};

static int settle_run(struct db *db, void *arg)
{
	struct settle_job *job = arg;
	int r = outbox_settle(db, &job->result);

	if (r == OUTBOX_NOT_LEASED) /* killed or given back meanwhile */
		return 0;
	job->settled = true;
	if (!r && job->fallback.endpoint[0])
		r = outbox_add_fallback(db, job->result.id, &job->fallback);
	if (r < 0 || !job->note[0])
		return r < 0 ? r : 0;
	return journal_add_note(db, job->result.at, "push", job->result.id, job->lease.alert,
				job->note);
}

static void settle_done(void *arg, int result);

static void settle_on_decided(void *owner, struct decision *decision, int result)
{
	(void)decision;
	settle_done(owner, result);
}

/* What was given up takes its push cycle with it (EPC-10), and who is told instead is told of the
 * end as well: with the verdict, in one transaction. */
static void settle_decide(struct settle_job *job)
{
	struct control *control = job->courier->control;
	struct decision *decision = decision_new(control);

	decision->also = settle_run;
	decision->also_arg = job;
	engine_on_push_dead(control->engine,
			    &(struct dead_push){.push = job->lease.push,
						.endpoint = job->lease.endpoint,
						.fingerprint = job->lease.fingerprint,
						.fallback = job->fallback.endpoint},
			    decision->now, &decision->actions);
	decision_commit(decision, settle_on_decided, job);
}

static void settle_post(struct settle_job *job)
{
	struct control *control = job->courier->control;

	if (job->result.state == OUTBOX_DEAD && job->lease.push[0] && control->engine)
		settle_decide(job);
	else
		commit_post(&control->commits, settle_run, settle_done, job);
}

static void settle_again(void *owner)
{
	struct settle_job *job = owner;

	job->timer = timer_free(job->timer);
	settle_post(job);
}

static void settle_count(const struct settle_job *job)
{
	struct push_ends *ends;

	if (!job->settled || !job->lease.push[0])
		return;
	ends = &queue_get(job->courier, job->lease.endpoint)->ends;
	ends->delivered += job->result.state == OUTBOX_DELIVERED;
	ends->dead += job->result.state == OUTBOX_DEAD;
}

/* A verdict that could not be written is kept and written later: the row stays leased meanwhile. */
static void settle_done(void *arg, int result)
{
	struct settle_job *job = arg;
	struct control *control = job->courier->control;

	if (result < 0 && !control->stopping) {
		job->timer = timer_new(control->loop, settle_again, job);
		timer_set(job->timer, LEASE_RETRY);
		return;
	}
	if (result >= 0)
		settle_count(job);
	courier_link_kick(job->courier);
	free(job);
}

static struct settle_job *settle_new(struct courier_link *courier,
				     const struct outbox_result *result)
{
	struct settle_job *job = xcalloc(1, sizeof(*job));

	job->courier = courier;
	job->result = *result;
	snprintf(job->text, sizeof(job->text), "%s", result->text);
	job->result.text = job->text;
	snprintf(job->reference, sizeof(job->reference), "%s",
		 result->reference ? result->reference : "");
	job->result.reference = job->reference;
	return job;
}

static void settle_row(struct courier_link *courier, const struct outbox_result *result)
{
	settle_post(settle_new(courier, result));
}

static dur_t retry_delay(const struct courier_result *verdict, int attempt)
{
	double chance = randombytes_uniform(1u << 20) / (double)(1u << 20);

	if (verdict->retry_after_ms > 0 && verdict->retry_after_ms <= DUR_HOUR / DUR_MS)
		return verdict->retry_after_ms * DUR_MS;
	return outbox_backoff(attempt, chance);
}

static bool may_retry(const struct lease *lease, const struct endpoint *endpoint, wall_t now)
{
	int64_t max = endpoint ? endpoint_number(endpoint, "attempts_max") : 0;

	return wall_sub(now, lease->since) < OUTBOX_AGE_MAX && (!max || lease->attempt < max);
}

static void verdict_format(const struct courier_result *verdict, const struct lease *lease,
			   const struct endpoint *endpoint, struct outbox_result *ret)
{
	ret->at = wall_now();
	ret->status = (int)verdict->status;
	ret->text = verdict->text;
	ret->reference = verdict->reference;
	if (verdict->verdict == VERDICT_DELIVERED) {
		ret->state = OUTBOX_DELIVERED;
	} else if (verdict->verdict == VERDICT_RETRY && may_retry(lease, endpoint, ret->at)) {
		ret->state = OUTBOX_PENDING;
		ret->next_at = wall_add(ret->at, retry_delay(verdict, lease->attempt));
	} else {
		ret->state = OUTBOX_DEAD;
	}
}

/* Who is told instead of an endpoint that was given up. */
static void set_fallback(struct courier_link *courier, const struct lease *lease,
			 const struct endpoint *endpoint, struct settle_job *job)
{
	const char *name = endpoint ? endpoint_text(endpoint, "fallback") : "";
	const struct endpoint *other = *name ? engine_endpoint(courier->control->engine, name)
					     : NULL;

	if (job->result.state != OUTBOX_DEAD || lease->is_fallback || !other || other == endpoint ||
	    !other->enabled || other->kind == ENDPOINT_PCAP)
		return;
	job->fallback.created_at = job->result.at;
	ident_new(job->result.at, job->fallback.id);
	memcpy(job->fallback.endpoint, other->id, sizeof(job->fallback.endpoint));
}

/* One row's end, or its next try. */
static enum outbox_state settle_lease(struct courier_link *courier, const struct lease *lease,
				      const struct courier_result *verdict,
				      const struct endpoint *setting)
{
	struct outbox_result result = {0};
	struct settle_job *job;

	memcpy(result.id, lease->push, sizeof(result.id));
	verdict_format(verdict, lease, setting, &result);
	job = settle_new(courier, &result);
	job->lease = *lease;
	job->lease.along = NULL;
	set_fallback(courier, lease, setting, job);
	if (result.state != OUTBOX_PENDING)
		snprintf(job->note, sizeof(job->note), "push %s after %d attempts: %s",
			 result.state == OUTBOX_DELIVERED ? "delivered" : "given up",
			 lease->attempt, job->text);
	/* not the remote's words: an answer may repeat a secret of ours */
	log_info("push", "%s: attempt %d: %s, status %u, step %s, alert %s", result.id,
		 lease->attempt,
		 result.state == OUTBOX_DELIVERED ? "delivered"
		 : result.state == OUTBOX_DEAD	  ? "dead"
						  : "again later",
		 verdict->status, courier_step_name(verdict->step), lease->alert);
	settle_post(job);
	return result.state;
}

/* A digest that was refused tells nothing of the alerts in it. */
static void judge_digest(struct courier_link *courier, const struct lease *lease,
			 struct courier_result *verdict)
{
	if (!lease->along_count || verdict->verdict != VERDICT_PERMANENT)
		return;
	log_warning("push", "%s: a digest of %zu is refused, each goes alone", lease->push,
		    lease->along_count + 1);
	push_queue_on_digest_refused(queue_get(courier, lease->endpoint), mono_now());
	verdict->verdict = VERDICT_RETRY;
}

static bool is_result_sound(struct courier_result *verdict)
{
	verdict->text[sizeof(verdict->text) - 1] = '\0';
	verdict->reference[sizeof(verdict->reference) - 1] = '\0';
	return memchr(verdict->push, 0, sizeof(verdict->push)) && verdict->push[0] &&
	       verdict->verdict <= VERDICT_DISABLE && verdict->step <= COURIER_STEP_REQUEST &&
	       verdict->retry_after_ms >= 0 && verdict->retry_after_ms <= DUR_HOUR / DUR_MS;
}

static int on_result(struct courier_link *courier, struct courier_result *verdict)
{
	const struct engine *engine = courier->control->engine;
	const struct endpoint *setting;
	enum outbox_state state;
	struct lease *lease, was;

	if (!is_result_sound(verdict))
		return -EBADMSG;
	if (finish_test(courier, verdict))
		return 0;
	lease = lease_find(courier, verdict->push);
	if (!lease)
		return 0; /* of a lease that was given back */
	was = *lease;
	*lease = (struct lease){0};
	courier->leased--;
	remember_result(courier, was.endpoint, verdict, false);
	setting = engine ? engine_endpoint(engine, was.endpoint) : NULL;
	push_queue_on_result(queue_get(courier, was.endpoint), verdict, mono_now(),
			     randombytes_uniform(1u << 20) / (double)(1u << 20));
	judge_digest(courier, &was, verdict);
	state = settle_lease(courier, &was, verdict, setting);
	if (was.along_count)
		verdict->reference[0] = '\0';
	for (size_t i = 0; i < was.along_count; i++)
		settle_lease(courier, &was.along[i], verdict, setting);
	free(was.along);
	if (verdict->verdict == VERDICT_DISABLE)
		endpoint_failing_disable(courier->control, was.endpoint, verdict->text);
	if (state != OUTBOX_PENDING)
		endpoint_failing_tell(courier->control, was.endpoint, state == OUTBOX_DEAD,
				      verdict->text);
	return 0;
}

static int on_health(struct courier_link *courier, const struct courier_health *health)
{
	if (health->stall_us > courier->stall_us)
		courier->stall_us = health->stall_us;
	return 0;
}

static int on_message(void *owner, struct ipc_message *message)
{
	struct courier_link *courier = owner;

	if (message->type == COURIER_HEALTH && ipc_is(message, struct courier_health))
		return on_health(owner, (const void *)message->body);
	if (message->type == COURIER_RECORD || message->type == COURIER_CONSUMING)
		return topic_sources_on_message(&courier->control->topics, message);
	if (message->type != COURIER_RESULT || !ipc_is(message, struct courier_result))
		return -EBADMSG;
	return on_result(owner, (void *)message->body);
}

/* ---- the link ---- */

static int release_run(struct db *db, void *arg)
{
	int r = outbox_release_leases(db);

	(void)arg;
	return r < 0 ? r : 0;
}

static void release_done(void *arg, int result)
{
	struct courier_link *courier = arg;

	(void)result; /* rows that stay leased are released at the next link or start */
	courier->releasing = false;
	if (!courier->control->stopping)
		courier_link_kick(courier);
}

/* Posted before any further lease, so that it releases only the old courier's. */
static void release_leases(struct courier_link *courier)
{
	leases_forget(courier);
	if (courier->releasing)
		return;
	courier->releasing = true;
	commit_post(&courier->control->commits, release_run, release_done, courier);
}

static void on_closed(void *owner)
{
	struct courier_link *courier = owner;

	log_warning("control", "courier is gone, %u pushes go back to the queue", courier->leased);
	courier->link = ipc_link_free(courier->link);
	abort_tests(courier);
	release_leases(courier);
	topic_sources_on_link(&courier->control->topics);
	control_on_link_lost(courier->control);
}

void courier_link_open(struct courier_link *courier, int socket)
{
	ipc_link_free(courier->link);
	abort_tests(courier);
	courier->link =
		ipc_link_new(courier->control->loop, socket, on_message, on_closed, courier);
	topic_sources_on_link(&courier->control->topics);
	release_leases(courier);
}
