/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of an alert (route.h has the rule). */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/engine_internal.h"

void choice_fini(struct choice *choice)
{
	free(choice->targets);
	*choice = (struct choice){0};
}

void engine_forget_choices(struct engine *engine)
{
	engine->generation++;
	engine->chooses_by_level = engine->chooses_by_label = false;
	for (size_t i = 0; i < engine->route_count; i++) {
		const struct matcher *match = &engine->routes[i]->match;

		engine->chooses_by_level = engine->chooses_by_level || match->levels;
		engine->chooses_by_label = engine->chooses_by_label ||
					   json_object_size(match->labels);
	}
}

/* ---- targets ---- */

static bool has_target(const struct choice *choice, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < choice->count; i++)
		if (choice->targets[i].endpoint == endpoint)
			return true;
	return false;
}

static void add_target(const struct engine *engine, struct choice *choice,
		       const struct endpoint *endpoint)
{
	struct target *target;

	if (choice->count == choice->capacity) {
		choice->capacity = choice->capacity ? 2 * choice->capacity : 4;
		choice->targets = xreallocarray(choice->targets, choice->capacity,
						sizeof(choice->targets[0]));
	}
	target = &choice->targets[choice->count++];
	target->endpoint = endpoint;
	target->policy = endpoint->kind == ENDPOINT_PCAP
				 ? engine_find_policy(engine, endpoint->policy)
				 : NULL;
}

/* An id in a list may be of an endpoint that was deleted by force. */
static void add_listed(const struct engine *engine, struct choice *choice,
		       const struct alert *alert, char *const *ids)
{
	for (; *ids; ids++) {
		const struct engine_endpoint *live = index_find(&engine->endpoints, *ids);

		if (live && endpoint_takes(live->settings, alert) &&
		    !has_target(choice, live->settings))
			add_target(engine, choice, live->settings);
	}
}

/* What the appliance says of itself must not start a capture by surprise. */
static bool is_for_self(const struct endpoint *endpoint, const struct alert *alert)
{
	return strcmp(alert->source, ENGINE_SELF) || endpoint->kind != ENDPOINT_PCAP ||
	       endpoint->sources[0];
}

static void add_defaults(const struct engine *engine, struct choice *choice,
			 const struct alert *alert)
{
	size_t listed = choice->count;

	choice->by_default = true;
	for (size_t i = 0; i < engine->endpoints.count; i++) {
		const struct engine_endpoint *live = engine->endpoints.items[i];
		const struct endpoint *endpoint = live->settings;

		if (!endpoint->is_default || !endpoint_takes(endpoint, alert) ||
		    !is_for_self(endpoint, alert))
			continue;
		if (!listed || !has_target(choice, endpoint))
			add_target(engine, choice, endpoint);
	}
}

/* ---- the way ---- */

static const struct alert_policy *policy_of(const struct engine *engine, const struct alert *alert)
{
	const struct engine_alert_policy *live = table_find(&engine->by_key, alert->policy_id);

	if (!live)
		live = table_find(&engine->by_key, alert->policy_name);
	return live && alert_policy_takes(live->settings, alert) ? live->settings : NULL;
}

static bool is_on_way(const struct alert_route *route, const struct alert *alert)
{
	return route->enabled && matcher_fits(&route->match, alert);
}

void engine_fill_choice(const struct engine *engine, const struct alert *alert,
			struct choice *choice)
{
	bool ended = false;

	choice->count = 0;
	choice->by_default = false;
	choice->policy = policy_of(engine, alert);
	if (choice->policy)
		add_listed(engine, choice, alert, choice->policy->endpoints);
	for (size_t i = 0; !ended && i < engine->route_count; i++) {
		const struct alert_route *route = engine->routes[i];

		if (!is_on_way(route, alert))
			continue;
		add_listed(engine, choice, alert, route->endpoints);
		ended = !route->goes_on;
	}
	if (!ended && !(choice->policy && choice->policy->endpoints[0]))
		add_defaults(engine, choice, alert);
}

const struct alert_route *engine_plan_route(const struct engine *engine, const struct alert *alert,
					    size_t index)
{
	for (size_t i = 0; i < engine->route_count; i++) {
		const struct alert_route *route = engine->routes[i];

		if (!is_on_way(route, alert))
			continue;
		if (!index--)
			return route;
		if (!route->goes_on)
			return NULL;
	}
	return NULL;
}

/* FNV-1a: only has to tell a changed name from an unchanged one. */
static uint64_t hash_names(const struct alert *alert)
{
	const char *texts[] = {alert->policy_name, alert->object_name};
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (const char *p = texts[i]; p == texts[i] || p[-1]; p++)
			hash = (hash ^ (unsigned char)*p) * 0x100000001b3ull;
	return hash;
}

const struct choice *engine_choose(struct engine *engine, struct engine_alert *known,
				   const struct alert *alert)
{
	struct choice *choice = known ? &known->choice : &engine->choice;
	uint64_t names = hash_names(alert);

	if (known && choice->generation == engine->generation && !engine->chooses_by_label &&
	    choice->names == names && (!engine->chooses_by_level || choice->level == alert->level))
		return choice;
	engine_fill_choice(engine, alert, choice);
	choice->generation = engine->generation;
	choice->names = names;
	choice->level = alert->level;
	return choice;
}

const struct silence *engine_silence_of(const struct engine *engine, const struct alert *alert,
					wall_t now)
{
	const struct silence *found = NULL;

	for (size_t i = 0; i < engine->silences.count; i++) {
		const struct silence *silence = engine->silences.items[i];

		if (!silence_is_active(silence, now) || !matcher_fits(&silence->match, alert))
			continue;
		if (silence->captures)
			return silence; /* mutes all that any other does */
		found = found ? found : silence;
	}
	return found;
}
