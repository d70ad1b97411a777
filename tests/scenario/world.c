/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>

#define FIND(list, n, cond)                                                                        \
	({                                                                                         \
		size_t i_ = 0;                                                                     \
		for (; i_ < (n); i_++) {                                                           \
			__typeof__(&(list)[0]) it = &(list)[i_];                                   \
			if (cond)                                                                  \
				break;                                                             \
		}                                                                                  \
		i_;                                                                                \
	})

/* ---- life ---- */

void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->now.mono.ns = 1000 * DUR_S;
	bug_on(wall_parse("2026-01-01T00:00:00Z", &world->now.wall));
	world->zero = world->now;
	world->engine = engine_new();
}

void world_fini(struct world *world)
{
	engine_free(world->engine);
	actions_fini(&world->actions);
	for (size_t i = 0; i < world->policy_count; i++) {
		pcap_policy_fini(world->policies[i]);
		free(world->policies[i]);
	}
	for (size_t i = 0; i < world->endpoint_count; i++) {
		endpoint_fini(world->endpoints[i]);
		free(world->endpoints[i]);
	}
	for (size_t i = 0; i < world->source_count; i++) {
		source_fini(world->sources[i]);
		free(world->sources[i]);
	}
	for (size_t i = 0; i < world->alert_policy_count; i++) {
		alert_policy_fini(world->alert_policies[i]);
		free(world->alert_policies[i]);
	}
	for (size_t i = 0; i < world->route_count; i++) {
		alert_route_fini(world->routes[i]);
		free(world->routes[i]);
	}
	for (size_t i = 0; i < world->silence_count; i++) {
		silence_fini(world->silences[i]);
		free(world->silences[i]);
	}
	for (size_t i = 0; i < world->recovery_count; i++)
		alert_free(world->recoveries[i]);
	for (size_t i = 0; i < world->delivery_count; i++) {
		free(world->deliveries[i].source);
		free(world->deliveries[i].id);
	}
}

/* ---- the store ---- */

static void save_run(struct world *world, const struct policy_run *run)
{
	size_t i = FIND(world->runs, world->run_count, !strcmp(it->policy, run->policy));

	bug_on(i == WORLD_MAX);
	world->runs[i] = *run;
	if (i == world->run_count)
		world->run_count++;
}

static size_t find_hold(const struct world *world, const struct hold *hold)
{
	return FIND(world->holds, world->hold_count,
		    !strcmp(it->policy, hold->policy) && it->kind == hold->kind &&
			    !strcmp(it->key, hold->key));
}

static void save_hold(struct world *world, const struct hold *hold)
{
	size_t i = find_hold(world, hold);

	bug_on(i == WORLD_MAX);
	world->holds[i] = *hold;
	if (i == world->hold_count)
		world->hold_count++;
}

static void remove_hold(struct world *world, const struct line *line, const struct hold *hold)
{
	size_t i = find_hold(world, hold);

	if (i == world->hold_count)
		line_fail(line, "a hold is released that the store does not have");
	world->holds[i] = world->holds[--world->hold_count];
}

static void save_alert(struct world *world, const struct open_alert *alert)
{
	size_t i = FIND(world->alerts, world->alert_count,
			!strcmp(it->fingerprint, alert->fingerprint));

	bug_on(i == WORLD_MAX);
	world->alerts[i] = *alert;
	if (i == world->alert_count)
		world->alert_count++;
}

static void save_delivery(struct world *world, const struct alert *alert)
{
	if (!*alert->delivery_id)
		return;
	bug_on(world->delivery_count == WORLD_MAX);
	world->deliveries[world->delivery_count].source = xstrdup(alert->source);
	world->deliveries[world->delivery_count++].id = xstrdup(alert->delivery_id);
}

static size_t find_memory(const struct world *world, const struct push_memory *memory)
{
	return FIND(world->memories, world->memory_count,
		    !strcmp(it->pair, memory->pair) && !strcmp(it->endpoint, memory->endpoint));
}

