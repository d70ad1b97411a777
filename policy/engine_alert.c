/* SPDX-License-Identifier: Apache-2.0 */
/* An alert arrives: what was planned for it is carried out. And alerts that end without one: by
 * their source's hold time (PEP-13), or when a recovery has lasted long enough (APL-06). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/engine_internal.h"

/* Closed alerts are kept to recognise what is stale, open ones to pair recoveries. Beyond this many
 * the ones longest unheard of are forgotten, closed ones first. */
#define ALERTS_KEPT_MAX 50000

static const char no_policy[IDENT_SIZE];

/* ---- open alerts ---- */

static void save_alert(struct turn *turn, const struct engine_alert *known)
{
	actions_add(turn->actions, ACTION_OPEN_ALERT)->open_alert = known->open_alert;
}

static void set_open(struct turn *turn, struct engine_alert *known, bool open)
{
	if (known->open_alert.open != open)
		known->pair->open += open ? 1 : -1u;
	known->open_alert.open = open;
	if (!open) {
		deadline_clear(&turn->engine->due, &known->ends);
		known->open_alert.until = (wall_t){0};
		known->open_alert.tiers = 0;
	}
}

static void forget_alert(struct turn *turn, struct engine_alert *known)
{
	struct engine_pair *pair = known->pair;

	table_take(&turn->engine->alerts, known->open_alert.fingerprint);
	deadline_clear(&turn->engine->due, &known->confirms);
	engine_untell_all(turn, known);
	if (known->open_alert.open) {
		set_open(turn, known, false);
		save_alert(turn, known);
	}
	pair->alerts--;
	engine_review_pair(turn, pair);
	engine_free_alert(known);
}

static int compare_heard(const void *a, const void *b)
{
	const struct engine_alert *x = *(struct engine_alert *const *)a;
	const struct engine_alert *y = *(struct engine_alert *const *)b;

	if (x->open_alert.open != y->open_alert.open)
		return x->open_alert.open ? 1 : -1;
	if (x->applied != y->applied)
		return x->applied ? 1 : -1;
	return x->applied_at.ns < y->applied_at.ns ? -1 : x->applied_at.ns > y->applied_at.ns;
}

/* Rare, so it may cost a sort: it makes room for a tenth. */
static void make_room(struct turn *turn)
{
	struct table *alerts = &turn->engine->alerts;
	CLEANUP_FREE struct engine_alert **order = NULL;
	size_t count = alerts->count;

	if (count < ALERTS_KEPT_MAX)
		return;
	order = xmemdup(alerts->items, count * sizeof(order[0]));
	qsort(order, count, sizeof(order[0]), compare_heard);
	for (size_t i = 0; i < count / 10; i++)
		forget_alert(turn, order[i]);
}

/* Takes the choice that was just made for it. */
static struct engine_alert *add_alert(struct turn *turn, const struct alert *alert)
{
	struct engine *engine = turn->engine;
	struct engine_alert *known;

	make_room(turn);
	known = xcalloc(1, sizeof(*known));
	memcpy(known->open_alert.fingerprint, alert->fingerprint,
	       sizeof(known->open_alert.fingerprint));
	engine_pair_format(alert, known->open_alert.pair);
	known->pair = engine_get_pair(engine, known->open_alert.pair);
	known->pair->alerts++;
	known->choice = engine->choice;
	engine->choice = (struct choice){0};
	table_add(&engine->alerts, known);
	return known;
}

static wall_t later(wall_t a, wall_t b)
{
	return a.ns > b.ns ? a : b;
}

/* The sender's own stamp of this event, or 0. */
static wall_t stamp_of(const struct alert *alert)
{
	return alert->event_at.ns == alert->received_at.ns ? (wall_t){0} : alert->event_at;
}

static enum level highest(level_set levels)
{
	return (enum level)__builtin_ctz(levels);
}

static void open_or_update(struct turn *turn, struct engine_alert *known, const struct alert *alert,
			   enum alert_outcome outcome)
{
	struct open_alert *open_alert = &known->open_alert;

	if (outcome == OUTCOME_OPENED) {
		memcpy(open_alert->alert, alert->id, sizeof(open_alert->alert));
		set_open(turn, known, true);
		open_alert->levels = open_alert->tiers = 0;
		open_alert->starts_at = (wall_t){0};
		open_alert->count = 0;
	}
	open_alert->level = alert->level;
	if (alert->tier) {
		open_alert->tiers |= LEVEL_BIT(alert->tier);
		open_alert->level = highest(open_alert->tiers);
	}
	open_alert->levels |= LEVEL_BIT(alert->level);
	/* a later start: the incident before ended unseen, and its late recovery must not close us
	 */
	open_alert->starts_at = later(open_alert->starts_at, alert->starts_at);
	open_alert->count++;
}

