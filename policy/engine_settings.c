/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that change while alerts are open.
 *
 * A changed endpoint moves or releases the holds it made. Which alerts it would make holds
 * for is seen at their next event: the engine does not keep what it would need to route them again.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/engine_internal.h"

#define ALWAYS_KEY "always"

/* ---- policies ---- */

static bool same_list(char *const *a, char *const *b)
{
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b))
			return false;
	return !*a && !*b;
}

static bool is_same_match(const struct pcap_policy *a, const struct pcap_policy *b)
{
	if (a->narrow != b->narrow || a->narrow_only != b->narrow_only || !a->match != !b->match)
		return false;
	return !a->match || match_equal(a->match, b->match);
}

static bool records_the_same(const struct pcap_policy *a, const struct pcap_policy *b)
{
	return !strcmp(a->filter, b->filter) && is_same_match(a, b) &&
	       a->headers_only == b->headers_only && a->slice_bytes == b->slice_bytes &&
	       a->rotate_bytes == b->rotate_bytes && a->rotate == b->rotate &&
	       a->budget_bytes == b->budget_bytes && a->max_packets == b->max_packets &&
	       a->sampling == b->sampling && a->priority == b->priority &&
	       same_list(a->nics, b->nics);
}

/* What was edited may be what was wrong: a new capture is tried at once, over the same window. */
static void retry_edited(struct turn *turn, struct engine_policy *policy)
{
	struct cause cause = {.reason = "policy_edited",
			      .from = policy->run.capture_from,
			      .trigger = policy->run.capture_began};

	engine_end_capture(turn, policy, "policy_edited", turn->now.wall);
	policy->failures = 0;
	policy->run.reason[0] = '\0';
	engine_signal(turn, "policy_abnormal", policy->settings->name, true, LEVEL_ERROR,
		      "policy_edited");
	engine_step(turn, policy, EVENT_RETRY, &cause);
}

static void edit_capture(struct turn *turn, const struct engine_policy *policy)
{
	struct action *action = actions_add(turn->actions, ACTION_EDIT);

	memcpy(action->capture.id, policy->run.capture, sizeof(action->capture.id));
	memcpy(action->capture.policy, policy->run.policy, sizeof(action->capture.policy));
}

/* A policy that always records is held like any other: by this. */
void engine_hold_always(struct turn *turn, struct engine_policy *policy)
{
	bool held = table_find(&policy->holds, ALWAYS_KEY);

	if (policy->settings->always && !held)
		engine_put_hold(turn, policy,
				&(struct hold_wish){.kind = HOLD_ALWAYS,
						    .key = ALWAYS_KEY,
						    .endpoint = "",
						    .source = "",
						    .note = "always"});
	else if (!policy->settings->always)
		engine_release(turn, policy, ALWAYS_KEY, "policy_edited");
}

void engine_on_policy_put(struct engine *engine, const struct pcap_policy *policy,
			  struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_policy *live = index_find(&engine->policies, policy->id);
	bool same = !live || records_the_same(live->settings, policy);

	engine_load_policy(engine, policy);
	live = index_find(&engine->policies, policy->id);
	engine_hold_always(&turn, live);
	engine_set_duration(&turn, live);
	if (!same && live->run.state == POLICY_ABNORMAL)
		retry_edited(&turn, live);
	else if (!same && live->run.capture[0])
		edit_capture(&turn, live);
	engine_settle(&turn, live, &(struct cause){.reason = "policy_edited"});
}

void engine_on_policy_delete(struct engine *engine, const char *policy, struct instant now,
			     struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_policy *live = index_find(&engine->policies, policy);

	if (!live)
		return;
	engine_release_all(&turn, live, "policy_deleted");
	engine_settle(&turn, live, &(struct cause){.reason = "policy_deleted", .at_once = true});
	engine_clear_deadlines(engine, live);
	index_take(&engine->policies, policy);
	engine_free_policy(live);
	engine_forget_choices(engine);
}

/* ---- endpoints ---- */

static bool switches(const struct endpoint *endpoint, enum level level)
{
	return endpoint && endpoint->kind == ENDPOINT_PCAP && endpoint->enabled &&
	       level_in(endpoint->enable_levels, level);
}

/* Another endpoint that would have made the hold too, as far as that can be known without the
 * alert: it takes every one that nothing sends elsewhere. */
static const struct endpoint *other_owner(const struct engine *engine, const struct hold *hold)
{
	for (size_t i = 0; i < engine->endpoints.count; i++) {
		const struct engine_endpoint *live = engine->endpoints.items[i];
		const struct endpoint *endpoint = live->settings;
		const struct engine_policy *policy;

		if (!strcmp(endpoint->id, hold->endpoint) || !switches(endpoint, hold->level) ||
		    !endpoint->is_default || endpoint->sources[0] || endpoint->alert_policies[0])
			continue;
		policy = engine_find_policy(engine, endpoint->policy);
		if (policy && !strcmp(policy->run.policy, hold->policy))
			return endpoint;
	}
	return NULL;
}