static void save_memory(struct world *world, const struct push_memory *memory)
{
	size_t i = find_memory(world, memory);

	bug_on(i == WORLD_MAX);
	world->memories[i] = *memory;
	if (i == world->memory_count)
		world->memory_count++;
}

static void forget_pair(struct world *world, const char *pair)
{
	for (size_t i = world->memory_count; i > 0; i--)
		if (!strcmp(world->memories[i - 1].pair, pair))
			world->memories[i - 1] = world->memories[--world->memory_count];
}

static void remove_told(struct world *world, const struct action_push *push)
{
	for (size_t i = world->told_count; i > 0; i--)
		if (!strcmp(world->told[i - 1].fingerprint, push->fingerprint) &&
		    (!push->endpoint[0] || !strcmp(world->told[i - 1].endpoint, push->endpoint)))
			world->told[i - 1] = world->told[--world->told_count];
}

static void save_told(struct world *world, const struct action_push *push)
{
	bug_on(world->told_count == WORLD_MAX);
	memcpy(world->told[world->told_count].fingerprint, push->fingerprint,
	       sizeof(push->fingerprint));
	memcpy(world->told[world->told_count++].endpoint, push->endpoint, sizeof(push->endpoint));
}

/* ---- actions ---- */

/* Ids are numbers in the order of making, so that scenarios do not depend on chance. */
static void id_format(size_t number, char id[IDENT_SIZE])
{
	snprintf(id, IDENT_SIZE, "00000000-0000-7000-8000-%012zx", number);
}

static const char *name_of(const struct world *world, const char *id)
{
	return *id ? world->names[strtoull(id + 24, NULL, 16)] : "";
}

static void add_effect(struct world *world, const struct action *action)
{
	struct effect *effect = &world->effects[world->effect_count++];
	const char *id = action->capture.policy;

	bug_on(world->effect_count == WORLD_MAX);
	memset(effect, 0, sizeof(*effect));
	effect->kind = action->kind;
	effect->outcome = action->outcome;
	effect->from = action->capture.from;
	effect->until = action->capture.until;
	effect->trigger = action->capture.trigger;
	effect->resume = action->capture.resume;
	effect->level = action->alert ? action->alert->level : 0;
	effect->over = action->signal.over;
	effect->count = action->push.count;
	effect->why = action->push.why ? action->push.why : "";
	memcpy(effect->policy, action->capture.policy, sizeof(effect->policy));
	memcpy(effect->capture, action->capture.id, sizeof(effect->capture));
	memcpy(effect->reason, action->reason, sizeof(effect->reason));
	if (action->kind == ACTION_PUSH || action->kind == ACTION_SUPPRESS)
		id = action->push.endpoint;
	if (action->kind == ACTION_UNHOLD || action->kind == ACTION_REFUSE)
		id = action->hold.policy;
	snprintf(effect->subject, sizeof(effect->subject), "%s",
		 action->kind == ACTION_SIGNAL ? action->signal.policy : name_of(world, id));
}

static void take_event(struct world *world, const struct action *action)
{
	save_delivery(world, action->alert);
	if (action->outcome == OUTCOME_CONFIRMING) {
		bug_on(world->recovery_count == WORLD_MAX);
		world->recoveries[world->recovery_count++] = alert_copy(action->alert);
	}
	add_effect(world, action);
}

static void apply_action(struct world *world, const struct line *line, const struct action *action)
{
	switch (action->kind) {
	case ACTION_ALERT:
		take_event(world, action);
		break;
	case ACTION_MEMORY:
		save_memory(world, &action->memory);
		break;
	case ACTION_FORGET:
		forget_pair(world, action->memory.pair);
		break;
	case ACTION_TOLD:
		save_told(world, &action->push);
		break;
	case ACTION_UNTOLD:
		remove_told(world, &action->push);
		break;
	case ACTION_PUSH:
		bug_on(world->push_count == WORLD_MAX);
		world->pushes[world->push_count++] = action->push;
		add_effect(world, action);
		break;
	case ACTION_OPEN_ALERT:
		save_alert(world, &action->open_alert);
		break;
	case ACTION_HOLD:
		save_hold(world, &action->hold);
		break;
	case ACTION_UNHOLD:
		remove_hold(world, line, &action->hold);
		add_effect(world, action);
		break;
	case ACTION_RUN:
		save_run(world, &action->run);
		break;
	case ACTION_CAPTURE:
		if (strcmp(action->capture.id, action[1].capture.id) ||
		    action[1].kind != ACTION_START)
			line_fail(line, "a capture without its start");
		break;
	default:
		add_effect(world, action);
		break;
	}
}

