/* SPDX-License-Identifier: Apache-2.0 */
/* What templates can read: every name is in docs/templates.md. Endpoints' settings are not here, so
 * no secret can be. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/content_internal.h"

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

/* Under each of the names, NULL-terminated. */
static void set_aliases(json_t *object, const char *text, const char *const names[])
{
	for (; *names; names++)
		set_text(object, *names, text);
}

/* To the second: what people read; `alert` has all digits. */
static void set_wall(json_t *object, const char *key, wall_t t)
{
	char text[WALL_TEXT_SIZE];

	if (wall_known(t))
		snprintf(text + strcspn(wall_format(t, text), "."), 2, "Z");
	set_text(object, key, wall_known(t) ? text : "");
}

/* A number where the text is one, so that templates can compare it; else the text. */
static json_t *number_or_text(const char *text)
{
	char *end;
	double real = strtod(text, &end);

	if (!*text || *end || strspn(text, "0123456789.eE+-") != strlen(text))
		return json_string(text);
	if (!strpbrk(text, ".eE") && strlen(text) < 18)
		return json_integer(strtoll(text, NULL, 10));
	return json_real(real);
}

static void set_policy(json_t *v, const struct alert *alert)
{
	static const char *const words[] = {"low", "medium", "high"};

	set_text(v, "policy_id", alert->policy_id);
	set_aliases(v, alert->policy_name,
		    (const char *const[]){"policy_name", "alert_policy", NULL});
	set_aliases(v, alert->policy_type,
		    (const char *const[]){"policy_type", "policy_app_type", NULL});
	set_text(v, "policy_level_name", alert->policy_level);
	set_text(v, "policy_level", "");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(alert->policy_level, words[i]))
			json_object_set_new(v, "policy_level", json_integer((json_int_t)i));
}

static void set_level(json_t *v, const struct alert *alert, enum content_language language)
{
	json_object_set_new(v, "event_level", json_integer(alert->level));
	set_aliases(v, level_name(alert->level),
		    (const char *const[]){"level", "event_level_name", NULL});
	set_text(v, "level_text", content_level_text(alert->level, language));
	set_text(v, "source_level", alert->source_level);
	set_text(v, "status", alert_status_name(alert->status));
	set_text(v, "state", alert->status == ALERT_FIRING ? "ongoing" : "ended");
	json_object_set_new(v, "recovered", json_boolean(alert->status == ALERT_RECOVERED));
}

static void set_object(json_t *v, const struct alert *alert)
{
	const char *name = *alert->object_name ? alert->object_name : alert->object_id;

	set_aliases(v, name,
		    (const char *const[]){"object", "object_name", "target", "policy_target_name",
					  NULL});
	set_text(v, "object_id", alert->object_id);
	set_text(v, "object_kind", alert->object_kind);
	json_object_set(v, "target_tags", alert->labels);
	json_object_set(v, "labels", alert->labels);
	json_object_set(v, "annotations", alert->annotations);
	json_object_set_new(v, "hints", alert_hints_format(&alert->hints));
}

static void set_metric(json_t *v, const struct alert *alert)
{
	set_text(v, "rule", alert->rule);
	set_text(v, "metric_name", alert->metric);
	json_object_set_new(v, "metric_value", number_or_text(alert->value));
	json_object_set_new(v, "trigger_value", number_or_text(alert->value));
	set_aliases(v, alert->unit, (const char *const[]){"metric_unit", "value_unit", NULL});
	set_text(v, "trigger_operator", alert->operator);
	json_object_set_new(v, "trigger_threshold", number_or_text(alert->threshold));
	set_text(v, "trigger_condition", alert->condition);
}

static void set_times(json_t *v, const struct alert *alert)
{
	wall_t at = wall_known(alert->event_at) ? alert->event_at : alert->received_at;
	wall_t end = wall_known(alert->ends_at) ? alert->ends_at : at;
	dur_t duration = alert->duration;
	char text[DUR_TEXT_SIZE];

	if (!duration && wall_known(alert->starts_at) && wall_sub(end, alert->starts_at) > 0)
		duration = wall_sub(end, alert->starts_at);
	duration = duration / DUR_S * DUR_S;
	set_wall(v, "time", at);
	set_wall(v, "timestamp", at);
	set_wall(v, "start_time", alert->starts_at);
	set_wall(v, "end_time", alert->ends_at);
	set_wall(v, "received_time", alert->received_at);
	set_text(v, "duration", dur_format(duration, text));
	json_object_set_new(v, "duration_seconds", json_integer(duration / DUR_S));
}

static void set_texts(json_t *v, const struct alert *alert)
{
	set_text(v, "event_id", alert->id);
	set_text(v, "source", alert->source);
	set_text(v, "source_kind", alert->source_kind);
	set_text(v, "fingerprint", alert->fingerprint);
	set_aliases(v, alert->title, (const char *const[]){"title", "summary", NULL});
	set_text(v, "description", alert->text);
	set_text(v, "suggestion", alert->suggestion);
	set_text(v, "link", alert->link);
	set_text(v, "region", alert->region);
	set_text(v, "team", alert->team);
	set_text(v, "user", alert->user);
}

static void set_captures(json_t *v, const json_t *captures)
{
	json_t *first = json_array_get(captures, 0);
	const char *coverage = json_string_value(json_object_get(first, "coverage"));
	const char *url = json_string_value(json_object_get(first, "url"));

	json_object_set_new(v, "captures",
			    captures ? json_incref((json_t *)captures) : json_array());
	json_object_set_new(v, "capture", first ? json_incref(first) : json_object());
	set_text(v, "coverage", coverage ? coverage : "");
	set_text(v, "capture_url", url ? url : "");
}

json_t *content_variables(const struct content_facts *facts)
{
	const struct alert *alert = facts->alert;
	json_t *v = json_object();

	set_policy(v, alert);
	set_level(v, alert, facts->language);
	set_object(v, alert);
	set_metric(v, alert);
	set_times(v, alert);
	set_texts(v, alert);
	set_captures(v, facts->captures);
	json_object_set_new(v, "alert", alert_format(alert));
	set_text(v, "outcome", facts->outcome);
	set_text(v, "endpoint_id", facts->endpoint_id);
	set_text(v, "endpoint_name", facts->endpoint_name);
	set_text(v, "probe", facts->probe);
	set_text(v, "probe_url", facts->base_url);
	json_object_set_new(v, "count", json_integer(facts->count));
	return v;
}
