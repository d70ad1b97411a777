/* SPDX-License-Identifier: Apache-2.0 */
/* DeepFlow's HTTP push with its variable names as members, which is the template docs/sources.md
 * has. The policy is the rule: an alert is one policy about one target. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/event_level",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/policy_id"),
			INTAKE_FIELD(policy_name, "/policy_name|/alert_policy"),
			INTAKE_FIELD(policy_type, "/policy_app_type|/policy_type"),
			INTAKE_FIELD(object_id, "uid:{/_target_uid}|uid:{/policy_target_uid}"),
			INTAKE_FIELD(object_name, "/policy_target_name|/target_tags"),
			INTAKE_FIELD(metric, "/metric_name|/metric"),
			INTAKE_FIELD(value, "/metric_value|/trigger_value"),
			INTAKE_FIELD(unit, "/value_unit|/metric_unit"),
			INTAKE_FIELD(threshold, "/trigger_threshold"),
			INTAKE_FIELD(condition, "/trigger_condition"),
			INTAKE_FIELD(title, "/title|/alert_policy|/policy_name"),
			INTAKE_FIELD(text, "/content|/event_info"),
			INTAKE_FIELD(link, "/url|/event_url"),
			INTAKE_FIELD(region, "/region"),
			INTAKE_FIELD(team, "/team"),
			INTAKE_FIELD(user, "/user|/user_name"),
			INTAKE_FIELD(delivery_id, "/event_id"),
		},
	.level = "/event_level",
	.levels = {[LEVEL_CRITICAL] = "1",
		   [LEVEL_ERROR] = "2",
		   [LEVEL_WARNING] = "3",
		   [LEVEL_NO_DATA] = "4",
		   [LEVEL_RECOVERY] = "5",
		   [LEVEL_INFO] = "6"},
	.starts_at = "/start_time",
	.ends_at = "/end_time",
	.event_at = "/time|/timestamp|/alert_time",
	.labels = "/target_tags|/tags",
};

static int deepflow_parse(const struct intake_element *element, struct alert *alert,
			  struct error *err)
{
	CLEANUP_FREE char *level = value_read(element->object, "/policy_level", 16);
	const char *word = level ? intake_policy_level(level) : NULL;

	(void)err;
	if (word)
		intake_set(&alert->policy_level, word, ALERT_NAME_MAX);
	if (alert->status != ALERT_RECOVERED)
		alert->ends_at = (wall_t){0};
	return 0;
}

const struct intake_kind intake_deepflow_kind = {
	.name = "deepflow",
	.map = &map,
	.parse = deepflow_parse,
	.single = true,
};
