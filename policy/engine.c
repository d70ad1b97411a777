/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/engine_internal.h"
#include "policy/self_alert.h"
#include "policy/utf8.h"

/* ---- actions ---- */

struct action *actions_add(struct actions *actions, enum action_kind kind)
{
	struct action *action;

	/* room for 4, 8, 16, …: full exactly then */
	if (!actions->count || (actions->count >= 4 && !(actions->count & (actions->count - 1))))
		actions->items = xreallocarray(actions->items,
					       actions->count ? 2 * actions->count : 4,
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

void actions_own(struct actions *actions, struct alert *alert)
{
	actions->owned =
		xreallocarray(actions->owned, actions->owned_count + 1, sizeof(actions->owned[0]));
	actions->owned[actions->owned_count++] = alert;
}

void actions_fini(struct actions *actions)
{
	for (size_t i = 0; i < actions->owned_count; i++)
		alert_free(actions->owned[i]);
	free(actions->owned);
	free(actions->items);
	*actions = (struct actions){0};
}

struct turn engine_turn(struct engine *engine, struct instant now, struct actions *actions)
{
	struct turn turn = {engine, now, actions};

	engine_check_clock(&turn);
	return turn;
}

void engine_signal(struct turn *turn, const char *policy, const char *object, bool over,
		   enum level level, const char *text)
{
	struct action *action = actions_add(turn->actions, ACTION_SIGNAL);

	action->signal.policy = policy;
	utf8_put(action->signal.object, sizeof(action->signal.object), object);
	action->signal.over = over;
	action->signal.level = level;
	engine_set_reason(action, text);
}

void engine_end_signal(struct turn *turn, const char *policy, const char *object, const char *text)
{
	char fingerprint[SHA256_HEX_SIZE], name[SETTING_NAME_MAX + 1];
	const struct open_alert *alert;

	utf8_put(name, sizeof(name), object);
	self_alert_fingerprint(policy, name, fingerprint);
	alert = engine_open_alert(turn->engine, fingerprint);
	if (alert && alert->open)
		engine_signal(turn, policy, object, true, LEVEL_ERROR, text);
}

/* ---- life cycle ---- */

struct engine *engine_new(void)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));

	index_init(&engine->policies, offsetof(struct engine_policy, run.policy));
	index_init(&engine->endpoints, offsetof(struct engine_endpoint, id));
	index_init(&engine->sources, offsetof(struct source, id));
	index_init(&engine->alert_policies, offsetof(struct alert_policy, id));
	index_init(&engine->silences, offsetof(struct silence, id));
	table_init(&engine->by_key, offsetof(struct engine_alert_policy, key));
	table_init(&engine->by_source, offsetof(struct engine_source, name));
	table_init(&engine->alerts, offsetof(struct engine_alert, open_alert.fingerprint));
	table_init(&engine->pairs, offsetof(struct engine_pair, key));
	delivery_log_init(&engine->deliveries);
	engine->generation = 1;
	return engine;
}

void engine_clear_deadlines(struct engine *engine, struct engine_policy *policy)
{
	struct deadline *all[] = {&policy->linger, &policy->retry, &policy->veto, &policy->duration,
				  &policy->block};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		deadline_clear(&engine->due, all[i]);
}

void engine_free_policy(void *item)
{
	struct engine_policy *policy = item;

	engine_free_holds(policy);
	pcap_policy_fini(policy->settings);
	free(policy->settings);
	free(policy);
}

void engine_free_endpoint(void *item)
{
	struct engine_endpoint *live = item;

	endpoint_fini(live->settings);
	free(live->settings);
	free(live);
}

void engine_free_alert(struct engine_alert *alert)
{
	alert_free(alert->recovery);
	choice_fini(&alert->choice);
	free(alert->held);
	free(alert->told);
	free(alert);
}

static void free_alert(void *item)
{
	engine_free_alert(item);
}

static void free_pair(void *item)
{
	free(((struct engine_pair *)item)->memories);
	free(item);
}

