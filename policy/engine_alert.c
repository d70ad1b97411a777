/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an alert, and who hears of it.
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
#include "base/cleanup.h"
#include "policy/engine_internal.h"
#include "policy/pattern.h"

#define DUPLICATE_SPAN (60 * DUR_S) /* ALR-09 */
#define STALE_SPAN     DUR_HOUR

/* Closed alerts are kept to recognise what is stale, open ones to pair recoveries. Beyond this many
 * the ones longest unheard of are forgotten, closed ones first. */
#define ALERTS_KEPT_MAX 50000

/* ---- routing ---- */

static bool endpoint_takes(const struct endpoint *endpoint, const struct alert *alert)
{
	char *const *item;

	for (item = endpoint->sources; *item && strcmp(*item, alert->source); item++)
		;
	if (endpoint->sources[0] && !*item)
		return false;
	for (item = endpoint->alert_policies; *item; item++)
		if (pattern_match(*item, alert->policy_id) ||
		    pattern_match(*item, alert->policy_name))
			return true;
	return !endpoint->alert_policies[0];
}

/* The policy that endpoint `index` switches for this alert; NULL if it switches none. */
static struct engine_policy *switched_policy(const struct engine *engine, size_t index,
					     const struct alert *alert)
{
	const struct endpoint *endpoint = engine->endpoints.items[index];

	if (endpoint->kind != ENDPOINT_PCAP || !endpoint->enabled ||
	    !endpoint_takes(endpoint, alert))
		return NULL;
	return engine_find_policy(engine, endpoint->policy);
}

static bool lacks_hold(const struct engine *engine, const struct alert *alert)
{
	for (size_t i = 0; i < engine->endpoints.count; i++) {
		const struct endpoint *endpoint = engine->endpoints.items[i];
		const struct engine_policy *policy = switched_policy(engine, i, alert);

		if (policy && level_in(endpoint->enable_levels, alert->level) &&
		    !index_find(&policy->holds, alert->fingerprint))
			return true;
	}
	return false;
}

/* ---- outcome ---- */

/* The sender's own stamp of this event, or 0. */
static wall_t stamp_of(const struct alert *alert)
{
	return alert->event_at.ns == alert->received_at.ns ? (wall_t){0} : alert->event_at;
}

static bool is_same_event(const struct turn *turn, const struct engine_alert *known,
			  const struct alert *alert)
{
	wall_t stamp = stamp_of(alert);
	bool open = alert->status == ALERT_FIRING;

	if (known->open_alert.open != open || (open && known->open_alert.level != alert->level))
		return false;
	if (wall_known(stamp))
		return stamp.ns == known->open_alert.last_event_at.ns;
	return known->applied && known->status == alert->status &&
	       known->starts_at.ns == alert->starts_at.ns &&
	       mono_sub(turn->now.mono, known->applied_at) < DUPLICATE_SPAN;
}

static bool is_older(wall_t a, wall_t b)
{
	return wall_known(a) && wall_known(b) && a.ns < b.ns;
}

/* Does a firing event without a stamp belong to the incident that was closed last? */
static bool is_of_closed(const struct turn *turn, const struct engine_alert *known,
			 const struct alert *alert)
{
	const struct open_alert *closed = &known->open_alert;
	dur_t age = wall_known(closed->last_event_at)
			    ? wall_sub(alert->received_at, closed->last_event_at)
			    : mono_sub(turn->now.mono, known->applied_at);

	if (closed->open || !wall_known(alert->starts_at) || age > STALE_SPAN)
		return false;
	return alert->starts_at.ns <= closed->last_event_at.ns ||
	       alert->starts_at.ns <= closed->starts_at.ns;
}

static bool is_stale(const struct turn *turn, const struct engine_alert *known,
		     const struct alert *alert)
{
	wall_t stamp = stamp_of(alert);

	if (is_older(stamp, known->open_alert.last_event_at))
		return true;
	if (alert->status == ALERT_RECOVERED)
		return is_older(alert->ends_at, known->open_alert.starts_at);
	return !wall_known(stamp) && is_of_closed(turn, known, alert);
}

static enum alert_outcome outcome_of_known(const struct turn *turn,
					   const struct engine_alert *known,
					   const struct alert *alert)
{
	bool open = known->open_alert.open;

	if (is_same_event(turn, known, alert) &&
	    (alert->status == ALERT_RECOVERED || !lacks_hold(turn->engine, alert)))
		return OUTCOME_DUPLICATE;
	if (alert->status == ALERT_RECOVERED && !open)
		return OUTCOME_ORPHAN;
	if (is_stale(turn, known, alert))
		return OUTCOME_STALE;
	if (alert->status == ALERT_RECOVERED)
		return OUTCOME_CLOSED;
	if (!open)
		return OUTCOME_OPENED;
	return known->open_alert.level == alert->level ? OUTCOME_REPEATED : OUTCOME_CHANGED;
}