void world_apply(struct world *world, const struct line *line)
{
	for (size_t i = 0; i < world->actions.count; i++)
		apply_action(world, line, &world->actions.items[i]);
	actions_fini(&world->actions);
}

/* ---- time ---- */

static void move(struct world *world, dur_t span)
{
	world->now.mono = mono_add(world->now.mono, span);
	world->now.wall = wall_add(world->now.wall, span);
}

void world_advance(struct world *world, const struct line *line, dur_t span)
{
	mono_t end = mono_add(world->zero.mono, span), next;

	if (mono_sub(end, world->now.mono) < 0)
		line_fail(line, "time does not go back");
	while (engine_next_time(world->engine, &next) && mono_sub(next, end) <= 0) {
		if (mono_sub(next, world->now.mono) > 0)
			move(world, mono_sub(next, world->now.mono));
		engine_on_time(world->engine, world->now, &world->actions);
		world_apply(world, line);
		world_check(world, line);
		if (engine_next_time(world->engine, &next) && mono_sub(next, world->now.mono) <= 0)
			line_fail(line, "a timer that is due stays due");
	}
	move(world, mono_sub(end, world->now.mono));
}

void world_restart(struct world *world, dur_t down)
{
	engine_free(world->engine);
	move(world, down);
	world->engine = engine_new();
	for (size_t i = 0; i < world->policy_count; i++)
		engine_load_policy(world->engine, world->policies[i]);
	for (size_t i = 0; i < world->endpoint_count; i++)
		engine_load_endpoint(world->engine, world->endpoints[i]);
	for (size_t i = 0; i < world->source_count; i++)
		engine_load_source(world->engine, world->sources[i]);
	for (size_t i = 0; i < world->alert_policy_count; i++)
		engine_load_alert_policy(world->engine, world->alert_policies[i]);
	for (size_t i = 0; i < world->route_count; i++)
		engine_load_alert_route(world->engine, world->routes[i]);
	for (size_t i = 0; i < world->silence_count; i++)
		engine_load_silence(world->engine, world->silences[i]);
	for (size_t i = 0; i < world->run_count; i++)
		engine_load_run(world->engine, &world->runs[i]);
	for (size_t i = 0; i < world->hold_count; i++)
		engine_load_hold(world->engine, &world->holds[i]);
	for (size_t i = 0; i < world->alert_count; i++)
		engine_load_open_alert(world->engine, &world->alerts[i]);
	for (size_t i = 0; i < world->memory_count; i++)
		engine_load_memory(world->engine, &world->memories[i]);
	for (size_t i = 0; i < world->told_count; i++)
		engine_load_told(world->engine, world->told[i].fingerprint,
				 world->told[i].endpoint);
	for (size_t i = 0; i < world->recovery_count; i++)
		engine_load_recovery(world->engine, world->recoveries[i]);
	for (size_t i = 0; i < world->delivery_count; i++)
		engine_load_delivery(world->engine, world->deliveries[i].source,
				     world->deliveries[i].id);
	engine_restore(world->engine, world->now, &world->actions);
}

/* ---- the store equals the engine ---- */

static bool same_run(const struct policy_run *a, const struct policy_run *b)
{
	return a->state == b->state && !strcmp(a->capture, b->capture) &&
	       a->capture_from.ns == b->capture_from.ns &&
	       a->capture_began.ns == b->capture_began.ns &&
	       a->linger_until.ns == b->linger_until.ns && a->retry_at.ns == b->retry_at.ns &&
	       a->veto == b->veto && a->veto_until.ns == b->veto_until.ns &&
	       a->span_from.ns == b->span_from.ns && a->span_captures == b->span_captures &&
	       !strcmp(a->reason, b->reason);
}

