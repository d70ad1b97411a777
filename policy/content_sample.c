/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts that templates are tried with when they are saved, and shown with in the preview. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "policy/content_internal.h"

static void set(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

/* Everything a sender can tell. */
static void fill(struct alert *alert, enum content_language language)
{
	bool zh = language == CONTENT_ZH;

	snprintf(alert->id, sizeof(alert->id), "019afb3d-5c80-7f00-8000-000000000001");
	set(&alert->source, "prometheus");
	set(&alert->source_kind, "alertmanager");
	set(&alert->source_level, "critical");
	set(&alert->policy_id, "42");
	set(&alert->policy_name, zh ? "接口丢包率" : "packet loss");
	set(&alert->policy_type, "network");
	set(&alert->policy_level, "high");
	set(&alert->object_id, "device:core-switch-1");
	set(&alert->object_name, zh ? "核心交换机 \"A\" eth0" : "core switch \"A\" eth0");
	set(&alert->object_kind, "device");
	set(&alert->rule, "loss");
	set(&alert->metric, "loss");
	set(&alert->value, "4.2");
	set(&alert->unit, "%");
	set(&alert->operator, ">");
	set(&alert->threshold, "1");
	set(&alert->condition, "loss > 1% for 2m");
	set(&alert->title, zh ? "丢包率 4.2%" : "4.2% of packets are lost");
	set(&alert->text, zh ? "第一行\n第二行 <b>&" : "first line\nsecond line <b>&");
	set(&alert->suggestion, zh ? "检查链路" : "check the link");
	set(&alert->link, "https://prometheus.example/graph?a=1&b=2");
	set(&alert->region, "gz");
	set(&alert->team, "noc");
	set(&alert->user, "alice");
	json_object_set_new(alert->labels, "host", json_string("core-switch-1"));
	json_object_set_new(alert->labels, "interface", json_string("eth0"));
	json_object_set_new(alert->annotations, "runbook",
			    json_string("https://wiki.example/loss"));
}

static json_t *sample_captures(void)
{
	return json_pack(
		"[{s:s, s:s, s:s, s:s, s:s, s:[]}]", "id", "019afb3d-5c80-7f00-8000-000000000002",
		"policy", "core links", "state", "running", "url",
		"https://ringbell.example/api/v1/captures/019afb3d-5c80-7f00-8000-000000000002",
		"coverage", "requested from 2026-01-31T11:59:30Z until the alert is over", "files");
}

static const wall_t started = {1769860800 * DUR_S}; /* 2026-01-31T12:00:00Z */

json_t *content_sample(enum content_sample_kind kind, enum content_language language)
{
	struct alert_list list;
	struct alert *alert;
	CLEANUP_JSON json_t *captures = kind == CONTENT_SAMPLE_MINIMAL ? json_array()
								       : sample_captures();
	struct content_facts facts = {
		.outcome = kind == CONTENT_SAMPLE_RECOVERED ? "recovered" : "opened",
		.captures = captures,
		.endpoint_id = "019afb3d-5c80-7f00-8000-000000000003",
		.endpoint_name = "sample",
		.probe = "probe-1",
		.base_url = "https://ringbell.example",
		.count = 1,
		.language = language,
	};
	json_t *variables;

	alert_list_init(&list);
	alert = alert_list_add(&list);
	alert->level = LEVEL_CRITICAL;
	alert->status = ALERT_FIRING;
	alert->starts_at = started;
	alert->event_at = alert->received_at = wall_add(started, 2 * DUR_S);
	if (kind != CONTENT_SAMPLE_MINIMAL)
		fill(alert, language);
	if (kind == CONTENT_SAMPLE_RECOVERED) {
		alert->level = LEVEL_RECOVERY;
		alert->status = ALERT_RECOVERED;
		alert->ends_at = alert->event_at = wall_add(started, 150 * DUR_S);
	}
	alert_fingerprint(alert->source, alert->policy_id, alert->object_id, alert->rule,
			  alert->fingerprint);
	facts.alert = alert;
	variables = content_variables(&facts);
	alert_list_fini(&list);
	return variables;
}
