/* SPDX-License-Identifier: Apache-2.0 */
/* Grafana's unified alerting: Alertmanager's shape with organisation, rule and values. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static void set_policy(const struct intake_element *element, struct alert *alert)
{
	CLEANUP_FREE char *rule =
		value_read(element->object, "/ruleUID|/labels/__alert_rule_uid__", ALERT_NAME_MAX);
	CLEANUP_FREE char *org = value_read(element->body, "/orgId", 32);
	CLEANUP_FREE char *text = NULL;

	if (!rule && org)
		text = xasprintf("%s:%s", org, alert->policy_name);
	if (rule || text)
		intake_set_identity(&alert->policy_id, rule ? rule : text);
}

static int grafana_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	CLEANUP_FREE char *link = value_read(element->object, "/panelURL", ALERT_TEXT_MAX);
	CLEANUP_FREE char *values = value_read(element->object, "/valueString", ALERT_TEXT_MAX);
	int r = intake_alertmanager_parse(element, alert, err);

	if (r)
		return r;
	set_policy(element, alert);
	if (!strcmp(intake_label(alert, "alertname"), "TestAlert"))
		alert->status = ALERT_TEST;
	if (link)
		intake_set(&alert->link, link, ALERT_TEXT_MAX);
	if (values)
		intake_set(&alert->condition, values, ALERT_NAME_MAX);
	intake_add_labels(value_find(element->object, "/values"), alert->annotations);
	return 0;
}

const struct intake_kind intake_grafana_kind = {
	.name = "grafana",
	.parse = grafana_parse,
	.merge = intake_alertmanager_merge,
	.list = "/alerts",
};