static enum alert_outcome outcome_of(struct turn *turn, const struct engine_alert *known,
				     const struct alert *alert)
{
	if (alert->status == ALERT_TEST)
		return OUTCOME_TEST;
	if (delivery_log_add(&turn->engine->deliveries, alert->source, alert->delivery_id))
		return OUTCOME_DUPLICATE;
	if (alert->status == ALERT_NOTICE)
		return OUTCOME_NOTICE;
	if (known)
		return outcome_of_known(turn, known, alert);
	return alert->status == ALERT_RECOVERED ? OUTCOME_ORPHAN : OUTCOME_OPENED;
}

/* ---- open alerts ---- */

static void forget_alert(struct turn *turn, struct engine_alert *known)
{
	struct open_alert *open_alert = &known->open_alert;

	index_take(&turn->engine->alerts, open_alert->fingerprint);
	if (open_alert->open) {
		open_alert->open = false;
		actions_add(turn->actions, ACTION_OPEN_ALERT)->open_alert = *open_alert;
	}
	free(known);
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
	struct index *alerts = &turn->engine->alerts;
	CLEANUP_FREE struct engine_alert **order = NULL;
	size_t count = alerts->count;

	if (count < ALERTS_KEPT_MAX)
		return;
	order = xmemdup(alerts->items, count * sizeof(order[0]));
	qsort(order, count, sizeof(order[0]), compare_heard);
	for (size_t i = 0; i < count / 10; i++)
		forget_alert(turn, order[i]);
}

static struct engine_alert *add_alert(struct turn *turn, const struct alert *alert)
{
	struct engine_alert *known;

	make_room(turn);
	known = xcalloc(1, sizeof(*known));
	memcpy(known->open_alert.fingerprint, alert->fingerprint,
	       sizeof(known->open_alert.fingerprint));
	index_add(&turn->engine->alerts, known);
	return known;
}

static wall_t later(wall_t a, wall_t b)
{
	return a.ns > b.ns ? a : b;
}

static void open_or_update(struct open_alert *open_alert, const struct alert *alert,
			   enum alert_outcome outcome)
{
	if (outcome == OUTCOME_OPENED) {
		memcpy(open_alert->alert, alert->id, sizeof(open_alert->alert));
		open_alert->open = true;
		open_alert->levels = 0;
		open_alert->starts_at = (wall_t){0};
		open_alert->count = 0;
	}
	open_alert->level = alert->level;
	open_alert->levels |= LEVEL_BIT(alert->level);
	/* a later start: the incident before ended unseen, and its late recovery must not close us
	 */
	open_alert->starts_at = later(open_alert->starts_at, alert->starts_at);
	open_alert->count++;
}

static void apply_event(struct turn *turn, struct engine_alert *known, const struct alert *alert,
			enum alert_outcome outcome)
{
	struct open_alert *open_alert = &known->open_alert;

	if (outcome == OUTCOME_CLOSED)
		open_alert->open = false;
	else
		open_or_update(open_alert, alert, outcome);
	open_alert->last_event_at = later(open_alert->last_event_at, stamp_of(alert));
	known->applied = true;
	known->applied_at = turn->now.mono;
	known->status = alert->status;
	known->starts_at = alert->starts_at;
	actions_add(turn->actions, ACTION_OPEN_ALERT)->open_alert = *open_alert;
}

/* ---- pcap endpoints ---- */

static void hold_by_alert(struct turn *turn, struct engine_policy *policy,
			  const struct endpoint *endpoint, const struct alert *alert)
{
	engine_put_hold(
		turn, policy,
		&(struct hold_wish){.kind = HOLD_ALERT,
				    .key = alert->fingerprint,
				    .endpoint = endpoint->id,
				    .level = alert->level,
				    .note = alert->title[0] ? alert->title : alert->policy_name});
}

static const char *release_reason(const struct alert *alert)
{
	return alert->level == LEVEL_RECOVERY ? "recovered" : "disable_level";
}

static void switch_policy(struct turn *turn, struct engine_policy *policy,
			  const struct endpoint *endpoint, const struct alert *alert)
{
	if (level_in(endpoint->enable_levels, alert->level)) {
		hold_by_alert(turn, policy, endpoint, alert);
	} else if (level_in(endpoint->disable_levels, alert->level)) {
		engine_release(turn, policy, alert->fingerprint, release_reason(alert));
		if (endpoint->literal)
			engine_release_kind(turn, policy, HOLD_ALERT, NULL, "literal");
	}
	policy->touched = true;
}

