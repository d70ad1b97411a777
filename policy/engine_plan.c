/* SPDX-License-Identifier: Apache-2.0 */
/* What would become of an alert, and what it would do.
 *
 * Order. Stamps of the sender are compared with stamps of the sender only: our clock may be seconds
 * or days off from it. A firing event without a stamp of its own (Alertmanager's repeats all carry
 * the first one's start) counts when it arrives, except that one whose incident is over already is
 * stale: it is the late copy of a delivery, for as long as senders retry.
 *
 * Duplicates. A delivery id acts once. So does an event with the stamp that was applied last, or
 * without a stamp the very same event within DUPLICATE_SPAN; after that it is a repeat: it renews
 * holds and is counted. A duplicate that finds a hold missing is a repeat too: acting once must not
 * cost packets. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/engine_internal.h"

#define DUPLICATE_SPAN (60 * DUR_S) /* ALR-09 */
#define STALE_SPAN     DUR_HOUR

static const char *const switch_names[] = {
	[SWITCH_HOLD] = "hold",
	[SWITCH_RELEASE] = "release",
	[SWITCH_LITERAL] = "release_all",
	[SWITCH_REFUSE] = "refuse",
};

const char *switch_kind_name(enum switch_kind kind)
{
	bug_on(kind > SWITCH_REFUSE);
	return switch_names[kind];
}

void plan_fini(struct plan *plan)
{
	free(plan->pushes);
	free(plan->switches);
	*plan = (struct plan){0};
}

/* ---- captures ---- */

static struct plan_switch *add_switch(struct plan *plan, struct engine_policy *policy,
				      const struct endpoint *endpoint, enum switch_kind kind)
{
	struct plan_switch *item;

	if (plan->switch_count == plan->switch_capacity) {
		plan->switch_capacity = plan->switch_capacity ? 2 * plan->switch_capacity : 4;
		plan->switches = xreallocarray(plan->switches, plan->switch_capacity,
					       sizeof(plan->switches[0]));
	}
	item = &plan->switches[plan->switch_count++];
	*item = (struct plan_switch){.endpoint = endpoint,
				     .live = policy,
				     .policy = policy->settings,
				     .kind = kind,
				     .reason = ""};
	return item;
}

static const char *refuse_reason(const struct engine *engine, const struct plan *plan,
				 const struct alert *alert, const struct engine_policy *policy)
{
	if (plan->policy && !plan->policy->enabled)
		return "policy_disabled";
	if (plan->silence && plan->silence->captures)
		return "silence";
	/* what holds already is renewed, whatever the limits say now */
	if (table_find(&policy->holds, alert->fingerprint))
		return NULL;
	return engine_source_refuses(engine, alert, policy->settings);
}

static void plan_switch(const struct engine *engine, struct plan *plan, const struct target *target,
			const struct alert *alert)
{
	const struct endpoint *endpoint = target->endpoint;

	if (!target->policy || !endpoint->enabled)
		return;
	if (level_in(endpoint->enable_levels, alert->level)) {
		const char *reason = refuse_reason(engine, plan, alert, target->policy);

		add_switch(plan, target->policy, endpoint, reason ? SWITCH_REFUSE : SWITCH_HOLD)
			->reason = reason ? reason : "";
	} else if (level_in(endpoint->disable_levels, alert->level)) {
		add_switch(plan, target->policy, endpoint, SWITCH_RELEASE);
		if (endpoint->literal)
			add_switch(plan, target->policy, endpoint, SWITCH_LITERAL);
	}
}

static bool is_planned(const struct plan *plan, const struct engine_policy *policy)
{
	for (size_t i = 0; i < plan->switch_count; i++)
		if (plan->switches[i].live == policy)
			return true;
	return false;
}

/* What it holds through endpoints that are not asked any more: a route may look at the level, and
 * was edited perhaps. */
static void plan_releases(const struct engine *engine, struct plan *plan,
			  const struct engine_alert *known, const struct alert *alert)
{
	for (size_t i = 0; known && i < known->held_count; i++) {
		struct engine_policy *policy = known->held[i];
		const struct engine_hold *hold =
			table_find(&policy->holds, known->open_alert.fingerprint);
		const struct engine_endpoint *live =
			index_find(&engine->endpoints, hold->hold.endpoint);

		if (is_planned(plan, policy))
			continue;
		if (!live || level_in(live->settings->disable_levels, alert->level))
			add_switch(plan, policy, live ? live->settings : NULL, SWITCH_RELEASE);
	}
}

static bool lacks_hold(const struct plan *plan, const struct alert *alert)
{
	for (size_t i = 0; i < plan->switch_count; i++)
		if (plan->switches[i].kind == SWITCH_HOLD &&
		    !table_find(&plan->switches[i].live->holds, alert->fingerprint))
			return true;
	return false;
}

