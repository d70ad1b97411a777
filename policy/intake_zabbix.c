/* SPDX-License-Identifier: Apache-2.0 */
/* Zabbix: the body our media type makes (docs/sources.md). event_value is 1 for a problem and 0 for
 * its recovery, which has the same event id. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/event_value",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/trigger_id"),
			INTAKE_FIELD(policy_name, "/trigger_name|/event_name"),
			INTAKE_FIELD(object_id, "/host_name|/host"),
			INTAKE_FIELD(object_name, "/host_visible_name|/host_name|/host"),
			INTAKE_FIELD(metric, "/item_key"),
			INTAKE_FIELD(value, "/item_value"),
			INTAKE_FIELD(title, "/event_name|/trigger_name"),
			INTAKE_FIELD(text, "/event_opdata|/message"),
			INTAKE_FIELD(condition, "/trigger_expression"),
			INTAKE_FIELD(link, "/url"),
		},
	.level = "/event_nseverity|/event_severity",
	.levels = {[LEVEL_CRITICAL] = "5,4,disaster,high",
		   [LEVEL_ERROR] = "3,average",
		   [LEVEL_WARNING] = "2,warning",
		   [LEVEL_INFO] = "1,0,information,not classified"},
	.status = "/event_value",
	.firing = "1",
	.recovered = "0",
	.starts_at = "/event_timestamp|{/event_date} {/event_time}",
	.ends_at = "/event_recovery_timestamp|{/event_recovery_date} {/event_recovery_time}",
	.labels = "/event_tags|/labels",
	.hints = {{ALERT_HINT_ADDRESS, "/host_ip"}, {ALERT_HINT_ADDRESS, "/host_conn"}},
};

const struct intake_kind intake_zabbix_kind = {
	.name = "zabbix",
	.map = &map,
	.single = true,
};