static bool same_hold(const struct hold *a, const struct hold *b)
{
	return !strcmp(a->endpoint, b->endpoint) && !strcmp(a->source, b->source) &&
	       a->level == b->level && !strcmp(a->note, b->note) && a->since.ns == b->since.ns &&
	       a->until.ns == b->until.ns;
}

static bool same_alert(const struct open_alert *a, const struct open_alert *b)
{
	return !strcmp(a->alert, b->alert) && !strcmp(a->pair, b->pair) && a->tiers == b->tiers &&
	       a->until.ns == b->until.ns && a->confirms_at.ns == b->confirms_at.ns &&
	       !strcmp(a->recovery, b->recovery) && a->open == b->open && a->level == b->level &&
	       a->levels == b->levels && a->starts_at.ns == b->starts_at.ns &&
	       a->last_event_at.ns == b->last_event_at.ns && a->count == b->count;
}

static size_t check_holds(const struct world *world, const struct line *line, const char *policy)
{
	const struct hold *hold;
	size_t count = 0;

	for (; (hold = engine_hold_at(world->engine, policy, count)); count++) {
		size_t i = find_hold(world, hold);

		if (i == world->hold_count || !same_hold(&world->holds[i], hold))
			line_fail(line, "policy %s: a hold is not durable", name_of(world, policy));
	}
	return count;
}

static void check_invariant(const struct world *world, const struct line *line,
			    const struct policy_run *run, size_t holds)
{
	bool wanted = holds && !run->veto && !engine_blocked(world->engine, run->policy)[0];
	bool fine = false;

	switch (run->state) {
	case POLICY_OFF:
		fine = !wanted && !run->capture[0] && !wall_known(run->linger_until) &&
		       !wall_known(run->retry_at) && !run->reason[0];
		break;
	case POLICY_STARTING:
		fine = wanted && run->capture[0] && !wall_known(run->linger_until) &&
		       !wall_known(run->retry_at);
		break;
	case POLICY_ON:
		fine = wanted && run->capture[0] && !wall_known(run->linger_until) &&
		       !wall_known(run->retry_at) && !run->reason[0];
		break;
	case POLICY_LINGER:
		fine = !wanted && run->capture[0] && wall_known(run->linger_until) &&
		       !wall_known(run->retry_at);
		break;
	case POLICY_ABNORMAL:
		fine = wanted && run->reason[0] && !wall_known(run->linger_until) &&
		       (run->capture[0] != 0) == wall_known(run->retry_at);
		break;
	default:
		break;
	}
	if (!fine)
		line_fail(line, "policy %s: the invariant of state %s does not hold",
			  name_of(world, run->policy), policy_state_name(run->state));
}

void world_check(const struct world *world, const struct line *line)
{
	static const struct policy_run off;
	size_t holds = 0;

	for (size_t i = 0; i < world->policy_count; i++) {
		const char *policy = world->policies[i]->id;
		const struct policy_run *run = engine_run(world->engine, policy);
		size_t k = FIND(world->runs, world->run_count, !strcmp(it->policy, policy));
		size_t count = check_holds(world, line, policy);

		if (!same_run(run, k < world->run_count ? &world->runs[k] : &off))
			line_fail(line, "policy %s: its run is not durable",
				  name_of(world, policy));
		check_invariant(world, line, run, count);
		holds += count;
	}
	if (holds != world->hold_count)
		line_fail(line, "the store has %zu holds, the engine %zu", world->hold_count,
			  holds);
	for (size_t i = 0; i < world->alert_count; i++) {
		const struct open_alert *alert =
			engine_open_alert(world->engine, world->alerts[i].fingerprint);

		if (!alert || !same_alert(alert, &world->alerts[i]))
			line_fail(line, "an open alert is not durable");
	}
}