/* min(starts_at, received_at) - delay - margin, but never further than lookback_max from now. */
static wall_t capture_from(const struct turn *turn, const struct engine_policy *policy,
			   const struct alert *alert)
{
	const struct source *source = engine_source(turn->engine, alert->source);
	dur_t delay = alert->delay || !source ? alert->delay : source->delay;
	wall_t floor = wall_add(turn->now.wall, -policy->settings->lookback_max);
	wall_t from = alert->received_at;

	if (is_older(alert->starts_at, from))
		from = alert->starts_at;
	from = wall_add(from, -delay - policy->settings->margin);
	return from.ns < floor.ns ? floor : from;
}

static void settle_policy(struct turn *turn, struct engine_policy *policy,
			  const struct alert *alert)
{
	struct cause cause = {.reason = release_reason(alert),
			      .alert = alert->id,
			      .from = capture_from(turn, policy, alert),
			      .trigger = alert->received_at};

	policy->touched = false;
	engine_settle(turn, policy, &cause);
}

/* Policies settle after all endpoints have spoken: two of them may switch the same one. */
static void tell_pcap_endpoints(struct turn *turn, const struct alert *alert)
{
	struct engine *engine = turn->engine;

	for (size_t i = 0; i < engine->endpoints.count; i++) {
		struct engine_policy *policy = switched_policy(engine, i, alert);

		if (policy)
			switch_policy(turn, policy, engine->endpoints.items[i], alert);
	}
	for (size_t i = 0; i < engine->endpoints.count; i++) {
		struct engine_policy *policy = switched_policy(engine, i, alert);

		if (policy && policy->touched)
			settle_policy(turn, policy, alert);
	}
}

/* ---- endpoints that are pushed to ---- */

/* Why an endpoint is not told; NULL if it is. A recovery passes if some level the alert had was one
 * the endpoint wants: then it was told of the alert. */
static const char *suppress_reason(const struct endpoint *endpoint, const struct alert *alert,
				   enum alert_outcome outcome, level_set levels)
{
	if (!endpoint->enabled)
		return "disabled";
	if (!level_in(endpoint->levels, alert->level))
		return "level";
	if (outcome == OUTCOME_CLOSED && !(endpoint->levels & levels))
		return "level";
	return outcome == OUTCOME_REPEATED ? "repeat" : NULL;
}

static void tell_push_endpoint(struct turn *turn, const struct endpoint *endpoint,
			       const struct alert *alert, const char *suppress)
{
	struct action *action =
		actions_add(turn->actions, suppress ? ACTION_SUPPRESS : ACTION_PUSH);

	action->alert = alert;
	ident_new(turn->now.wall, action->push.id);
	memcpy(action->push.endpoint, endpoint->id, sizeof(action->push.endpoint));
	memcpy(action->push.fingerprint, alert->fingerprint, sizeof(action->push.fingerprint));
	if (suppress)
		engine_set_reason(action, suppress);
}

static void tell_push_endpoints(struct turn *turn, const struct alert *alert,
				enum alert_outcome outcome, level_set levels)
{
	const struct index *endpoints = &turn->engine->endpoints;

	for (size_t i = 0; i < endpoints->count; i++) {
		const struct endpoint *endpoint = endpoints->items[i];

		if (endpoint->kind != ENDPOINT_PCAP && endpoint_takes(endpoint, alert))
			tell_push_endpoint(turn, endpoint, alert,
					   suppress_reason(endpoint, alert, outcome, levels));
	}
}

/* ---- the whole ---- */

static bool acts(enum alert_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OPENED:
	case OUTCOME_REPEATED:
	case OUTCOME_CHANGED:
	case OUTCOME_CLOSED:
	case OUTCOME_NOTICE:
		return true;
	default:
		return false;
	}
}

void engine_on_alert(struct engine *engine, const struct alert *alert, struct instant now,
		     struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_alert *known = index_find(&engine->alerts, alert->fingerprint);
	enum alert_outcome outcome = outcome_of(&turn, known, alert);
	struct action *action = actions_add(actions, ACTION_ALERT);

	action->alert = alert;
	action->outcome = outcome;
	if (!acts(outcome))
		return;
	if (outcome != OUTCOME_NOTICE) {
		known = known ? known : add_alert(&turn, alert);
		apply_event(&turn, known, alert, outcome);
	}
	tell_pcap_endpoints(&turn, alert);
	tell_push_endpoints(&turn, alert, outcome, known ? known->open_alert.levels : 0);
}
