/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/engine_internal.h"
#include "policy/utf8.h"

/* ---- names ---- */

static const char *const hold_names[] = {
	[HOLD_ALERT] = "alert",
	[HOLD_OPERATOR] = "operator",
	[HOLD_ALWAYS] = "always",
};

static const char *const outcome_names[] = {
	[OUTCOME_OPENED] = "opened",   [OUTCOME_REPEATED] = "repeated",
	[OUTCOME_CHANGED] = "changed", [OUTCOME_CLOSED] = "closed",
	[OUTCOME_ORPHAN] = "orphan",   [OUTCOME_STALE] = "stale",
	[OUTCOME_NOTICE] = "notice",   [OUTCOME_DUPLICATE] = "duplicate",
	[OUTCOME_TEST] = "test",
};

const char *hold_kind_name(enum hold_kind kind)
{
	bug_on(kind > HOLD_ALWAYS);
	return hold_names[kind];
}

int hold_kind_parse(const char *text, enum hold_kind *ret)
{
	for (enum hold_kind kind = HOLD_ALERT; kind <= HOLD_ALWAYS; kind++) {
		if (!strcmp(text, hold_names[kind])) {
			*ret = kind;
			return 0;
		}
	}
	return -EINVAL;
}

const char *alert_outcome_name(enum alert_outcome outcome)
{
	bug_on(outcome > OUTCOME_TEST);
	return outcome_names[outcome];
}

/* ---- actions ---- */

struct action *actions_add(struct actions *actions, enum action_kind kind)
{
	struct action *action;

	/* full exactly when the count is a power of two */
	if (!(actions->count & (actions->count - 1)))
		actions->items = xreallocarray(actions->items,
					       actions->count ? 2 * actions->count : 1,
					       sizeof(actions->items[0]));
	action = &actions->items[actions->count++];
	memset(action, 0, sizeof(*action));
	action->kind = kind;
	return action;
}

void engine_set_reason(struct action *action, const char *reason)
{
	utf8_put(action->reason, sizeof(action->reason), reason);
}

void actions_fini(struct actions *actions)
{
	free(actions->items);
	*actions = (struct actions){0};
}

struct turn engine_turn(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = {engine, now, actions};

	engine_check_clock(&turn);
	return turn;
}

/* ---- life cycle ---- */

struct engine *engine_new(void)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));

	index_init(&engine->policies, offsetof(struct engine_policy, run.policy));
	index_init(&engine->endpoints, offsetof(struct endpoint, id));
	index_init(&engine->sources, offsetof(struct source, id));
	index_init(&engine->alerts, offsetof(struct engine_alert, open_alert.fingerprint));
	delivery_log_init(&engine->deliveries);
	return engine;
}

void engine_free_policy(void *item)
{
	struct engine_policy *policy = item;

	engine_free_holds(policy);
	pcap_policy_fini(policy->settings);
	free(policy->settings);
	free(policy);
}

static void free_endpoint(void *item)
{
	endpoint_fini(item);
	free(item);
}

static void free_source(void *item)
{
	source_fini(item);
	free(item);
}

static void free_items(struct index *index, void (*free_item)(void *item))
{
	for (size_t i = 0; i < index->count; i++)
		free_item(index->items[i]);
	index_fini(index);
}

struct engine *engine_free(struct engine *engine)
{
	if (!engine)
		return NULL;
	free_items(&engine->policies, engine_free_policy);
	free_items(&engine->endpoints, free_endpoint);
	free_items(&engine->sources, free_source);
	free_items(&engine->alerts, free);
	delivery_log_fini(&engine->deliveries);
	free(engine);
	return NULL;
}

/* ---- loading ---- */

void engine_load_policy(struct engine *engine, const struct pcap_policy *policy)
{
	struct engine_policy *live = index_find(&engine->policies, policy->id);

	if (!live) {
		live = xcalloc(1, sizeof(*live));
		memcpy(live->run.policy, policy->id, sizeof(live->run.policy));
		index_init(&live->holds, offsetof(struct engine_hold, hold.key));
		index_add(&engine->policies, live);
	} else {
		pcap_policy_fini(live->settings);
		free(live->settings);
	}
	live->settings = pcap_policy_copy(policy);
}