static void free_source(void *item)
{
	source_fini(item);
	free(item);
}

static void free_alert_policy(void *item)
{
	alert_policy_fini(item);
	free(item);
}

static void free_silence(void *item)
{
	silence_fini(item);
	free(item);
}

static void free_route(struct alert_route *route)
{
	alert_route_fini(route);
	free(route);
}

static void free_items(void **items, size_t count, void (*free_item)(void *item))
{
	for (size_t i = 0; i < count; i++)
		free_item(items[i]);
}

static void free_index(struct index *index, void (*free_item)(void *item))
{
	free_items(index->items, index->count, free_item);
	index_fini(index);
}

static void free_table(struct table *table, void (*free_item)(void *item))
{
	free_items(table->items, table->count, free_item);
	table_fini(table);
}

struct engine *engine_free(struct engine *engine)
{
	if (!engine)
		return NULL;
	free_index(&engine->policies, engine_free_policy);
	free_index(&engine->endpoints, engine_free_endpoint);
	free_index(&engine->sources, free_source);
	free_index(&engine->alert_policies, free_alert_policy);
	free_index(&engine->silences, free_silence);
	free_table(&engine->by_key, free);
	free_table(&engine->by_source, free);
	free_table(&engine->alerts, free_alert);
	free_table(&engine->pairs, free_pair);
	for (size_t i = 0; i < engine->route_count; i++)
		free_route(engine->routes[i]);
	free(engine->routes);
	free(engine->touched);
	choice_fini(&engine->choice);
	plan_fini(&engine->plan);
	deadline_heap_fini(&engine->due);
	delivery_log_fini(&engine->deliveries);
	free(engine);
	return NULL;
}

/* ---- loading: settings ---- */

void engine_load_policy(struct engine *engine, const struct pcap_policy *policy)
{
	struct engine_policy *live = index_find(&engine->policies, policy->id);

	if (!live) {
		live = xcalloc(1, sizeof(*live));
		memcpy(live->run.policy, policy->id, sizeof(live->run.policy));
		table_init(&live->holds, offsetof(struct engine_hold, hold.key));
		index_add(&engine->policies, live);
	} else {
		pcap_policy_fini(live->settings);
		free(live->settings);
	}
	live->settings = pcap_policy_copy(policy);
	engine_forget_choices(engine);
}

void engine_load_endpoint(struct engine *engine, const struct endpoint *endpoint)
{
	struct engine_endpoint *old = index_take(&engine->endpoints, endpoint->id);
	struct engine_endpoint *live = xcalloc(1, sizeof(*live));

	memcpy(live->id, endpoint->id, sizeof(live->id));
	live->settings = endpoint_copy(endpoint);
	index_add(&engine->endpoints, live);
	if (old)
		engine_free_endpoint(old);
	engine_forget_choices(engine);
}

static void link_alert_policy(struct engine *engine, struct alert_policy *policy)
{
	const char *key = alert_policy_key(policy);
	struct engine_alert_policy *live = table_find(&engine->by_key, key);

	if (!live) {
		live = xcalloc(1, sizeof(*live));
		snprintf(live->key, sizeof(live->key), "%s", key);
		table_add(&engine->by_key, live);
	}
	live->settings = policy;
}

void engine_on_alert_policy_delete(struct engine *engine, const char *policy)
{
	struct alert_policy *old = index_take(&engine->alert_policies, policy);
	struct engine_alert_policy *live;

	if (!old)
		return;
	live = table_find(&engine->by_key, alert_policy_key(old));
	if (live && live->settings == old)
		free(table_take(&engine->by_key, live->key));
	free_alert_policy(old);
	engine_forget_choices(engine);
}

void engine_load_alert_policy(struct engine *engine, const struct alert_policy *policy)
{
	struct alert_policy *copy = alert_policy_copy(policy);

	engine_on_alert_policy_delete(engine, policy->id);
	index_add(&engine->alert_policies, copy);
	link_alert_policy(engine, copy);
	engine_forget_choices(engine);
}

