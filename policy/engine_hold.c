/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/engine_internal.h"
#include "policy/utf8.h"

/* ---- an alert knows what it holds ---- */

void engine_set_level(struct engine_policy *policy, struct engine_hold *hold, enum level level)
{
	policy->held_levels[hold->hold.level]--;
	policy->held_levels[level]++;
	hold->hold.level = level;
}

void engine_link_hold(struct engine *engine, struct engine_hold *hold)
{
	struct engine_alert *known =
		hold->hold.kind == HOLD_ALERT ? table_find(&engine->alerts, hold->hold.key) : NULL;

	hold->policy->held_levels[hold->hold.level]++;
	engine_count_hold(engine, hold->hold.source, 1);
	if (!known)
		return;
	known->held = xreallocarray(known->held, known->held_count + 1, sizeof(known->held[0]));
	known->held[known->held_count++] = hold->policy;
}

static void unlink_hold(struct engine *engine, const struct engine_hold *hold)
{
	struct engine_alert *known =
		hold->hold.kind == HOLD_ALERT ? table_find(&engine->alerts, hold->hold.key) : NULL;

	hold->policy->held_levels[hold->hold.level]--;
	engine_count_hold(engine, hold->hold.source, -1);
	for (size_t i = 0; known && i < known->held_count; i++)
		if (known->held[i] == hold->policy)
			known->held[i--] = known->held[--known->held_count];
}

/* ---- putting ---- */

static struct engine_hold *add_hold(struct turn *turn, struct engine_policy *policy,
				    const struct hold_wish *wish)
{
	struct engine_hold *hold = xcalloc(1, sizeof(*hold));

	memcpy(hold->hold.policy, policy->run.policy, sizeof(hold->hold.policy));
	utf8_put(hold->hold.key, sizeof(hold->hold.key), wish->key);
	utf8_put(hold->hold.endpoint, sizeof(hold->hold.endpoint), wish->endpoint);
	utf8_put(hold->hold.source, sizeof(hold->hold.source), wish->source);
	hold->hold.kind = wish->kind;
	hold->hold.since = turn->now.wall;
	hold->since = turn->now.mono;
	hold->policy = policy;
	table_add(&policy->holds, hold);
	engine_link_hold(turn->engine, hold);
	policy->fresh = true;
	return hold;
}

/* Renewed by each event, but never beyond HOLD_MAX after it began. A repeat after that makes a new
 * hold: the sender insists. */
static mono_t deadline_of(const struct turn *turn, const struct engine_policy *policy,
			  const struct engine_hold *hold, dur_t span)
{
	mono_t until = mono_add(turn->now.mono, span ? span : policy->settings->max_on);
	mono_t cap = mono_add(hold->since, HOLD_MAX);

	return mono_sub(until, cap) > 0 ? cap : until;
}

void engine_put_hold(struct turn *turn, struct engine_policy *policy, const struct hold_wish *wish)
{
	struct engine_hold *hold = table_find(&policy->holds, wish->key);

	if (!hold)
		hold = add_hold(turn, policy, wish);
	engine_set_level(policy, hold, wish->level);
	utf8_put(hold->hold.note, sizeof(hold->hold.note), wish->note);
	if (wish->kind != HOLD_ALWAYS) {
		mono_t until = deadline_of(turn, policy, hold, wish->span);

		hold->hold.until = instant_wall_at(turn->now, until);
		deadline_set(&turn->engine->due, &hold->ends, DUE_HOLD, until);
	}
	actions_add(turn->actions, ACTION_HOLD)->hold = hold->hold;
}

/* ---- releasing ---- */

void engine_release(struct turn *turn, struct engine_policy *policy, const char *key,
		    const char *reason)
{
	struct engine_hold *hold = table_find(&policy->holds, key);
	struct action *action;

	if (!hold)
		return;
	unlink_hold(turn->engine, hold);
	table_take(&policy->holds, key);
	deadline_clear(&turn->engine->due, &hold->ends);
	action = actions_add(turn->actions, ACTION_UNHOLD);
	action->hold = hold->hold;
	engine_set_reason(action, reason);
	free(hold);
}

bool engine_release_kind(struct turn *turn, struct engine_policy *policy, enum hold_kind kind,
			 const char *reason)
{
	size_t before = policy->holds.count;

	for (size_t i = policy->holds.count; i > 0; i--) {
		struct engine_hold *hold = policy->holds.items[i - 1];

		if (hold->hold.kind == kind)
			engine_release(turn, policy, hold->hold.key, reason);
	}
	return policy->holds.count < before;
}

void engine_release_all(struct turn *turn, struct engine_policy *policy, const char *reason)
{
	while (policy->holds.count) {
		struct engine_hold *hold = policy->holds.items[policy->holds.count - 1];

		engine_release(turn, policy, hold->hold.key, reason);
	}
}

void engine_free_holds(struct engine_policy *policy)
{
	for (size_t i = 0; i < policy->holds.count; i++)
		free(policy->holds.items[i]);
	table_fini(&policy->holds);
}
