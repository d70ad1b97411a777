/* SPDX-License-Identifier: Apache-2.0 */
/* Grafana's alerting before version 9: one rule with its state. A rule has many series, and its OK
 * comes without any, so the rule is the object: it opens with the first series and closes with OK.
 * (One alert per series could never be closed.) The series are in the labels. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/state",
	.fields =
		{
			INTAKE_FIELD(policy_id, "{/orgId}:{/ruleId}|/ruleId"),
			INTAKE_FIELD(policy_name, "/ruleName|/title"),
			INTAKE_FIELD(object_id, "rule:{/ruleId}|rule:{/ruleName}"),
			INTAKE_FIELD(object_name, "/evalMatches/0/metric|/ruleName"),
			INTAKE_FIELD(metric, "/evalMatches/0/metric"),
			INTAKE_FIELD(value, "/evalMatches/0/value"),
			INTAKE_FIELD(title, "/title|/ruleName"),
			INTAKE_FIELD(text, "/message"),
			INTAKE_FIELD(link, "/ruleUrl"),
		},
	.level = "/tags/severity",
	.status = "/state",
	.firing = "alerting,no_data",
	.recovered = "ok",
	.ignored = "paused,pending,unknown",
	.labels = "/tags|/evalMatches/0/tags",
};

/* Each series may name another machine. */
static void hint_matches(const json_t *object, struct alert *alert)
{
	const json_t *match, *matches = json_object_get(object, "evalMatches");
	json_t *labels = alert->labels;
	size_t i;

	json_array_foreach (matches, i, match) {
		alert->labels = json_object();
		intake_add_labels(json_object_get(match, "tags"), alert->labels);
		intake_hint_labels(alert);
		json_decref(alert->labels);
	}
	alert->labels = labels;
}

static int grafana_legacy_parse(const struct intake_element *element, struct alert *alert,
				struct error *err)
{
	CLEANUP_FREE char *state = value_read(element->object, "/state", 16);

	(void)err;
	if (value_in_words("no_data", state))
		alert->level = LEVEL_NO_DATA;
	hint_matches(element->object, alert);
	return 0;
}

const struct intake_kind intake_grafana_legacy_kind = {
	.name = "grafana_legacy",
	.map = &map,
	.parse = grafana_legacy_parse,
	.single = true,
};