/* Alerts of a source that sends no recovery are over after its hold time; news renew it. */
static void renew(struct turn *turn, struct engine_alert *known, const struct alert *alert)
{
	const struct engine_source *source = engine_find_source(turn->engine, alert->source);
	mono_t until;

	if (!source || !source->settings || !source->settings->hold)
		return;
	until = mono_add(turn->now.mono, source->settings->hold);
	known->open_alert.until = instant_wall_at(turn->now, until);
	deadline_set(&turn->engine->due, &known->ends, DUE_ALERT, until);
}

static void drop_recovery(struct turn *turn, struct engine_alert *known)
{
	deadline_clear(&turn->engine->due, &known->confirms);
	known->open_alert.confirms_at = (wall_t){0};
	known->open_alert.recovery[0] = '\0';
	known->recovery = alert_free(known->recovery);
}

static void await_confirmation(struct turn *turn, struct engine_alert *known,
			       const struct alert *alert)
{
	dur_t wait = engine_find_source(turn->engine, alert->source)->settings->confirm;
	mono_t at = mono_add(turn->now.mono, wait);

	if (deadline_is_set(&known->confirms)) /* the first one counts */
		return;
	known->recovery = alert_copy(alert);
	memcpy(known->open_alert.recovery, alert->id, sizeof(known->open_alert.recovery));
	known->open_alert.confirms_at = instant_wall_at(turn->now, at);
	deadline_set(&turn->engine->due, &known->confirms, DUE_CONFIRM, at);
}

static void end_tier(struct engine_alert *known, const struct alert *alert)
{
	known->open_alert.tiers &= ~LEVEL_BIT(alert->tier);
	known->open_alert.level = highest(known->open_alert.tiers);
}

static void apply_event(struct turn *turn, struct engine_alert *known, const struct alert *alert,
			enum alert_outcome outcome)
{
	struct open_alert *open_alert = &known->open_alert;

	if (alert->status == ALERT_FIRING) {
		drop_recovery(turn, known);
		open_or_update(turn, known, alert, outcome);
		renew(turn, known, alert);
	} else if (outcome == OUTCOME_CONFIRMING) {
		await_confirmation(turn, known, alert);
	} else if (outcome == OUTCOME_TIER) {
		end_tier(known, alert);
	} else {
		drop_recovery(turn, known);
		set_open(turn, known, false);
	}
	open_alert->last_event_at = later(open_alert->last_event_at, stamp_of(alert));
	known->applied = true;
	known->applied_at = turn->now.mono;
	known->status = alert->status;
	known->starts_at = alert->starts_at;
	save_alert(turn, known);
}

/* ---- captures ---- */

static dur_t hold_span(const struct turn *turn, const struct engine_policy *policy,
		       const struct alert *alert)
{
	const struct engine_source *source = engine_find_source(turn->engine, alert->source);
	dur_t span = policy->settings->max_on;

	if (source && source->settings && source->settings->hold && source->settings->hold < span)
		span = source->settings->hold;
	return span;
}

static void hold_by_alert(struct turn *turn, struct engine_policy *policy,
			  const struct endpoint *endpoint, const struct alert *alert)
{
	engine_put_hold(
		turn, policy,
		&(struct hold_wish){.kind = HOLD_ALERT,
				    .key = alert->fingerprint,
				    .endpoint = endpoint->id,
				    .source = alert->source,
				    .level = alert->level,
				    .note = alert->title[0] ? alert->title : alert->policy_name,
				    .span = hold_span(turn, policy, alert)});
}

static const char *release_reason(const struct alert *alert)
{
	return alert->level == LEVEL_RECOVERY ? "recovered" : "disable_level";
}

static void refuse(struct turn *turn, const struct plan_switch *item, const struct alert *alert)
{
	struct action *action = actions_add(turn->actions, ACTION_REFUSE);

	action->alert = alert;
	memcpy(action->hold.policy, item->policy->id, sizeof(action->hold.policy));
	memcpy(action->hold.endpoint, item->endpoint->id, sizeof(action->hold.endpoint));
	memcpy(action->hold.key, alert->fingerprint, sizeof(action->hold.key));
	action->hold.level = alert->level;
	engine_set_reason(action, item->reason);
}

static void carry_out_switch(struct turn *turn, const struct plan_switch *item,
			     const struct alert *alert)
{
	switch (item->kind) {
	case SWITCH_HOLD:
		hold_by_alert(turn, item->live, item->endpoint, alert);
		break;
	case SWITCH_RELEASE:
		engine_release(turn, item->live, alert->fingerprint, release_reason(alert));
		break;
	case SWITCH_LITERAL:
		engine_release_kind(turn, item->live, HOLD_ALERT, "literal");
		break;
	case SWITCH_REFUSE:
		refuse(turn, item, alert);
		break;
	}
	item->live->touched = true;
}