/* ---- outcome ---- */

/* The sender's own stamp of this event, or 0. */
static wall_t stamp_of(const struct alert *alert)
{
	return alert->event_at.ns == alert->received_at.ns ? (wall_t){0} : alert->event_at;
}

static bool is_same_event(const struct engine_alert *known, const struct alert *alert,
			  struct instant now)
{
	wall_t stamp = stamp_of(alert);
	bool open = alert->status == ALERT_FIRING;

	if (known->open_alert.open != open || (open && known->open_alert.level != alert->level))
		return false;
	if (wall_known(stamp))
		return stamp.ns == known->open_alert.last_event_at.ns;
	return known->applied && known->status == alert->status &&
	       known->starts_at.ns == alert->starts_at.ns &&
	       mono_sub(now.mono, known->applied_at) < DUPLICATE_SPAN;
}

static bool is_older(wall_t a, wall_t b)
{
	return wall_known(a) && wall_known(b) && a.ns < b.ns;
}

/* Does a firing event without a stamp belong to the incident that was closed last? */
static bool is_of_closed(const struct engine_alert *known, const struct alert *alert,
			 struct instant now)
{
	const struct open_alert *closed = &known->open_alert;
	dur_t age = wall_known(closed->last_event_at)
			    ? wall_sub(alert->received_at, closed->last_event_at)
			    : mono_sub(now.mono, known->applied_at);

	if (closed->open || !wall_known(alert->starts_at) || age > STALE_SPAN)
		return false;
	return alert->starts_at.ns <= closed->last_event_at.ns ||
	       alert->starts_at.ns <= closed->starts_at.ns;
}

static bool is_stale(const struct engine_alert *known, const struct alert *alert,
		     struct instant now)
{
	wall_t stamp = stamp_of(alert);

	if (is_older(stamp, known->open_alert.last_event_at))
		return true;
	if (alert->status == ALERT_RECOVERED)
		return is_older(alert->ends_at, known->open_alert.starts_at);
	return !wall_known(stamp) && is_of_closed(known, alert, now);
}

/* A recovery of an open alert: of all of it, or of one tier while another is open. */
static enum alert_outcome outcome_of_end(const struct engine *engine,
					 const struct engine_alert *known,
					 const struct alert *alert)
{
	const struct engine_source *source = engine_find_source(engine, alert->source);
	level_set left = known->open_alert.tiers & ~LEVEL_BIT(alert->tier);

	if (alert->tier && left)
		return OUTCOME_TIER;
	return source && source->settings && source->settings->confirm ? OUTCOME_CONFIRMING
								       : OUTCOME_CLOSED;
}

static enum alert_outcome outcome_of_known(const struct engine *engine,
					   const struct engine_alert *known,
					   const struct alert *alert, struct instant now,
					   const struct plan *plan)
{
	bool open = known->open_alert.open;

	if (is_same_event(known, alert, now) &&
	    (alert->status == ALERT_RECOVERED || !lacks_hold(plan, alert)))
		return OUTCOME_DUPLICATE;
	if (alert->status == ALERT_RECOVERED && !open)
		return OUTCOME_ORPHAN;
	if (is_stale(known, alert, now))
		return OUTCOME_STALE;
	if (alert->status == ALERT_RECOVERED)
		return outcome_of_end(engine, known, alert);
	if (!open)
		return OUTCOME_OPENED;
	return known->open_alert.level == alert->level ? OUTCOME_REPEATED : OUTCOME_CHANGED;
}

static enum alert_outcome outcome_of(const struct engine *engine, const struct engine_alert *known,
				     const struct alert *alert, struct instant now,
				     const struct plan *plan)
{
	if (alert->status == ALERT_TEST)
		return OUTCOME_TEST;
	if (delivery_log_has(&engine->deliveries, alert->source, alert->delivery_id))
		return OUTCOME_DUPLICATE;
	if (alert->status == ALERT_NOTICE)
		return OUTCOME_NOTICE;
	if (known)
		return outcome_of_known(engine, known, alert, now, plan);
	return alert->status == ALERT_RECOVERED ? OUTCOME_ORPHAN : OUTCOME_OPENED;
}

static bool acts(enum alert_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OPENED:
	case OUTCOME_REPEATED:
	case OUTCOME_CHANGED:
	case OUTCOME_CLOSED:
	case OUTCOME_CONFIRMING:
	case OUTCOME_TIER:
	case OUTCOME_NOTICE:
		return true;
	default:
		return false;
	}
}

/* ---- pushes ---- */

