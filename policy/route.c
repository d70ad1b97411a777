/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route.h"

#include <string.h>

#include "policy/pattern.h"

static bool has_text(char *const *list, const char *text)
{
	for (char *const *item = list; *item; item++)
		if (!strcmp(*item, text))
			return true;
	return !*list;
}

static bool has_match(char *const *list, const char *id, const char *name)
{
	for (char *const *item = list; *item; item++)
		if (pattern_match(*item, id) || pattern_match(*item, name))
			return true;
	return !*list;
}

static bool labels_fit(json_t *labels, const json_t *present)
{
	const char *key;
	json_t *value;

	json_object_foreach (labels, key, value) {
		const char *text = json_string_value(json_object_get(present, key));

		if (!text || !pattern_match(json_string_value(value), text))
			return false;
	}
	return true;
}

bool matcher_fits(const struct matcher *matcher, const struct alert *alert)
{
	return (!matcher->levels || level_in(matcher->levels, alert->level)) &&
	       has_text(matcher->sources, alert->source) &&
	       has_match(matcher->policies, alert->policy_id, alert->policy_name) &&
	       has_match(matcher->objects, alert->object_id, alert->object_name) &&
	       labels_fit(matcher->labels, alert->labels);
}

const char *alert_policy_key(const struct alert_policy *policy)
{
	return policy->sender_id[0] ? policy->sender_id : policy->name;
}

bool alert_policy_takes(const struct alert_policy *policy, const struct alert *alert)
{
	return has_text(policy->sources, alert->source);
}

bool silence_is_active(const struct silence *silence, wall_t now)
{
	return silence->enabled && now.ns >= silence->starts_at.ns &&
	       (!wall_known(silence->ends_at) || now.ns < silence->ends_at.ns) &&
	       schedule_is_open(&silence->schedule, now);
}

bool endpoint_takes(const struct endpoint *endpoint, const struct alert *alert)
{
	return endpoint_takes_alerts(endpoint) && has_text(endpoint->sources, alert->source) &&
	       has_match(endpoint->alert_policies, alert->policy_id, alert->policy_name);
}
