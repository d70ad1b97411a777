/* SPDX-License-Identifier: Apache-2.0 */
/* Datadog's webhook integration with the payload docs/sources.md has. A monitor's cycle key is the
 * same from trigger to recovery, but new for each incident: the monitor and its scope identify. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/transition|/alert_transition",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/alert_id|/id"),
			INTAKE_FIELD(policy_name, "/monitor|/alert_title|/title"),
			INTAKE_FIELD(policy_type, "/alert_type|/event_type"),
			INTAKE_FIELD(object_id, "/scope|/alert_scope|/hostname"),
			INTAKE_FIELD(metric, "/metric|/alert_metric"),
			INTAKE_FIELD(condition, "/query|/alert_query"),
			INTAKE_FIELD(title, "/title|/event_title"),
			INTAKE_FIELD(text, "/body|/text"),
			INTAKE_FIELD(link, "/link|/url"),
			INTAKE_FIELD(team, "/org|/org_name"),
			INTAKE_FIELD(delivery_id, "{/event_id}/{/transition}"),
		},
	.level = "/priority|/alert_type",
	.levels = {[LEVEL_WARNING] = "p3,warning",
		   [LEVEL_ERROR] = "p2,error",
		   [LEVEL_INFO] = "p4,p5"},
	.status = "/transition|/alert_transition",
	.firing = "triggered,re-triggered,warn,re-warn,no data,re-no data,renotify",
	.recovered = "recovered",
	.test = "test",
	.event_at = "/date|/last_updated",
	.labels = "/tags|/scope",
	.hints = {{ALERT_HINT_ADDRESS, "/hostname"}},
};

/* A transition says more than the monitor's priority. */
static int datadog_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	CLEANUP_FREE char *transition = value_read(element->object, map.status, 32);

	(void)err;
	if (value_in_words("no data,re-no data", transition))
		alert->level = LEVEL_NO_DATA;
	else if (value_in_words("warn,re-warn", transition))
		alert->level = LEVEL_WARNING;
	return 0;
}

const struct intake_kind intake_datadog_kind = {
	.name = "datadog",
	.map = &map,
	.parse = datadog_parse,
	.single = true,
	.default_level = LEVEL_ERROR,
};