void engine_on_alert_route_delete(struct engine *engine, const char *route)
{
	for (size_t i = 0; i < engine->route_count; i++) {
		if (strcmp(engine->routes[i]->id, route))
			continue;
		free_route(engine->routes[i]);
		engine->route_count--;
		memmove(&engine->routes[i], &engine->routes[i + 1],
			(engine->route_count - i) * sizeof(engine->routes[0]));
		break;
	}
	engine_forget_choices(engine);
}

static bool goes_before(const struct alert_route *a, const struct alert_route *b)
{
	return a->position < b->position ||
	       (a->position == b->position && strcmp(a->id, b->id) < 0);
}

void engine_load_alert_route(struct engine *engine, const struct alert_route *route)
{
	size_t at = 0;

	engine_on_alert_route_delete(engine, route->id);
	engine->routes =
		xreallocarray(engine->routes, engine->route_count + 1, sizeof(engine->routes[0]));
	while (at < engine->route_count && goes_before(engine->routes[at], route))
		at++;
	memmove(&engine->routes[at + 1], &engine->routes[at],
		(engine->route_count - at) * sizeof(engine->routes[0]));
	engine->routes[at] = alert_route_copy(route);
	engine->route_count++;
	engine_forget_choices(engine);
}

void engine_on_silence_delete(struct engine *engine, const char *silence)
{
	struct silence *old = index_take(&engine->silences, silence);

	if (old)
		free_silence(old);
}

void engine_load_silence(struct engine *engine, const struct silence *silence)
{
	struct silence *copy = silence_copy(silence);

	engine_on_silence_delete(engine, silence->id);
	index_add(&engine->silences, copy);
}

/* ---- loading: state ---- */

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

	if (!live || table_find(&live->holds, hold->key))
		return;
	copy = xcalloc(1, sizeof(*copy));
	copy->hold = *hold;
	copy->policy = live;
	table_add(&live->holds, copy);
}

/* A row from before pairs were kept is a pair of its own until its next event. */
void engine_load_open_alert(struct engine *engine, const struct open_alert *alert)
{
	struct engine_alert *known = table_find(&engine->alerts, alert->fingerprint);

	if (known)
		return;
	known = xcalloc(1, sizeof(*known));
	known->open_alert = *alert;
	known->open_alert.levels |= LEVEL_BIT(alert->level);
	if (!alert->pair[0])
		memcpy(known->open_alert.pair, alert->fingerprint, sizeof(alert->fingerprint));
	table_add(&engine->alerts, known);
	known->pair = engine_get_pair(engine, known->open_alert.pair);
	known->pair->alerts++;
	known->pair->open += alert->open;
}

void engine_load_memory(struct engine *engine, const struct push_memory *memory)
{
	struct engine_pair *pair = engine_get_pair(engine, memory->pair);

	pair->memories = xreallocarray(pair->memories, pair->count + 1, sizeof(pair->memories[0]));
	pair->memories[pair->count++] = (struct engine_memory){.memory = *memory};
}

void engine_load_told(struct engine *engine, const char *fingerprint, const char *endpoint)
{
	struct engine_alert *known = table_find(&engine->alerts, fingerprint);

	if (!known || engine_is_told(known, endpoint))
		return;
	known->told = xreallocarray(known->told, known->told_count + 1, sizeof(known->told[0]));
	snprintf(known->told[known->told_count++], IDENT_SIZE, "%s", endpoint);
}

void engine_load_recovery(struct engine *engine, const struct alert *alert)
{
	struct engine_alert *known = table_find(&engine->alerts, alert->fingerprint);

	if (known && !strcmp(known->open_alert.recovery, alert->id)) {
		alert_free(known->recovery);
		known->recovery = alert_copy(alert);
	}
}

void engine_load_delivery(struct engine *engine, const char *source, const char *delivery_id)
{
	delivery_log_add(&engine->deliveries, source, delivery_id);
}
