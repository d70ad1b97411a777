/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/engine_internal.h"

/* Smaller differences are the clocks' drift and a daemon that was not woken in time. */
#define CLOCK_STEP (10 * DUR_S)

#define OWNER(due, type, member) ((struct type *)((char *)(due)-offsetof(struct type, member)))

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
			  wall_known(run->veto_until) || wall_known(run->span_from);
	run->linger_until = moved(run->linger_until, step);
	run->retry_at = moved(run->retry_at, step);
	run->veto_until = moved(run->veto_until, step);
	run->span_from = moved(run->span_from, step);
	engine_save_run(turn, policy, "the wall clock was stepped");
}

static void move_pair(struct turn *turn, struct engine_pair *pair, dur_t step)
{
	for (size_t i = 0; i < pair->count; i++) {
		struct push_memory *memory = &pair->memories[i].memory;

		memory->pushed_at = moved(memory->pushed_at, step);
		memory->window_at = moved(memory->window_at, step);
		actions_add(turn->actions, ACTION_MEMORY)->memory = *memory;
	}
}

static void move_alert(struct turn *turn, struct engine_alert *known, dur_t step)
{
	struct open_alert *open_alert = &known->open_alert;

	if (!wall_known(open_alert->until) && !wall_known(open_alert->confirms_at))
		return;
	open_alert->until = moved(open_alert->until, step);
	open_alert->confirms_at = moved(open_alert->confirms_at, step);
	actions_add(turn->actions, ACTION_OPEN_ALERT)->open_alert = *open_alert;
}

/* Timetables are about the wall clock: all of them are looked at again. */
static void move_all(struct turn *turn, dur_t step)
{
	struct engine *engine = turn->engine;

	for (size_t i = 0; i < engine->policies.count; i++) {
		struct engine_policy *policy = engine->policies.items[i];

		move_holds(turn, policy, step);
		move_run(turn, policy, step);
		if (policy->settings->schedule.count)
			deadline_set(&engine->due, &policy->block, DUE_BLOCK, turn->now.mono);
	}
	for (size_t i = 0; i < engine->pairs.count; i++)
		move_pair(turn, engine->pairs.items[i], step);
	for (size_t i = 0; i < engine->alerts.count; i++)
		move_alert(turn, engine->alerts.items[i], step);
}

void engine_check_clock(struct turn *turn)
{
	struct engine *engine = turn->engine;
	dur_t offset = turn->now.wall.ns - turn->now.mono.ns;
	dur_t step = offset - engine->clock_offset;

	if (engine->clock_known && step > -CLOCK_STEP && step < CLOCK_STEP)
		return;
	if (engine->clock_known)
		move_all(turn, step);
	engine->clock_offset = offset;
	engine->clock_known = true;
}

/* ---- timers ---- */

/* Policies are settled when all that is due has been seen, so that nothing is started only to be
 * stopped. */
static void touch(struct engine *engine, struct engine_policy *policy, const char *reason)
{
	if (reason && (!policy->due || !strcmp(reason, "hold_expired")))
		policy->due = reason;
	if (policy->touched)
		return;
	policy->touched = true;
	if (!(engine->touched_count & (engine->touched_count - 1)))
		engine->touched = xreallocarray(
			engine->touched, engine->touched_count ? 2 * engine->touched_count : 1,
			sizeof(engine->touched[0]));
	engine->touched[engine->touched_count++] = policy;
}

static void on_hold_due(struct turn *turn, struct deadline *due)
{
	struct engine_hold *hold = OWNER(due, engine_hold, ends);
	struct engine_policy *policy = hold->policy;

	touch(turn->engine, policy, "hold_expired");
	engine_release(turn, policy, hold->hold.key, "hold_expired");
}

static void on_veto_due(struct turn *turn, struct deadline *due)
{
	struct engine_policy *policy = OWNER(due, engine_policy, veto);

	deadline_clear(&turn->engine->due, due);
	policy->run.veto = false;
	policy->run.veto_until = (wall_t){0};
	policy->changed = true;
	touch(turn->engine, policy, "veto_expired");
}

/* Steps of the machine wait until its policy is settled: the wall time beside says what is due. */
static void on_policy_due(struct turn *turn, struct deadline *due)
{
	struct engine_policy *policy;

	switch ((enum due)due->kind) {
	case DUE_LINGER:
		policy = OWNER(due, engine_policy, linger);
		break;
	case DUE_RETRY:
		policy = OWNER(due, engine_policy, retry);
		break;
	case DUE_DURATION:
		policy = OWNER(due, engine_policy, duration);
		break;
	default:
		policy = OWNER(due, engine_policy, block);
		break;
	}
	deadline_clear(&turn->engine->due, due);
	touch(turn->engine, policy, due->kind == DUE_BLOCK ? "schedule" : NULL);
}

static void on_due(struct turn *turn, struct deadline *due)
{
	switch ((enum due)due->kind) {
	case DUE_HOLD:
		on_hold_due(turn, due);
		break;
	case DUE_VETO:
		on_veto_due(turn, due);
		break;
	case DUE_LINGER:
	case DUE_RETRY:
	case DUE_DURATION:
	case DUE_BLOCK:
		on_policy_due(turn, due);
		break;
	case DUE_ALERT:
		engine_on_alert_ends(turn, OWNER(due, engine_alert, ends));
		break;
	case DUE_CONFIRM:
		engine_on_confirmed(turn, OWNER(due, engine_alert, confirms));
		break;
	case DUE_PAIR:
		deadline_clear(&turn->engine->due, due);
		engine_review_pair(turn, OWNER(due, engine_pair, ends));
		break;
	case DUE_SILENT:
		engine_on_silent(turn, OWNER(due, engine_source, silent));
		break;
	}
}

