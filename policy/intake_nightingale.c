/* SPDX-License-Identifier: Apache-2.0 */
/* Nightingale (n9e): its callback posts a list of events. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/rule_id|/rule_name",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/rule_id"),
			INTAKE_FIELD(policy_name, "/rule_name"),
			INTAKE_FIELD(policy_type, "/rule_prod|/cate"),
			INTAKE_FIELD(object_id, "/hash|/hash_id|/target_ident"),
			INTAKE_FIELD(object_name, "/target_ident|/hash"),
			INTAKE_FIELD(value, "/trigger_value"),
			INTAKE_FIELD(condition, "/prom_ql|/rule_config/queries/0/prom_ql"),
			INTAKE_FIELD(title, "/rule_name"),
			INTAKE_FIELD(text, "/rule_note|/annotations/description"),
			INTAKE_FIELD(link, "/runbook_url|/annotations/runbook_url"),
			INTAKE_FIELD(team, "/group_name"),
			INTAKE_FIELD(region, "/cluster"),
		},
	.level = "/severity",
	.levels = {[LEVEL_CRITICAL] = "1", [LEVEL_ERROR] = "2", [LEVEL_WARNING] = "3"},
	.status = "/is_recovered|/is_recovery",
	.recovered = "true,1",
	.starts_at = "/first_trigger_time|/trigger_time",
	.event_at = "/trigger_time",
	.labels = "/tags_map|/tags",
	.annotations = "/annotations",
	.hints = {{ALERT_HINT_ADDRESS, "/target_ident"}},
};

const struct intake_kind intake_nightingale_kind = {
	.name = "nightingale",
	.map = &map,
	.single = true,
};
