/* SPDX-License-Identifier: Apache-2.0 */
/* What operators want of a policy, and what the recorder reports of its capture. */
#include <string.h>

#include "policy/engine_internal.h"

#define OPERATOR_KEY "operator"

static void clear_veto(struct turn *turn, struct engine_policy *policy)
{
	deadline_clear(&turn->engine->due, &policy->veto);
	policy->changed = policy->changed || policy->run.veto;
	policy->run.veto = false;
	policy->run.veto_until = (wall_t){0};
}

static void set_veto(struct turn *turn, struct engine_policy *policy, dur_t span)
{
	mono_t until = mono_add(turn->now.mono, span);

	clear_veto(turn, policy);
	policy->run.veto = true;
	policy->changed = true;
	if (!span)
		return;
	policy->run.veto_until = instant_wall_at(turn->now, until);
	deadline_set(&turn->engine->due, &policy->veto, DUE_VETO, until);
}

/* A new wish, not a renewal: HOLD_MAX counts from now. */
static void switch_on(struct turn *turn, struct engine_policy *policy, dur_t span, dur_t lookback,
		      const char *note)
{
	dur_t lookback_max = policy->settings->lookback_max;
	struct cause cause = {.reason = "operator_on"};

	cause.from = wall_add(turn->now.wall, -(lookback < lookback_max ? lookback : lookback_max));
	clear_veto(turn, policy);
	engine_release(turn, policy, OPERATOR_KEY, "operator_on");
	engine_put_hold(turn, policy,
			&(struct hold_wish){.kind = HOLD_OPERATOR,
					    .key = OPERATOR_KEY,
					    .endpoint = "",
					    .source = "",
					    .note = note,
					    .span = span});
	if (policy->run.state == POLICY_ABNORMAL && policy->run.capture[0])
		engine_step(turn, policy, EVENT_RETRY, &cause);
	engine_settle(turn, policy, &cause);
}

void engine_on_switch(struct engine *engine, const char *policy, enum operator_switch what,
		      dur_t span, dur_t lookback, const char *note, struct instant now,
		      struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_policy *live = engine_find_policy(engine, policy);

	if (!live)
		return;
	switch (what) {
	case OPERATOR_ON:
		switch_on(&turn, live, span, lookback, note);
		break;
	case OPERATOR_OFF:
		engine_release(&turn, live, OPERATOR_KEY, "operator_off");
		set_veto(&turn, live, span);
		engine_settle(&turn, live,
			      &(struct cause){.reason = "operator_off", .at_once = true});
		break;
	case OPERATOR_AUTOMATIC:
		engine_release(&turn, live, OPERATOR_KEY, "operator_automatic");
		clear_veto(&turn, live);
		engine_settle(&turn, live, &(struct cause){.reason = "operator_automatic"});
		break;
	}
}

/* ---- captures ---- */

/* The policy whose present capture it is; reports about earlier ones come too late to matter. */
static struct engine_policy *policy_of_capture(const struct engine *engine, const char *capture)
{
	for (size_t i = 0; *capture && i < engine->policies.count; i++) {
		struct engine_policy *policy = engine->policies.items[i];

		if (!strcmp(policy->run.capture, capture))
			return policy;
	}
	return NULL;
}

void engine_on_capture_stop(struct engine *engine, const char *capture, struct instant now,
			    struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_policy *policy = policy_of_capture(engine, capture);

	if (!policy)
		return;
	engine_release_all(&turn, policy, "operator_stop");
	engine_settle(&turn, policy, &(struct cause){.reason = "operator_stop", .at_once = true});
}

static void on_report(struct engine *engine, const char *capture, enum policy_event event,
		      const char *reason, struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_policy *policy = policy_of_capture(engine, capture);
	struct cause cause = {.reason = reason};

	if (policy)
		engine_step(&turn, policy, event, &cause);
}

void engine_on_capture_started(struct engine *engine, const char *capture, struct instant now,
			       struct actions *actions)
{
	on_report(engine, capture, EVENT_STARTED, "", now, actions);
}

void engine_on_capture_failed(struct engine *engine, const char *capture, const char *reason,
			      struct instant now, struct actions *actions)
{
	on_report(engine, capture, EVENT_FAILED, reason, now, actions);
}

void engine_on_capture_limit(struct engine *engine, const char *capture, struct instant now,
			     struct actions *actions)
{
	on_report(engine, capture, EVENT_LIMIT,
		  "limit_bytes: the policy's budget per capture is used up", now, actions);
}
