/* SPDX-License-Identifier: Apache-2.0 */
/* Kibana's webhook connector with the body docs/sources.md has: one for the action group that is
 * active, one for "recovered". */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/rule/id|/rule_id",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/rule/id|/rule_id"),
			INTAKE_FIELD(policy_name, "/rule/name|/rule_name"),
			INTAKE_FIELD(policy_type, "/rule/type"),
			INTAKE_FIELD(object_id, "/alert/id|/alert_id"),
			INTAKE_FIELD(value, "/context/value"),
			INTAKE_FIELD(condition, "/context/conditions"),
			INTAKE_FIELD(title, "/context/title|/rule/name|/rule_name"),
			INTAKE_FIELD(text, "/context/message|/message|/context/reason"),
			INTAKE_FIELD(link, "/rule/url|/url"),
		},
	.level = "/severity|/level",
	.status = "/status|/alert/actionGroup",
	.recovered = "recovered",
	.starts_at = "/start",
	.event_at = "/date",
	.labels = "/tags|/labels|/rule/tags",
	.hints = {{ALERT_HINT_ADDRESS, "/source/ip|/context/source/ip"},
		  {ALERT_HINT_PORT, "/source/port|/context/source/port"},
		  {ALERT_HINT_PEER_ADDRESS, "/destination/ip|/context/destination/ip"},
		  {ALERT_HINT_PEER_PORT, "/destination/port|/context/destination/port"},
		  {ALERT_HINT_ADDRESS, "/host/ip"}},
};

const struct intake_kind intake_kibana_kind = {
	.name = "kibana",
	.map = &map,
	.single = true,
};