static void settle_policy(struct turn *turn, struct engine_policy *policy,
			  const struct alert *alert)
{
	struct cause cause = {
		.reason = release_reason(alert), .alert = alert->id, .trigger = alert->received_at};

	policy->touched = false;
	if (policy->run.state == POLICY_OFF || policy->run.state == POLICY_ABNORMAL)
		cause.from = engine_plan_from(turn->engine, alert, policy->run.policy, turn->now);
	engine_settle(turn, policy, &cause);
}

/* Policies settle after all endpoints have spoken: two of them may switch the same one. */
static void carry_out_switches(struct turn *turn, const struct plan *plan,
			       const struct alert *alert)
{
	for (size_t i = 0; i < plan->switch_count; i++)
		carry_out_switch(turn, &plan->switches[i], alert);
	for (size_t i = 0; i < plan->switch_count; i++)
		if (plan->switches[i].live->touched)
			settle_policy(turn, plan->switches[i].live, alert);
}

/* A tier ended: what the alert holds is held at the level that is left. */
static void lower_holds(struct turn *turn, const struct engine_alert *known,
			const struct alert *alert)
{
	for (size_t i = 0; i < known->held_count; i++) {
		struct engine_policy *policy = known->held[i];
		struct engine_hold *hold =
			table_find(&policy->holds, known->open_alert.fingerprint);

		engine_set_level(policy, hold, known->open_alert.level);
		actions_add(turn->actions, ACTION_HOLD)->hold = hold->hold;
		settle_policy(turn, policy, alert);
	}
}

/* ---- the whole ---- */

static void carry_out(struct turn *turn, struct engine_alert *known, const struct plan *plan,
		      const struct alert *alert)
{
	carry_out_switches(turn, plan, alert);
	for (size_t i = 0; i < plan->push_count; i++)
		engine_tell(turn, known, alert, &plan->pushes[i]);
	if (plan->outcome == OUTCOME_TIER)
		lower_holds(turn, known, alert);
	if (plan->outcome != OUTCOME_CLOSED)
		return;
	engine_untell_all(turn, known);
	engine_review_pair(turn, known->pair);
}

void engine_on_alert(struct engine *engine, const struct alert *alert, struct instant now,
		     struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_alert *known = table_find(&engine->alerts, alert->fingerprint);
	const struct choice *choice = engine_choose(engine, known, alert);
	struct plan *plan = &engine->plan;
	struct action *action;

	engine_on_heard(engine, alert->source, now, actions);
	engine_make_plan(engine, known, choice, alert, now, plan);
	action = actions_add(actions, ACTION_ALERT);
	action->alert = alert;
	action->outcome = plan->outcome;
	if (plan->outcome != OUTCOME_TEST)
		delivery_log_add(&engine->deliveries, alert->source, alert->delivery_id);
	if (!plan->acts)
		return;
	if (plan->outcome != OUTCOME_NOTICE) {
		known = known ? known : add_alert(&turn, alert);
		memcpy(known->policy, plan->policy ? plan->policy->id : no_policy,
		       sizeof(known->policy));
		apply_event(&turn, known, alert, plan->outcome);
	}
	carry_out(&turn, known, plan, alert);
}

/* ---- alerts that end without news ---- */

/* The recovery's time has come: as if it had arrived now. */
void engine_on_confirmed(struct turn *turn, struct engine_alert *known)
{
	struct engine *engine = turn->engine;
	struct plan *plan = &engine->plan;
	struct alert *alert = take_ptr(known->recovery);

	deadline_clear(&engine->due, &known->confirms);
	if (!alert) { /* its event is gone from the store */
		engine_on_alert_ends(turn, known);
		return;
	}
	actions_own(turn->actions, alert);
	set_open(turn, known, false);
	drop_recovery(turn, known);
	save_alert(turn, known);
	engine_plan_end(engine, known, engine_choose(engine, known, alert), alert, turn->now, plan);
	carry_out(turn, known, plan, alert);
}

/* Nobody said that it is over: nobody is told, and what it holds ends by its own time. */
void engine_on_alert_ends(struct turn *turn, struct engine_alert *known)
{
	drop_recovery(turn, known);
	set_open(turn, known, false);
	save_alert(turn, known);
	while (known->held_count) {
		struct engine_policy *policy = known->held[known->held_count - 1];

		engine_release(turn, policy, known->open_alert.fingerprint, "alert_expired");
		engine_settle(turn, policy, &(struct cause){.reason = "alert_expired"});
	}
	engine_untell_all(turn, known);
	engine_review_pair(turn, known->pair);
}
