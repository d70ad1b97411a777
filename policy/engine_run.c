/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "policy/engine_internal.h"
#include "policy/utf8.h"

#define RETRY_FIRST (10 * DUR_S)
#define RETRY_MAX   (60 * DUR_S)

/* ---- what keeps a held policy off ---- */

static bool is_spent(const struct engine_policy *policy, struct instant now)
{
	const struct pcap_policy *settings = policy->settings;

	return settings->captures_max && wall_known(policy->run.span_from) &&
	       policy->run.span_captures >= settings->captures_max &&
	       mono_sub(now.mono, policy->span_from) < settings->captures_span;
}

/* A capture that runs is not ended by having been the last one allowed. */
const char *engine_obstacle(const struct engine_policy *policy, struct instant now)
{
	if (!policy->settings->enabled)
		return "disabled";
	if (!schedule_is_open(&policy->settings->schedule, now.wall))
		return "schedule";
	return !policy->run.capture[0] && is_spent(policy, now) ? "budget_captures" : NULL;
}

/* When the obstacle, or that there is none, may be over. */
static void set_block(struct turn *turn, struct engine_policy *policy)
{
	struct deadline_heap *heap = &turn->engine->due;
	wall_t change = schedule_next(&policy->settings->schedule, turn->now.wall);

	if (policy->blocked && !strcmp(policy->blocked, "budget_captures"))
		deadline_set(heap, &policy->block, DUE_BLOCK,
			     mono_add(policy->span_from, policy->settings->captures_span));
	else if (wall_known(change))
		deadline_set(heap, &policy->block, DUE_BLOCK, instant_mono_at(turn->now, change));
	else
		deadline_clear(heap, &policy->block);
}

static bool is_wanted(struct turn *turn, struct engine_policy *policy)
{
	policy->blocked = engine_obstacle(policy, turn->now);
	if (policy->blocked || policy->settings->schedule.count || policy->block.place)
		set_block(turn, policy);
	return policy->holds.count && !policy->run.veto && !policy->blocked;
}

/* ---- what a step asks for ---- */

static struct action *add_capture(struct turn *turn, const struct engine_policy *policy,
				  enum action_kind kind)
{
	struct action *action = actions_add(turn->actions, kind);
	const struct policy_run *run = &policy->run;

	memcpy(action->capture.id, run->capture, sizeof(action->capture.id));
	memcpy(action->capture.policy, run->policy, sizeof(action->capture.policy));
	action->capture.from = run->capture_from;
	action->capture.trigger = run->capture_began;
	return action;
}

static void count_capture(struct turn *turn, struct engine_policy *policy)
{
	struct policy_run *run = &policy->run;

	if (!wall_known(run->span_from) ||
	    mono_sub(turn->now.mono, policy->span_from) >= policy->settings->captures_span) {
		run->span_from = turn->now.wall;
		policy->span_from = turn->now.mono;
		run->span_captures = 0;
	}
	run->span_captures++;
}

void engine_set_duration(struct turn *turn, struct engine_policy *policy)
{
	dur_t most = policy->settings->max_duration;
	struct deadline_heap *heap = &turn->engine->due;

	if (most && policy->run.capture[0])
		deadline_set(heap, &policy->duration, DUE_DURATION,
			     instant_mono_at(turn->now, wall_add(policy->run.capture_began, most)));
	else
		deadline_clear(heap, &policy->duration);
}

static void begin_capture(struct turn *turn, struct engine_policy *policy,
			  const struct cause *cause)
{
	struct policy_run *run = &policy->run;
	wall_t trigger = wall_known(cause->trigger) ? cause->trigger : turn->now.wall;
	const char *alert = cause->alert ? cause->alert : "";
	struct action_capture *capture;

	count_capture(turn, policy);
	ident_new(turn->now.wall, run->capture);
	run->capture_from = wall_known(cause->from) ? cause->from : turn->now.wall;
	run->capture_began = trigger;
	capture = &add_capture(turn, policy, ACTION_CAPTURE)->capture;
	utf8_put(capture->alert, sizeof(capture->alert), alert);
	capture = &add_capture(turn, policy, ACTION_START)->capture;
	utf8_put(capture->alert, sizeof(capture->alert), alert);
	policy->told = true;
	policy->budget = engine_budget(turn->engine, run->policy);
	engine_set_duration(turn, policy);
}

