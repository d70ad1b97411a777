/* SPDX-License-Identifier: Apache-2.0 */
/* Rancher 2.x's webhook notifier: Alertmanager's shape with its own labels, without version and
 * fingerprint. Identity: policy = rule_id; object = the labels that name the thing, by its kind;
 * rule = alert_type. Its test sends an alert with the label test_msg. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"

static const char *const thing_labels[] = {"cluster_name",  "resource_kind",  "target_namespace",
					   "target_name",   "component_name", "node_name",
					   "namespace",	    "pod_name",	      "workload_namespace",
					   "workload_name", "workload_kind",  NULL};

/* of metric alerts, whose series are told apart by labels of the query */
static const char *const not_series[] = {
	"alertname",  "alert_name", "alert_type",      "rule_id",	"group_id",
	"severity",   "comparison", "threshold_value", "duration",	"expression",
	"server_url", "logs",	    "event_type",      "event_message", NULL};

static void set_object(struct alert *alert)
{
	bool named = false;

	for (size_t i = 1; thing_labels[i]; i++)
		named = named || *intake_label(alert, thing_labels[i]);
	intake_put(&alert->object_id, named ? intake_format_members(alert->labels, thing_labels)
					    : intake_format_labels(alert->labels, not_series));
}

static int rancher_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	int r = intake_alertmanager_parse(element, alert, err);

	if (r)
		return r;
	if (*intake_label(alert, "test_msg"))
		alert->status = ALERT_TEST;
	if (*intake_label(alert, "rule_id"))
		intake_set_identity(&alert->policy_id, intake_label(alert, "rule_id"));
	else if (*intake_label(alert, "alert_name"))
		intake_set_identity(&alert->policy_id, intake_label(alert, "alert_name"));
	if (*intake_label(alert, "alert_name"))
		intake_set(&alert->policy_name, intake_label(alert, "alert_name"), ALERT_NAME_MAX);
	intake_set(&alert->policy_type, intake_label(alert, "alert_type"), ALERT_NAME_MAX);
	intake_set_identity(&alert->rule, intake_label(alert, "alert_type"));
	intake_set(&alert->object_name, "", ALERT_NAME_MAX);
	set_object(alert);
	if (!strcmp(alert->title, "unnamed") || !*alert->title)
		intake_set(&alert->title, alert->policy_name, ALERT_TEXT_MAX);
	return 0;
}

const struct intake_kind intake_rancher_kind = {
	.name = "rancher",
	.parse = rancher_parse,
	.merge = intake_alertmanager_merge,
	.list = "/alerts",
	.default_level = LEVEL_CRITICAL,
};
