/* SPDX-License-Identifier: Apache-2.0 */
/* PagerDuty's webhooks, version 3: what becomes of an incident. Its answers punish a 4xx (three in
 * a row disable the hook for a day), so a delivery that is no good is kept and answered 200. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/event/event_type",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/event/data/service/id|/event/resource_type"),
			INTAKE_FIELD(policy_name, "/event/data/service/summary"),
			INTAKE_FIELD(object_id, "/event/data/id"),
			INTAKE_FIELD(object_name, "/event/data/title|/event/data/id"),
			INTAKE_FIELD(object_kind, "/event/resource_type"),
			INTAKE_FIELD(title, "/event/data/title|/event/event_type"),
			INTAKE_FIELD(link, "/event/data/html_url"),
			INTAKE_FIELD(team, "/event/data/teams/0/summary"),
			INTAKE_FIELD(user, "/event/agent/summary"),
			INTAKE_FIELD(delivery_id, "/event/id"),
		},
	.level = "/event/data/priority/summary|/event/data/urgency",
	.levels = {[LEVEL_CRITICAL] = "high", [LEVEL_WARNING] = "low"},
	.status = "/event/event_type",
	.firing = "incident.triggered,incident.reopened,incident.escalated,"
		  "incident.unacknowledged,incident.priority_updated",
	.recovered = "incident.resolved",
	.test = "pagey.ping",
	.ignored = "incident.acknowledged,incident.annotated,incident.delegated,"
		   "incident.reassigned,incident.responder.added,incident.responder.replied,"
		   "incident.status_update_published,incident.conference_bridge.updated,"
		   "incident.custom_field_values.updated,incident.incident_type.changed,"
		   "incident.service_updated,incident.workflow.started,"
		   "incident.workflow.completed,service.created,service.deleted,"
		   "service.updated,service.custom_field_values.updated",
	.starts_at = "/event/data/created_at",
	.event_at = "/event/occurred_at",
	.labels = "/event/data/service|/event/data/incident_key",
};

const struct intake_kind intake_pagerduty_v3_kind = {
	.name = "pagerduty_v3",
	.map = &map,
	.single = true,
	.quarantine = true,
	.default_level = LEVEL_ERROR,
};
