/* SPDX-License-Identifier: Apache-2.0 */
/* Names, and what the API looks at. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "policy/engine_internal.h"

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
	[OUTCOME_TEST] = "test",       [OUTCOME_CONFIRMING] = "confirming",
	[OUTCOME_TIER] = "tier",
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
	const struct engine_endpoint *live = index_find(&engine->endpoints, id_or_name);

	for (size_t i = 0; !live && i < engine->endpoints.count; i++) {
		const struct engine_endpoint *other = engine->endpoints.items[i];

		if (!strcmp(other->settings->name, id_or_name))
			live = other;
	}
	return live ? live->settings : NULL;
}

const struct endpoint *engine_endpoint_at(const struct engine *engine, size_t index)
{
	const struct engine_endpoint *live = item_at(&engine->endpoints, index);

	return live ? live->settings : NULL;
}

const struct source *engine_source(const struct engine *engine, const char *id_or_name)
{
	const struct source *source = index_find(&engine->sources, id_or_name);
	const struct engine_source *live = source ? NULL : engine_find_source(engine, id_or_name);

	return source || !live ? source : live->settings;
}

const struct source *engine_source_at(const struct engine *engine, size_t index)
{
	return item_at(&engine->sources, index);
}

#define FIND_NAMED(index, type, id_or_name)                                                        \
	({                                                                                         \
		const struct type *found_ = index_find(index, id_or_name);                         \
		for (size_t i_ = 0; !found_ && i_ < (index)->count; i_++) {                        \
			const struct type *other_ = (index)->items[i_];                            \
			if (!strcmp(other_->name, id_or_name))                                     \
				found_ = other_;                                                   \
		}                                                                                  \
		found_;                                                                            \
	})

const struct alert_policy *engine_alert_policy(const struct engine *engine, const char *id_or_name)
{
	return FIND_NAMED(&engine->alert_policies, alert_policy, id_or_name);
}

const struct alert_policy *engine_alert_policy_at(const struct engine *engine, size_t index)
{
	return item_at(&engine->alert_policies, index);
}

/* As far as its alerts were heard of since their settings changed last. */
size_t engine_count_open(const struct engine *engine, const struct alert_policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < engine->alerts.count; i++) {
		const struct engine_alert *known = engine->alerts.items[i];

		count += known->open_alert.open && !strcmp(known->policy, policy->id);
	}
	return count;
}

const struct silence *engine_silence(const struct engine *engine, const char *id_or_name)
{
	return FIND_NAMED(&engine->silences, silence, id_or_name);
}

const struct silence *engine_silence_at(const struct engine *engine, size_t index)
{
	return item_at(&engine->silences, index);
}

const struct alert_route *engine_alert_route(const struct engine *engine, const char *id_or_name)
{
	for (size_t i = 0; i < engine->route_count; i++)
		if (!strcmp(engine->routes[i]->id, id_or_name) ||
		    !strcmp(engine->routes[i]->name, id_or_name))
			return engine->routes[i];
	return NULL;
}

const struct alert_route *engine_alert_route_at(const struct engine *engine, size_t index)
{
	return index < engine->route_count ? engine->routes[index] : NULL;
}

const char *engine_blocked(const struct engine *engine, const char *policy)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);

	return live && live->blocked ? live->blocked : "";
}

static uint64_t budget_of(const struct pcap_policy *settings, enum level level)
{
	return level && settings->budget_levels[level] ? settings->budget_levels[level]
						       : settings->budget_bytes;
}

/* The most that any hold allows: a critical alert is not cut short by a warning beside it. */
uint64_t engine_budget(const struct engine *engine, const char *policy)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);
	uint64_t budget = 0;

	for (int level = 0; live && level <= LEVEL_INFO; level++) {
		uint64_t other = budget_of(live->settings, (enum level)level);

		if (live->held_levels[level] && !other)
			return 0;
		if (live->held_levels[level] && other > budget)
			budget = other;
	}
	return live && !live->holds.count ? live->settings->budget_bytes : budget;
}

const struct hold *engine_hold_at(const struct engine *engine, const char *policy, size_t index)
{
	const struct engine_policy *live = engine_find_policy(engine, policy);
	const struct engine_hold *hold =
		live && index < live->holds.count ? live->holds.items[index] : NULL;

	return hold ? &hold->hold : NULL;
}

const struct open_alert *engine_open_alert(const struct engine *engine, const char *fingerprint)
{
	const struct engine_alert *alert = table_find(&engine->alerts, fingerprint);

	return alert ? &alert->open_alert : NULL;
}
