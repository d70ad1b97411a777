/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "policy/engine_internal.h"

/* Smaller differences are the clocks' drift and a daemon that was not woken in time. */
#define CLOCK_STEP (10 * DUR_S)

/* ---- steps of the wall clock ---- */

static wall_t moved(wall_t t, dur_t step)
{
	return wall_known(t) ? wall_add(t, step) : t;
}

static void move_holds(struct turn *turn, struct engine_policy *policy, dur_t step)
{
	for (size_t i = 0; i < policy->holds.count; i++) {
		struct engine_hold *hold = policy->holds.items[i];
		struct action *action;

		hold->hold.since = moved(hold->hold.since, step);
		hold->hold.until = moved(hold->hold.until, step);
		action = actions_add(turn->actions, ACTION_HOLD);
		action->hold = hold->hold;
		engine_set_reason(action, "clock_step");
	}
}

static void move_run(struct turn *turn, struct engine_policy *policy, dur_t step)
{
	struct policy_run *run = &policy->run;

	policy->changed = wall_known(run->linger_until) || wall_known(run->retry_at) ||
			  wall_known(run->veto_until);
	run->linger_until = moved(run->linger_until, step);
	run->retry_at = moved(run->retry_at, step);
	run->veto_until = moved(run->veto_until, step);
	engine_save_run(turn, policy, "the wall clock was stepped");
}

void engine_check_clock(struct turn *turn)
{
	struct engine *engine = turn->engine;
	dur_t offset = turn->now.wall.ns - turn->now.mono.ns;
	dur_t step = offset - engine->clock_offset;

	if (engine->clock_known && step > -CLOCK_STEP && step < CLOCK_STEP)
		return;
	for (size_t i = 0; engine->clock_known && i < engine->policies.count; i++) {
		move_holds(turn, engine->policies.items[i], step);
		move_run(turn, engine->policies.items[i], step);
	}
	engine->clock_offset = offset;
	engine->clock_known = true;
}

/* ---- timers ---- */

static bool due(const struct turn *turn, wall_t set, mono_t at)
{
	return wall_known(set) && mono_sub(at, turn->now.mono) <= 0;
}

static void on_policy_time(struct turn *turn, struct engine_policy *policy)
{
	struct policy_run *run = &policy->run;
	struct cause cause = {.reason = "hold_expired"};

	engine_release_due(turn, policy);
	if (due(turn, run->veto_until, policy->veto_until)) {
		run->veto = false;
		run->veto_until = (wall_t){0};
		policy->changed = true;
		cause.reason = "veto_expired";
	}
	engine_settle(turn, policy, &cause);
	if (run->state == POLICY_LINGER && due(turn, run->linger_until, policy->linger_until)) {
		cause.reason = policy->stop_reason[0] ? policy->stop_reason : "lingered";
		engine_step(turn, policy, EVENT_LINGERED, &cause);
	}
	if (run->state == POLICY_ABNORMAL && due(turn, run->retry_at, policy->retry_at))
		engine_step(turn, policy, EVENT_RETRY, &(struct cause){.reason = run->reason});
}

void engine_on_time(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);

	for (size_t i = 0; i < engine->policies.count; i++)
		on_policy_time(&turn, engine->policies.items[i]);
}

static void take_earlier(bool set, mono_t at, bool *found, mono_t *ret)
{
	if (!set || (*found && mono_sub(at, *ret) >= 0))
		return;
	*ret = at;
	*found = true;
}

bool engine_next_time(const struct engine *engine, mono_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < engine->policies.count; i++) {
		const struct engine_policy *policy = engine->policies.items[i];
		const struct policy_run *run = &policy->run;

		take_earlier(policy->holds_end, policy->holds_due, &found, ret);
		take_earlier(wall_known(run->linger_until), policy->linger_until, &found, ret);
		take_earlier(wall_known(run->retry_at), policy->retry_at, &found, ret);
		take_earlier(wall_known(run->veto_until), policy->veto_until, &found, ret);
	}
	return found;
}

/* ---- restart ---- */

static void restore_times(const struct turn *turn, struct engine_policy *policy)
{
	struct policy_run *run = &policy->run;

	policy->linger_until = instant_mono_at(turn->now, run->linger_until);
	policy->retry_at = instant_mono_at(turn->now, run->retry_at);
	policy->veto_until = instant_mono_at(turn->now, run->veto_until);
	for (size_t i = 0; i < policy->holds.count; i++) {
		struct engine_hold *hold = policy->holds.items[i];

		hold->since = instant_mono_at(turn->now, hold->hold.since);
		hold->until = instant_mono_at(turn->now, hold->hold.until);
		policy->holds_end = policy->holds_end || wall_known(hold->hold.until);
	}
	/* "at once" is a lower bound; the timers below make it exact */
	policy->holds_due = turn->now.mono;
}

/* When events were applied is not durable: all count as heard of now, which keeps what was closed
 * recognisable for a while longer. */
static void restore_alerts(const struct turn *turn)
{
	for (size_t i = 0; i < turn->engine->alerts.count; i++) {
		struct engine_alert *alert = turn->engine->alerts.items[i];

		alert->applied_at = turn->now.mono;
	}
}

/* Timers that passed meanwhile come first, so that nothing is started only to be stopped. */
void engine_restore(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);

	restore_alerts(&turn);
	for (size_t i = 0; i < engine->policies.count; i++) {
		struct engine_policy *policy = engine->policies.items[i];

		restore_times(&turn, policy);
		on_policy_time(&turn, policy);
		if (policy->run.capture[0] && policy->run.state != POLICY_ABNORMAL && !policy->told)
			engine_resume(&turn, policy);
	}
}