const struct policy_run *world_run(const struct world *world, const struct line *line,
				   const char *policy)
{
	const struct policy_run *run = engine_run(world->engine, policy);

	if (!run)
		line_fail(line, "there is no policy \"%s\"", policy);
	return run;
}

/* ---- settings ---- */

static bool in_list(const char *text, const char *const list[])
{
	for (; *list; list++)
		if (!strcmp(text, *list))
			return true;
	return false;
}

static json_t *list_json(const char *value)
{
	json_t *list = json_array();
	CLEANUP_FREE char *copy = xstrdup(value);
	char *rest = copy, *item;

	while ((item = strsep(&rest, ",")))
		if (*item)
			json_array_append_new(list, json_string(item));
	return list;
}

/* A member with a form of its own is written as JSON, with single quotes. */
static json_t *object_json(const char *value)
{
	CLEANUP_FREE char *text = xstrdup(value);
	json_t *object;

	for (char *p = text; (p = strchr(p, '\'')); p++)
		*p = '"';
	object = json_loads(text, 0, NULL);
	bug_on(!object);
	return object;
}

static json_t *value_json(const char *key, const char *value)
{
	static const char *const lists[] = {"nics",
					    "enable_levels",
					    "disable_levels",
					    "levels",
					    "sources",
					    "alert_policies",
					    "policies",
					    "objects",
					    "endpoints",
					    "tags",
					    NULL};
	static const char *const numbers[] = {
		"rotate_bytes", "budget_bytes", "frequency",   "captures_max",
		"position",	"holds_max",	"max_packets", NULL};
	static const char *const flags[] = {"enabled",	"literal",  "always",	     "default",
					    "continue", "captures", "send_resolved", NULL};

	if (*value == '{')
		return object_json(value);
	if (in_list(key, lists))
		return list_json(value);
	if (in_list(key, numbers))
		return json_integer(strtoll(value, NULL, 10));
	if (in_list(key, flags))
		return json_boolean(!strcmp(value, "yes"));
	return json_string(value);
}

/* Routes and alert policies name endpoints; the store has their ids. */
static json_t *endpoint_ids(const struct world *world, const char *value)
{
	json_t *names = list_json(value), *ids = json_array(), *name;
	size_t i;

	json_array_foreach (names, i, name) {
		const struct endpoint *endpoint =
			engine_endpoint(world->engine, json_string_value(name));

		json_array_append_new(
			ids, json_string(endpoint ? endpoint->id : json_string_value(name)));
	}
	json_decref(names);
	return ids;
}

static json_t *line_json(const struct world *world, struct line *line, const char *name)
{
	json_t *object = json_pack("{s:s}", "name", name);

	for (size_t i = 0; i < line->pair_count; i++) {
		const char *value = line->pairs[i].value;
		const struct pcap_policy *policy = NULL;

		if (!strcmp(line->pairs[i].key, "policy"))
			policy = engine_policy(world->engine, value);
		json_object_set_new(
			object, line->pairs[i].key,
			!strcmp(line->pairs[i].key, "endpoints")
				? endpoint_ids(world, value)
				: value_json(line->pairs[i].key, policy ? policy->id : value));
		line->pairs[i].used = true;
	}
	return object;
}

static void new_id(struct world *world, const char *name, char id[IDENT_SIZE])
{
	bug_on(world->name_count == WORLD_MAX);
	snprintf(world->names[world->name_count], sizeof(world->names[0]), "%s", name);
	id_format(world->name_count++, id);
}