void engine_resume(struct turn *turn, struct engine_policy *policy)
{
	add_capture(turn, policy, ACTION_START)->capture.resume = true;
	policy->told = true;
	policy->budget = engine_budget(turn->engine, policy->run.policy);
}

void engine_end_capture(struct turn *turn, struct engine_policy *policy, const char *reason,
			wall_t until)
{
	struct policy_run *run = &policy->run;
	struct action *action;

	if (run->capture[0]) {
		action = add_capture(turn, policy, ACTION_STOP);
		action->capture.until = until;
		engine_set_reason(action, reason);
	}
	memset(run->capture, 0, sizeof(run->capture));
	run->capture_from = run->capture_began = (wall_t){0};
	deadline_clear(&turn->engine->due, &policy->duration);
	policy->told = false;
	policy->changed = true;
}

static void clear_timers(struct turn *turn, struct engine_policy *policy)
{
	deadline_clear(&turn->engine->due, &policy->linger);
	deadline_clear(&turn->engine->due, &policy->retry);
	policy->run.linger_until = policy->run.retry_at = (wall_t){0};
}

static void set_linger(struct turn *turn, struct engine_policy *policy, const struct cause *cause)
{
	mono_t until = mono_add(turn->now.mono, policy->settings->linger);

	deadline_set(&turn->engine->due, &policy->linger, DUE_LINGER, until);
	policy->run.linger_until = instant_wall_at(turn->now, until);
	utf8_put(policy->stop_reason, sizeof(policy->stop_reason), cause->reason);
}

/* 10 s, doubling to 60 s. */
static void set_retry(struct turn *turn, struct engine_policy *policy)
{
	dur_t wait = RETRY_FIRST << (policy->failures < 3 ? policy->failures : 3);
	mono_t at = mono_add(turn->now.mono, wait < RETRY_MAX ? wait : RETRY_MAX);

	policy->failures++;
	deadline_set(&turn->engine->due, &policy->retry, DUE_RETRY, at);
	policy->run.retry_at = instant_wall_at(turn->now, at);
}

/* ---- the step ---- */

static void keep_reason(struct engine_policy *policy, const struct policy_step *step,
			const struct cause *cause)
{
	struct policy_run *run = &policy->run;

	/* the first cause stays through all retries, until it records again or is over */
	if (step->state == POLICY_ABNORMAL && !run->reason[0])
		utf8_put(run->reason, sizeof(run->reason), cause->reason);
	if (step->state == POLICY_ON || step->state == POLICY_OFF) {
		run->reason[0] = '\0';
		policy->failures = 0;
	}
}

/* A linger ends when it ends, even if nobody was there to see it. */
static wall_t end_of_capture(const struct turn *turn, const struct engine_policy *policy,
			     enum policy_event event)
{
	if (event == EVENT_LINGERED)
		return instant_wall_at(turn->now, policy->linger.at);
	return turn->now.wall;
}

static void apply_step(struct turn *turn, struct engine_policy *policy, enum policy_event event,
		       const struct policy_step *step, const struct cause *cause)
{
	if (step->actions & STEP_CAPTURE_END)
		engine_end_capture(turn, policy, cause->reason,
				   end_of_capture(turn, policy, event));
	if (step->actions & STEP_TIMERS_CLEAR)
		clear_timers(turn, policy);
	if (step->actions & STEP_LINGER_SET)
		set_linger(turn, policy, cause);
	if (step->actions & STEP_RETRY_SET)
		set_retry(turn, policy);
	if ((step->actions & STEP_CAPTURE_RETRY) && policy->run.capture[0])
		engine_resume(turn, policy);
	else if (step->actions & (STEP_CAPTURE_BEGIN | STEP_CAPTURE_RETRY))
		begin_capture(turn, policy, cause);
}