static void add_push(const struct engine *engine, const struct engine_alert *known,
		     const struct alert *alert, struct instant now, struct plan *plan,
		     const struct endpoint *endpoint)
{
	struct plan_push *push;

	if (plan->push_count == plan->push_capacity) {
		plan->push_capacity = plan->push_capacity ? 2 * plan->push_capacity : 4;
		plan->pushes =
			xreallocarray(plan->pushes, plan->push_capacity, sizeof(plan->pushes[0]));
	}
	push = &plan->pushes[plan->push_count++];
	*push = (struct plan_push){.endpoint = endpoint, .why = ""};
	engine_judge_push(engine, known, alert, now, plan, push);
}

static bool is_chosen(const struct choice *choice, const char *endpoint)
{
	for (size_t i = 0; i < choice->count; i++)
		if (!strcmp(choice->targets[i].endpoint->id, endpoint))
			return true;
	return false;
}

/* Those who were told of an alert hear of its end, whatever the routes say now. */
static void plan_pushes(const struct engine *engine, const struct engine_alert *known,
			const struct choice *choice, const struct alert *alert, struct instant now,
			struct plan *plan)
{
	for (size_t i = 0; i < choice->count; i++)
		if (choice->targets[i].endpoint->kind != ENDPOINT_PCAP)
			add_push(engine, known, alert, now, plan, choice->targets[i].endpoint);
	for (size_t i = 0; plan->outcome == OUTCOME_CLOSED && i < known->told_count; i++) {
		const struct engine_endpoint *live = index_find(&engine->endpoints, known->told[i]);

		if (live && !is_chosen(choice, live->id))
			add_push(engine, known, alert, now, plan, live->settings);
	}
}

/* ---- the whole ---- */

static void begin_plan(const struct engine *engine, const struct choice *choice,
		       const struct alert *alert, struct instant now, struct plan *plan)
{
	plan->push_count = plan->switch_count = 0;
	plan->policy = choice->policy;
	plan->by_default = choice->by_default;
	plan->silence = engine->silences.count ? engine_silence_of(engine, alert, now.wall) : NULL;
	for (size_t i = 0; alert->status != ALERT_TEST && i < choice->count; i++)
		plan_switch(engine, plan, &choice->targets[i], alert);
}

static void end_plan(const struct engine *engine, const struct engine_alert *known,
		     const struct choice *choice, const struct alert *alert, struct instant now,
		     struct plan *plan)
{
	plan_releases(engine, plan, known, alert);
	plan_pushes(engine, known, choice, alert, now, plan);
}

void engine_make_plan(const struct engine *engine, const struct engine_alert *known,
		      const struct choice *choice, const struct alert *alert, struct instant now,
		      struct plan *plan)
{
	begin_plan(engine, choice, alert, now, plan);
	plan->outcome = outcome_of(engine, known, alert, now, plan);
	plan->acts = acts(plan->outcome);
	if (!plan->acts || plan->outcome == OUTCOME_CONFIRMING || plan->outcome == OUTCOME_TIER)
		plan->switch_count = 0;
	else
		end_plan(engine, known, choice, alert, now, plan);
}

void engine_plan_end(const struct engine *engine, const struct engine_alert *known,
		     const struct choice *choice, const struct alert *alert, struct instant now,
		     struct plan *plan)
{
	begin_plan(engine, choice, alert, now, plan);
	plan->outcome = OUTCOME_CLOSED;
	plan->acts = true;
	end_plan(engine, known, choice, alert, now, plan);
}

void engine_plan(const struct engine *engine, const struct alert *alert, struct instant now,
		 struct plan *plan)
{
	struct choice choice = {0};

	engine_fill_choice(engine, alert, &choice);
	engine_make_plan(engine, table_find(&engine->alerts, alert->fingerprint), &choice, alert,
			 now, plan);
	choice_fini(&choice);
}

/* min(starts_at, received_at) - delay - margin, but never further than lookback_max from now. */
wall_t engine_plan_from(const struct engine *engine, const struct alert *alert, const char *policy,
			struct instant now)
{
	const struct pcap_policy *settings = engine_policy(engine, policy);
	const struct engine_source *source = engine_find_source(engine, alert->source);
	dur_t delay = alert->delay || !source || !source->settings ? alert->delay
								   : source->settings->delay;
	wall_t floor = wall_add(now.wall, -settings->lookback_max);
	wall_t from = alert->received_at;

	if (is_older(alert->starts_at, from))
		from = alert->starts_at;
	from = wall_add(from, -delay - settings->margin);
	return from.ns < floor.ns ? floor : from;
}

const char *engine_plan_obstacle(const struct engine *engine, const char *policy,
				 struct instant now)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);

	if (!live)
		return NULL;
	return live->run.veto ? "veto" : engine_obstacle(live, now);
}