#define PUT(world, line, object, name, list, n, type, set_default)                                 \
	({                                                                                         \
		size_t at_ = FIND((world)->list, (world)->n, !strcmp((*it)->name, name));          \
		struct error err_ = {0};                                                           \
		if (at_ == (world)->n) {                                                           \
			(world)->list[(world)->n] = xcalloc(1, sizeof(struct type));               \
			set_default((world)->list[(world)->n]);                                    \
			new_id(world, name, (world)->list[(world)->n++]->id);                      \
		}                                                                                  \
		(world)->list[at_]->version++;                                                     \
		if (type##_read((world)->list[at_], object, &err_))                                \
			line_fail(line, "%s: %s", err_.field, err_.text);                          \
		(world)->list[at_];                                                                \
	})

void world_put(struct world *world, struct line *line, const char *kind, const char *name)
{
	CLEANUP_JSON json_t *object = line_json(world, line, name);

	if (!strcmp(kind, "policy"))
		engine_on_policy_put(world->engine,
				     PUT(world, line, object, name, policies, policy_count,
					 pcap_policy, pcap_policy_default),
				     world->now, &world->actions);
	else if (!strcmp(kind, "endpoint"))
		engine_on_endpoint_put(world->engine,
				       PUT(world, line, object, name, endpoints, endpoint_count,
					   endpoint, endpoint_default),
				       world->now, &world->actions);
	else if (!strcmp(kind, "source"))
		engine_on_source_put(world->engine,
				     PUT(world, line, object, name, sources, source_count, source,
					 source_default),
				     world->now, &world->actions);
	else if (!strcmp(kind, "alert-policy"))
		engine_on_alert_policy_put(world->engine, PUT(world, line, object, name,
							      alert_policies, alert_policy_count,
							      alert_policy, alert_policy_default));
	else if (!strcmp(kind, "route"))
		engine_on_alert_route_put(world->engine,
					  PUT(world, line, object, name, routes, route_count,
					      alert_route, alert_route_default));
	else
		engine_on_silence_put(world->engine, PUT(world, line, object, name, silences,
							 silence_count, silence, silence_default));
}

#define DELETE(world, line, name, list, n, type)                                                   \
	do {                                                                                       \
		size_t at_ = FIND((world)->list, (world)->n, !strcmp((*it)->name, name));          \
		if (at_ == (world)->n)                                                             \
			line_fail(line, "there is no \"%s\"", name);                               \
		type##_fini((world)->list[at_]);                                                   \
		free((world)->list[at_]);                                                          \
		(world)->list[at_] = (world)->list[--(world)->n];                                  \
	} while (0)

/* As control does it: the run goes in the same transaction as its policy. */
static void delete_policy(struct world *world, const struct line *line, const char *name)
{
	char id[IDENT_SIZE];
	size_t i;

	memcpy(id, world_run(world, line, name)->policy, sizeof(id));
	engine_on_policy_delete(world->engine, id, world->now, &world->actions);
	world_apply(world, line);
	i = FIND(world->runs, world->run_count, !strcmp(it->policy, id));
	if (i < world->run_count)
		world->runs[i] = world->runs[--world->run_count];
	DELETE(world, line, name, policies, policy_count, pcap_policy);
}

void world_delete(struct world *world, const struct line *line, const char *kind, const char *name)
{
	if (!strcmp(kind, "policy")) {
		delete_policy(world, line, name);
	} else if (!strcmp(kind, "endpoint")) {
		const struct endpoint *endpoint = engine_endpoint(world->engine, name);

		if (!endpoint)
			line_fail(line, "there is no endpoint \"%s\"", name);
		engine_on_endpoint_delete(world->engine, endpoint->id, world->now, &world->actions);
		DELETE(world, line, name, endpoints, endpoint_count, endpoint);
	} else if (!strcmp(kind, "silence")) {
		engine_on_silence_delete(world->engine, engine_silence(world->engine, name)->id);
		DELETE(world, line, name, silences, silence_count, silence);
	} else if (!strcmp(kind, "route")) {
		engine_on_alert_route_delete(world->engine,
					     engine_alert_route(world->engine, name)->id);
		DELETE(world, line, name, routes, route_count, alert_route);
	} else if (!strcmp(kind, "alert-policy")) {
		engine_on_alert_policy_delete(world->engine,
					      engine_alert_policy(world->engine, name)->id);
		DELETE(world, line, name, alert_policies, alert_policy_count, alert_policy);
	} else {
		const struct source *source = engine_source(world->engine, name);

		if (!source)
			line_fail(line, "there is no source \"%s\"", name);
		engine_on_source_delete(world->engine, source->id, world->now, &world->actions);
		DELETE(world, line, name, sources, source_count, source);
	}
}

void world_push_dead(struct world *world, struct line *line, const char *endpoint)
{
	const char *name = line_value(line, "fallback");
	const struct endpoint *fallback = name ? engine_endpoint(world->engine, name) : NULL;

	for (size_t i = world->push_count; i > 0; i--) {
		const struct action_push *push = &world->pushes[i - 1];

		if (strcmp(name_of(world, push->endpoint), endpoint))
			continue;
		engine_on_push_dead(world->engine,
				    &(struct dead_push){.push = push->id,
							.endpoint = push->endpoint,
							.fingerprint = push->fingerprint,
							.fallback = fallback ? fallback->id : ""},
				    world->now, &world->actions);
		return;
	}
	line_fail(line, "nothing was pushed to \"%s\"", endpoint);
}

/* ---- deliveries ---- */

static void take_body(struct world *world, const struct line *line, const char *source,
		      const char *body, size_t len)
{
	const struct source *setting = engine_source(world->engine, source);
	struct intake intake = {.kind = setting ? setting->kind : SOURCE_NATIVE,
				.source = source,
				.default_level = setting ? setting->default_level : LEVEL_WARNING,
				.now = world->now.wall};
	struct alert_list list;
	struct error err = {0};

	alert_list_init(&list);
	if (intake_parse(&intake, body, len, &list, &err))
		line_fail(line, "refused: %s: %s", err.field, err.text);
	for (size_t i = 0; i < list.count; i++)
		engine_on_alert(world->engine, &list.alerts[i], world->now, &world->actions);
	world_apply(world, line);
	alert_list_fini(&list);
}

static void set_time(const struct world *world, struct line *line, json_t *object, const char *key,
		     const char *member)
{
	char text[WALL_TEXT_SIZE];

	if (line_value(line, key))
		json_object_set_new(
			object, member,
			json_string(wall_format(wall_add(world->now.wall, line_span(line, key, 0)),
						text)));
}

/* alert firing LEVEL … | alert recovered … | alert test …; times are relative to now. */
void world_alert(struct world *world, struct line *line)
{
	static const char *const texts[] = {"policy", "object", "rule", "delay",
					    "id",     "title",	"tier", NULL};
	const char *source = line_value(line, "source");
	CLEANUP_JSON json_t *object = json_pack("{s:s}", "status", line_word(line, 1));
	CLEANUP_FREE char *body = NULL;

	if (line->count > 2)
		json_object_set_new(object, "level", json_string(line->words[2]));
	for (const char *const *key = texts; *key; key++)
		if (line_value(line, *key))
			json_object_set_new(object, *key, json_string(line_value(line, *key)));
	set_time(world, line, object, "starts", "starts_at");
	set_time(world, line, object, "ends", "ends_at");
	set_time(world, line, object, "at", "at");
	body = json_format(object);
	take_body(world, line, source ? source : "native", body, strlen(body));
}

/* @-90s@ in a file is the time 90 s before now. */
static void fill_times(const struct world *world, const struct line *line, char *text,
		       struct buf *ret)
{
	char stamp[WALL_TEXT_SIZE], *rest = text, *part;
	bool inside = false;

	for (; (part = strsep(&rest, "@")); inside = !inside)
		buf_append_text(ret, inside ? wall_format(wall_add(world->now.wall,
								   line_parse_span(line, part)),
							  stamp)
					    : part);
}

/* deliver SOURCE FILE: a body as the sender made it, from tests/data. */
void world_deliver(struct world *world, struct line *line)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", SCENARIO_DATA, line_word(line, 2));
	CLEANUP_BUF struct buf text = BUF_INIT, body = BUF_INIT;

	if (file_read(AT_FDCWD, path, JSON_BYTES_MAX, &text))
		line_fail(line, "cannot read %s", path);
	fill_times(world, line, text.data, &body);
	take_body(world, line, line_word(line, 1), body.data, body.len);
}