static void add_run(struct turn *turn, struct engine_policy *policy, const char *reason)
{
	struct action *action = actions_add(turn->actions, ACTION_RUN);

	action->run = policy->run;
	engine_set_reason(action, reason);
	policy->changed = false;
}

/* A policy that has a reason to be abnormal is told of through the endpoints, and so is its end
 * (PEP-17). */
static void tell_health(struct turn *turn, const struct engine_policy *policy, bool was_ill)
{
	bool is_ill = policy->run.reason[0];

	if (is_ill != was_ill)
		engine_signal(turn, "policy_abnormal", policy->settings->name, was_ill, LEVEL_ERROR,
			      is_ill ? policy->run.reason : policy_state_name(policy->run.state));
}

/* The only place that assigns a state. */
void engine_step(struct turn *turn, struct engine_policy *policy, enum policy_event event,
		 const struct cause *cause)
{
	dur_t linger = cause->at_once ? 0 : policy->settings->linger;
	enum policy_state old = policy->run.state;
	bool was_ill = policy->run.reason[0];
	struct policy_step step = machine_step(old, event, linger);
	char reason[160];

	policy->run.state = step.state;
	apply_step(turn, policy, event, &step, cause);
	if (step.state == old && !step.actions && !policy->changed)
		return;
	keep_reason(policy, &step, cause);
	tell_health(turn, policy, was_ill);
	snprintf(reason, sizeof(reason), "%s -> %s (%s)", policy_state_name(old),
		 policy_state_name(step.state), policy_event_name(event));
	add_run(turn, policy, reason);
}

void engine_save_run(struct turn *turn, struct engine_policy *policy, const char *what)
{
	char reason[160];

	if (!policy->changed)
		return;
	snprintf(reason, sizeof(reason), "%s: %s", policy_state_name(policy->run.state), what);
	add_run(turn, policy, reason);
}

/* The last capture used up its budget: what a new hold is about deserves one of its own. */
static bool limit_reached(const struct engine_policy *policy)
{
	return policy->run.state == POLICY_ABNORMAL && !policy->run.capture[0];
}

/* A policy that always records begins its next capture at once; any other has had what it is
 * allowed. */
void engine_on_duration(struct turn *turn, struct engine_policy *policy)
{
	struct cause cause = {.reason = "limit_duration: the capture has lasted as long as the "
					"policy allows"};

	engine_step(turn, policy, EVENT_LIMIT, &cause);
	if (policy->run.state == POLICY_ABNORMAL && policy->settings->always)
		engine_step(turn, policy, EVENT_RETRY, &cause);
}

/* The levels that hold it allow another size than the recorder was told. */
static void review_budget(struct turn *turn, struct engine_policy *policy)
{
	uint64_t budget = engine_budget(turn->engine, policy->run.policy);

	if (!policy->run.capture[0] || !policy->told || !policy->holds.count ||
	    budget == policy->budget)
		return;
	policy->budget = budget;
	add_capture(turn, policy, ACTION_EDIT);
}

void engine_settle(struct turn *turn, struct engine_policy *policy, const struct cause *cause)
{
	bool wanted = is_wanted(turn, policy);

	switch (policy->run.state) {
	case POLICY_OFF:
		if (wanted)
			engine_step(turn, policy, EVENT_HELD, cause);
		break;
	case POLICY_LINGER:
		if (wanted)
			engine_step(turn, policy, EVENT_HELD, cause);
		else if (cause->at_once)
			engine_step(turn, policy, EVENT_RELEASED, cause);
		break;
	default:
		if (!wanted)
			engine_step(turn, policy, EVENT_RELEASED, cause);
		else if (policy->fresh && limit_reached(policy))
			engine_step(turn, policy, EVENT_RETRY, cause);
		break;
	}
	policy->fresh = false;
	review_budget(turn, policy);
	engine_save_run(turn, policy, cause->reason);
}
