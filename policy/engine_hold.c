/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/engine_internal.h"
#include "policy/utf8.h"

/* A deadline came into being: holds_due stays a lower bound of them all. Renewing does not raise
 * it; engine_release_due makes it exact when it passes. */
static void note_deadline(struct engine_policy *policy, const struct engine_hold *hold)
{
	if (!wall_known(hold->hold.until))
		return;
	if (!policy->holds_end || mono_sub(hold->until, policy->holds_due) < 0)
		policy->holds_due = hold->until;
	policy->holds_end = true;
}

static struct engine_hold *add_hold(struct turn *turn, struct engine_policy *policy,
				    const struct hold_wish *wish)
{
	struct engine_hold *hold = xcalloc(1, sizeof(*hold));

	memcpy(hold->hold.policy, policy->run.policy, sizeof(hold->hold.policy));
	utf8_put(hold->hold.key, sizeof(hold->hold.key), wish->key);
	utf8_put(hold->hold.endpoint, sizeof(hold->hold.endpoint), wish->endpoint);
	hold->hold.kind = wish->kind;
	hold->hold.since = turn->now.wall;
	hold->since = turn->now.mono;
	index_add(&policy->holds, hold);
	policy->fresh = true;
	return hold;
}

/* Renewed by each event, but never beyond HOLD_MAX after it began. A repeat after that makes a new
 * hold, and with it a new capture. */
static mono_t deadline(const struct turn *turn, const struct engine_policy *policy,
		       const struct engine_hold *hold, dur_t span)
{
	mono_t until = mono_add(turn->now.mono, span ? span : policy->settings->max_on);
	mono_t cap = mono_add(hold->since, HOLD_MAX);

	return mono_sub(until, cap) > 0 ? cap : until;
}

void engine_put_hold(struct turn *turn, struct engine_policy *policy, const struct hold_wish *wish)
{
	struct engine_hold *hold = index_find(&policy->holds, wish->key);

	if (!hold)
		hold = add_hold(turn, policy, wish);
	hold->hold.level = wish->level;
	utf8_put(hold->hold.note, sizeof(hold->hold.note), wish->note);
	hold->until = deadline(turn, policy, hold, wish->span);
	hold->hold.until = instant_wall_at(turn->now, hold->until);
	note_deadline(policy, hold);
	actions_add(turn->actions, ACTION_HOLD)->hold = hold->hold;
}

void engine_release(struct turn *turn, struct engine_policy *policy, const char *key,
		    const char *reason)
{
	struct engine_hold *hold = index_take(&policy->holds, key);
	struct action *action;

	if (!hold)
		return;
	action = actions_add(turn->actions, ACTION_UNHOLD);
	action->hold = hold->hold;
	engine_set_reason(action, reason);
	free(hold);
	policy->holds_end = policy->holds_end && policy->holds.count;
}

bool engine_release_kind(struct turn *turn, struct engine_policy *policy, enum hold_kind kind,
			 const char *except, const char *reason)
{
	size_t before = policy->holds.count;

	for (size_t i = policy->holds.count; i > 0; i--) {
		struct engine_hold *hold = policy->holds.items[i - 1];

		if (hold->hold.kind == kind && (!except || strcmp(hold->hold.key, except)))
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

bool engine_release_due(struct turn *turn, struct engine_policy *policy)
{
	size_t before = policy->holds.count;

	if (!policy->holds_end || mono_sub(policy->holds_due, turn->now.mono) > 0)
		return false;
	policy->holds_end = false;
	for (size_t i = policy->holds.count; i > 0; i--) {
		struct engine_hold *hold = policy->holds.items[i - 1];

		if (wall_known(hold->hold.until) && mono_sub(hold->until, turn->now.mono) <= 0)
			engine_release(turn, policy, hold->hold.key, "hold_expired");
		else
			note_deadline(policy, hold);
	}
	return policy->holds.count < before;
}

void engine_free_holds(struct engine_policy *policy)
{
	for (size_t i = 0; i < policy->holds.count; i++)
		free(policy->holds.items[i]);
	index_fini(&policy->holds);
}
