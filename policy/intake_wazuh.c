/* SPDX-License-Identifier: Apache-2.0 */
/* Wazuh: an integration script posts the alert as it is in alerts.json. No recovery. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/rule/id",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/rule/id"),
			INTAKE_FIELD(policy_name, "/rule/description"),
			INTAKE_FIELD(policy_type, "/rule/groups/0"),
			INTAKE_FIELD(object_id, "agent:{/agent/id};{/data/srcip}|agent:{/agent/id};"
						"{/data/src_ip}|agent:{/agent/id}"),
			INTAKE_FIELD(object_name, "/agent/name|/agent/id"),
			INTAKE_FIELD(title, "/rule/description"),
			INTAKE_FIELD(text, "/full_log"),
			INTAKE_FIELD(delivery_id, "/id"),
		},
	.level = "/rule/level",
	.levels = {[LEVEL_CRITICAL] = "13,14,15,16",
		   [LEVEL_ERROR] = "10,11,12",
		   [LEVEL_WARNING] = "7,8,9",
		   [LEVEL_INFO] = "0,1,2,3,4,5,6"},
	.starts_at = "/timestamp",
	.event_at = "/timestamp",
	.labels = "/data",
	.hints = {{ALERT_HINT_ADDRESS, "/data/srcip|/data/src_ip"},
		  {ALERT_HINT_PORT, "/data/srcport|/data/src_port"},
		  {ALERT_HINT_PEER_ADDRESS, "/data/dstip|/data/dest_ip|/agent/ip"},
		  {ALERT_HINT_PEER_PORT, "/data/dstport|/data/dest_port"},
		  {ALERT_HINT_PROTOCOL, "/data/protocol|/data/proto"}},
};

const struct intake_kind intake_wazuh_kind = {
	.name = "wazuh",
	.map = &map,
	.single = true,
	.lines = true,
	.hold = 10 * DUR_MIN,
};