/* The look-back of an alert that is open already: from its start, as for a new one. */
static struct cause cause_of_move(const struct turn *turn, const struct engine_policy *policy,
				  const struct hold *hold)
{
	const struct open_alert *alert = engine_open_alert(turn->engine, hold->key);
	wall_t floor = wall_add(turn->now.wall, -policy->settings->lookback_max);
	wall_t from = turn->now.wall;

	if (alert && wall_known(alert->starts_at) && alert->starts_at.ns < from.ns)
		from = alert->starts_at;
	from = wall_add(from, -policy->settings->margin);
	return (struct cause){.reason = "endpoint_retargeted",
			      .alert = alert ? alert->alert : NULL,
			      .from = from.ns < floor.ns ? floor : from};
}

static void move_hold(struct turn *turn, struct engine_policy *policy, const struct hold *hold)
{
	struct cause cause = cause_of_move(turn, policy, hold);

	engine_put_hold(turn, policy,
			&(struct hold_wish){.kind = hold->kind,
					    .key = hold->key,
					    .endpoint = hold->endpoint,
					    .source = hold->source,
					    .level = hold->level,
					    .note = hold->note});
	engine_settle(turn, policy, &cause);
}

static void hand_over(struct turn *turn, struct engine_hold *hold, const struct endpoint *owner)
{
	memcpy(hold->hold.endpoint, owner->id, sizeof(hold->hold.endpoint));
	actions_add(turn->actions, ACTION_HOLD)->hold = hold->hold;
}

/* One hold of an endpoint whose settings are now `endpoint` (NULL: it is gone). */
static void review_hold(struct turn *turn, struct engine_policy *policy, struct engine_hold *hold,
			const struct endpoint *endpoint, const char *reason)
{
	struct engine_policy *target = endpoint ? engine_find_policy(turn->engine, endpoint->policy)
						: NULL;
	const struct endpoint *owner;
	struct hold copy = hold->hold;

	if (switches(endpoint, copy.level) && target == policy)
		return;
	if (switches(endpoint, copy.level) && target)
		move_hold(turn, target, &copy);
	owner = other_owner(turn->engine, &copy);
	if (owner)
		hand_over(turn, hold, owner);
	else
		engine_release(turn, policy, copy.key, reason);
}

static void review_holds(struct turn *turn, const char *id, const struct endpoint *endpoint,
			 const char *reason)
{
	for (size_t i = 0; i < turn->engine->policies.count; i++) {
		struct engine_policy *policy = turn->engine->policies.items[i];

		for (size_t j = policy->holds.count; j > 0; j--) {
			struct engine_hold *hold = policy->holds.items[j - 1];

			if (!strcmp(hold->hold.endpoint, id))
				review_hold(turn, policy, hold, endpoint, reason);
		}
		engine_settle(turn, policy, &(struct cause){.reason = reason});
	}
}

void engine_on_endpoint_put(struct engine *engine, const struct endpoint *endpoint,
			    struct instant now, struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	const struct engine_endpoint *old = index_find(&engine->endpoints, endpoint->id);

	if (old && strcmp(old->settings->name, endpoint->name))
		engine_end_signal(&turn, "endpoint_failing", old->settings->name,
				  "the endpoint has another name");
	engine_load_endpoint(engine, endpoint);
	review_holds(&turn, endpoint->id, endpoint,
		     endpoint->enabled ? "endpoint_edited" : "endpoint_disabled");
}

void engine_on_endpoint_delete(struct engine *engine, const char *endpoint, struct instant now,
			       struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_endpoint *live = index_take(&engine->endpoints, endpoint);

	if (!live)
		return;
	engine_forget_choices(engine);
	engine_end_signal(&turn, "endpoint_failing", live->settings->name,
			  "the endpoint was removed");
	review_holds(&turn, live->id, NULL, "endpoint_deleted");
	engine_free_endpoint(live);
}

/* ---- alert policies, routes, silences ---- */

void engine_on_alert_policy_put(struct engine *engine, const struct alert_policy *policy)
{
	engine_load_alert_policy(engine, policy);
}

void engine_on_alert_route_put(struct engine *engine, const struct alert_route *route)
{
	engine_load_alert_route(engine, route);
}

void engine_on_silence_put(struct engine *engine, const struct silence *silence)
{
	engine_load_silence(engine, silence);
}