static bool is_due(const struct turn *turn, wall_t set, const struct deadline *deadline)
{
	return wall_known(set) && !deadline_is_set(deadline) &&
	       mono_sub(deadline->at, turn->now.mono) <= 0;
}

static void on_policy_time(struct turn *turn, struct engine_policy *policy)
{
	struct policy_run *run = &policy->run;
	struct cause cause = {.reason = policy->due ? policy->due : "time"};

	policy->due = NULL;
	policy->touched = false;
	engine_settle(turn, policy, &cause);
	if (run->state == POLICY_LINGER && is_due(turn, run->linger_until, &policy->linger)) {
		cause.reason = policy->stop_reason[0] ? policy->stop_reason : "lingered";
		engine_step(turn, policy, EVENT_LINGERED, &cause);
	}
	if (run->state == POLICY_ABNORMAL && is_due(turn, run->retry_at, &policy->retry))
		engine_step(turn, policy, EVENT_RETRY, &(struct cause){.reason = run->reason});
	if (run->capture[0] && policy->settings->max_duration &&
	    is_due(turn, run->capture_began, &policy->duration))
		engine_on_duration(turn, policy);
}

static void on_time(struct turn *turn)
{
	struct engine *engine = turn->engine;
	struct deadline *due;

	while ((due = deadline_first(&engine->due)) && mono_sub(due->at, turn->now.mono) <= 0)
		on_due(turn, due);
	for (size_t i = 0; i < engine->touched_count; i++)
		on_policy_time(turn, engine->touched[i]);
	engine->touched_count = 0;
}

void engine_on_time(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);

	on_time(&turn);
}

bool engine_next_time(const struct engine *engine, mono_t *ret)
{
	const struct deadline *first = deadline_first(&engine->due);

	if (first)
		*ret = first->at;
	return first;
}

/* ---- restart ---- */

static void restore_deadline(const struct turn *turn, struct deadline *deadline, enum due kind,
			     wall_t at)
{
	if (wall_known(at))
		deadline_set(&turn->engine->due, deadline, (int)kind,
			     instant_mono_at(turn->now, at));
}

static void restore_policy(struct turn *turn, struct engine_policy *policy)
{
	const struct policy_run *run = &policy->run;

	restore_deadline(turn, &policy->linger, DUE_LINGER, run->linger_until);
	restore_deadline(turn, &policy->retry, DUE_RETRY, run->retry_at);
	restore_deadline(turn, &policy->veto, DUE_VETO, run->veto_until);
	policy->span_from = instant_mono_at(turn->now, run->span_from);
	engine_set_duration(turn, policy);
	for (size_t i = 0; i < policy->holds.count; i++) {
		struct engine_hold *hold = policy->holds.items[i];

		hold->since = instant_mono_at(turn->now, hold->hold.since);
		restore_deadline(turn, &hold->ends, DUE_HOLD, hold->hold.until);
		engine_link_hold(turn->engine, hold);
	}
	engine_hold_always(turn, policy);
	touch(turn->engine, policy, NULL);
}

/* A clock that was set back while nobody ran must not stretch a cycle: a push of the future was
 * just now. */
static mono_t mono_of_past(const struct turn *turn, wall_t at)
{
	mono_t then = instant_mono_at(turn->now, at);

	return mono_sub(then, turn->now.mono) > 0 ? turn->now.mono : then;
}

static void restore_pairs(struct turn *turn)
{
	struct table *pairs = &turn->engine->pairs;

	for (size_t i = pairs->count; i > 0; i--) {
		struct engine_pair *pair = pairs->items[i - 1];

		for (size_t j = 0; j < pair->count; j++) {
			struct engine_memory *memory = &pair->memories[j];

			memory->pushed_at = mono_of_past(turn, memory->memory.pushed_at);
			memory->window_at = mono_of_past(turn, memory->memory.window_at);
		}
		engine_review_pair(turn, pair);
	}
}

/* When events were applied is not durable: all count as heard of now, which keeps what was closed
 * recognisable for a while longer. */
static void restore_alerts(struct turn *turn)
{
	for (size_t i = 0; i < turn->engine->alerts.count; i++) {
		struct engine_alert *known = turn->engine->alerts.items[i];

		known->applied_at = turn->now.mono;
		restore_deadline(turn, &known->ends, DUE_ALERT, known->open_alert.until);
		restore_deadline(turn, &known->confirms, DUE_CONFIRM,
				 known->open_alert.confirms_at);
	}
}

void engine_restore(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);

	restore_alerts(&turn);
	restore_pairs(&turn);
	engine_restore_sources(&turn);
	for (size_t i = 0; i < engine->policies.count; i++)
		restore_policy(&turn, engine->policies.items[i]);
	on_time(&turn);
	for (size_t i = 0; i < engine->policies.count; i++) {
		struct engine_policy *policy = engine->policies.items[i];

		if (policy->run.capture[0] && policy->run.state != POLICY_ABNORMAL && !policy->told)
			engine_resume(&turn, policy);
	}
}
