/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "policy/engine_internal.h"
#include "policy/utf8.h"

#define RETRY_FIRST (10 * DUR_S)
#define RETRY_MAX   (60 * DUR_S)

bool engine_wanted(const struct engine_policy *policy)
{
	return policy->holds.count && !policy->run.veto;
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

static void begin_capture(struct turn *turn, struct engine_policy *policy,
			  const struct cause *cause)
{
	struct policy_run *run = &policy->run;
	wall_t trigger = wall_known(cause->trigger) ? cause->trigger : turn->now.wall;
	const char *alert = cause->alert ? cause->alert : "";
	struct action_capture *capture;

	ident_new(turn->now.wall, run->capture);
	run->capture_from = wall_known(cause->from) ? cause->from : turn->now.wall;
	run->capture_began = trigger;
	capture = &add_capture(turn, policy, ACTION_CAPTURE)->capture;
	utf8_put(capture->alert, sizeof(capture->alert), alert);
	capture = &add_capture(turn, policy, ACTION_START)->capture;
	utf8_put(capture->alert, sizeof(capture->alert), alert);
	policy->told = true;
}

void engine_resume(struct turn *turn, struct engine_policy *policy)
{
	add_capture(turn, policy, ACTION_START)->capture.resume = true;
	policy->told = true;
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
	policy->told = false;
	policy->changed = true;
}

static void clear_timers(struct engine_policy *policy)
{
	policy->run.linger_until = policy->run.retry_at = (wall_t){0};
}

static void set_linger(struct turn *turn, struct engine_policy *policy, const struct cause *cause)
{
	policy->linger_until = mono_add(turn->now.mono, policy->settings->linger);
	policy->run.linger_until = instant_wall_at(turn->now, policy->linger_until);
	utf8_put(policy->stop_reason, sizeof(policy->stop_reason), cause->reason);
}

/* 10 s, doubling to 60 s. */
static void set_retry(struct turn *turn, struct engine_policy *policy)
{
	dur_t wait = RETRY_FIRST << (policy->failures < 3 ? policy->failures : 3);

	policy->failures++;
	policy->retry_at = mono_add(turn->now.mono, wait < RETRY_MAX ? wait : RETRY_MAX);
	policy->run.retry_at = instant_wall_at(turn->now, policy->retry_at);
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
		return instant_wall_at(turn->now, policy->linger_until);
	return turn->now.wall;
}

static void apply_step(struct turn *turn, struct engine_policy *policy, enum policy_event event,
		       const struct policy_step *step, const struct cause *cause)
{
	if (step->actions & STEP_CAPTURE_END)
		engine_end_capture(turn, policy, cause->reason,
				   end_of_capture(turn, policy, event));
	if (step->actions & STEP_TIMERS_CLEAR)
		clear_timers(policy);
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

/* The only place that assigns a state. */
void engine_step(struct turn *turn, struct engine_policy *policy, enum policy_event event,
		 const struct cause *cause)
{
	dur_t linger = cause->at_once ? 0 : policy->settings->linger;
	enum policy_state old = policy->run.state;
	struct policy_step step = machine_step(old, event, linger);
	char reason[160];

	policy->run.state = step.state;
	apply_step(turn, policy, event, &step, cause);
	if (step.state == old && !step.actions && !policy->changed)
		return;
	keep_reason(policy, &step, cause);
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

void engine_settle(struct turn *turn, struct engine_policy *policy, const struct cause *cause)
{
	bool wanted = engine_wanted(policy);

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
	engine_save_run(turn, policy, cause->reason);
}