void engine_load_endpoint(struct engine *engine, const struct endpoint *endpoint)
{
	void *old = index_take(&engine->endpoints, endpoint->id);

	index_add(&engine->endpoints, endpoint_copy(endpoint));
	if (old)
		free_endpoint(old);
}

void engine_load_source(struct engine *engine, const struct source *source)
{
	void *old = index_take(&engine->sources, source->id);

	index_add(&engine->sources, source_copy(source));
	if (old)
		free_source(old);
}

/* Runs and holds of policies that are gone are left alone: their policy's deletion is what removes
 * them from the store. */
void engine_load_run(struct engine *engine, const struct policy_run *run)
{
	struct engine_policy *live = index_find(&engine->policies, run->policy);

	if (live)
		live->run = *run;
}

void engine_load_hold(struct engine *engine, const struct hold *hold)
{
	struct engine_policy *live = index_find(&engine->policies, hold->policy);
	struct engine_hold *copy;

	if (!live || index_find(&live->holds, hold->key))
		return;
	copy = xcalloc(1, sizeof(*copy));
	copy->hold = *hold;
	index_add(&live->holds, copy);
}

void engine_load_open_alert(struct engine *engine, const struct open_alert *alert)
{
	struct engine_alert *live = index_find(&engine->alerts, alert->fingerprint);

	if (!live) {
		live = xcalloc(1, sizeof(*live));
		memcpy(live->open_alert.fingerprint, alert->fingerprint,
		       sizeof(live->open_alert.fingerprint));
		index_add(&engine->alerts, live);
	}
	live->open_alert = *alert;
	live->open_alert.levels |= LEVEL_BIT(alert->level);
}

void engine_load_delivery(struct engine *engine, const char *source, const char *delivery_id)
{
	delivery_log_add(&engine->deliveries, source, delivery_id);
}

/* ---- views ---- */

struct engine_policy *engine_find_policy(const struct engine *engine, const char *id_or_name)
{
	struct engine_policy *policy = index_find(&engine->policies, id_or_name);

	for (size_t i = 0; !policy && i < engine->policies.count; i++) {
		struct engine_policy *other = engine->policies.items[i];

		if (!strcmp(other->settings->name, id_or_name))
			policy = other;
	}
	return policy;
}

const struct pcap_policy *engine_policy(const struct engine *engine, const char *id_or_name)
{
	const struct engine_policy *policy = engine_find_policy(engine, id_or_name);

	return policy ? policy->settings : NULL;
}

static void *item_at(const struct index *index, size_t position)
{
	return position < index->count ? index->items[position] : NULL;
}

const struct pcap_policy *engine_policy_at(const struct engine *engine, size_t index)
{
	const struct engine_policy *policy = item_at(&engine->policies, index);

	return policy ? policy->settings : NULL;
}

const struct policy_run *engine_run(const struct engine *engine, const char *policy)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);

	return live ? &live->run : NULL;
}

const struct endpoint *engine_endpoint(const struct engine *engine, const char *id_or_name)
{
	const struct endpoint *endpoint = index_find(&engine->endpoints, id_or_name);

	for (size_t i = 0; !endpoint && i < engine->endpoints.count; i++) {
		const struct endpoint *other = engine->endpoints.items[i];

		if (!strcmp(other->name, id_or_name))
			endpoint = other;
	}
	return endpoint;
}

const struct endpoint *engine_endpoint_at(const struct engine *engine, size_t index)
{
	return item_at(&engine->endpoints, index);
}

const struct source *engine_source(const struct engine *engine, const char *id_or_name)
{
	const struct source *source = index_find(&engine->sources, id_or_name);

	for (size_t i = 0; !source && i < engine->sources.count; i++) {
		const struct source *other = engine->sources.items[i];

		if (!strcmp(other->name, id_or_name))
			source = other;
	}
	return source;
}

const struct source *engine_source_at(const struct engine *engine, size_t index)
{
	return item_at(&engine->sources, index);
}

const struct hold *engine_hold_at(const struct engine *engine, const char *policy, size_t index)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);
	const struct engine_hold *hold = live ? item_at(&live->holds, index) : NULL;

	return hold ? &hold->hold : NULL;
}

const struct open_alert *engine_open_alert(const struct engine *engine, const char *fingerprint)
{
	const struct engine_alert *alert = index_find(&engine->alerts, fingerprint);

	return alert ? &alert->open_alert : NULL;
}
