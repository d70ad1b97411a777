/* SPDX-License-Identifier: Apache-2.0 */
/* The texts we ship, as templates over the variables everybody has. Each says how bad, what, where,
 * when, what the capture covers, and where to get it. */
#include "policy/content_internal.h"

/* m = the mark around a label, c = the colon behind it, nl = the end of a line. */

/* One fact per line: nothing of a line remains if there is no value. */
#define FACT(m, c, nl, label, name)                                                                \
	"{% if " name " != '' %}" m label m c "{{ " name " }}" nl "{% endif %}"

/* The metric and its threshold. */
#define METRIC(m, c, nl, label)                                                                    \
	"{% if metric_name %}" m label m c "{{ metric_name }}"                                     \
	"{% if metric_value != '' %} = {{ metric_value }}{{ metric_unit }}{% endif %}"             \
	"{% if trigger_threshold != '' %} ({{ trigger_operator|default('>', true) }} "             \
	"{{ trigger_threshold }}{{ metric_unit }}){% endif %}" nl "{% endif %}"

#define CAPTURES(m, c, nl, label)                                                                  \
	"{% for c in captures %}" m label m c "{{ c.policy }} ({{ c.state }}), "                   \
	"{{ c.coverage }}" nl "{{ c.url }}" nl "{% endfor %}"

#define FACTS_EN(m, nl)                                                                            \
	FACT(m, ": ", nl, "Level", "level_text")                                                   \
	FACT(m, ": ", nl, "Policy", "policy_name")                                                 \
	FACT(m, ": ", nl, "Object", "object")                                                      \
	METRIC(m, ": ", nl, "Metric")                                                              \
	FACT(m, ": ", nl, "Condition", "trigger_condition")                                        \
	FACT(m, ": ", nl, "Summary", "summary")                                                    \
	FACT(m, ": ", nl, "Description", "description")                                            \
	FACT(m, ": ", nl, "Suggestion", "suggestion")                                              \
	FACT(m, ": ", nl, "Started", "start_time")                                                 \
	"{% if recovered %}" FACT(m, ": ", nl, "Recovered", "time")                                \
		FACT(m, ": ", nl, "Duration", "duration") "{% endif %}{% if count > 1 %}" FACT(    \
			m, ": ", nl, "Alerts", "count") "{% endif %}" FACT(m, ": ", nl, "Region",  \
									   "region")               \
			FACT(m, ": ", nl, "Source", "source") FACT(m, ": ", nl, "Probe", "probe")  \
				CAPTURES(m, ": ", nl, "Capture") FACT(m, ": ", nl, "More", "link")

#define FACTS_ZH(m, nl)                                                                            \
	FACT(m, "：", nl, "级别", "level_text")                                                    \
	FACT(m, "：", nl, "策略", "policy_name")                                                   \
	FACT(m, "：", nl, "对象", "object")                                                        \
	METRIC(m, "：", nl, "指标")                                                                \
	FACT(m, "：", nl, "触发条件", "trigger_condition")                                         \
	FACT(m, "：", nl, "摘要", "summary")                                                       \
	FACT(m, "：", nl, "描述", "description")                                                   \
	FACT(m, "：", nl, "建议", "suggestion")                                                    \
	FACT(m, "：", nl, "开始时间", "start_time")                                                \
	"{% if recovered %}" FACT(m, "：", nl, "恢复时间", "time")                                 \
		FACT(m, "：", nl, "持续时间", "duration") "{% endif %}{% if count > 1 %}" FACT(    \
			m, "：", nl, "告警次数", "count") "{% endif %}" FACT(m, "：", nl, "区域",  \
									     "region")             \
			FACT(m, "：", nl, "来源", "source") FACT(m, "：", nl, "探针", "probe")     \
				CAPTURES(m, "：", nl, "抓包") FACT(m, "：", nl, "详情", "link")

#define ROW(label, name)                                                                           \
	"{% if " name " != '' %}<tr><th align=\"left\">" label "</th><td>{{ " name                 \
	" }}</td></tr>\n{% endif %}"

#define HTML(level, policy, object, summary, text, started, probe, capture)                        \
	"<table>\n" ROW(level, "level_text") ROW(policy, "policy_name") ROW(object, "object")      \
		ROW(summary, "summary") ROW(text, "description") ROW(started, "start_time") ROW(   \
			probe, "probe") "{% for c in captures %}<tr><th align=\"left\">" capture   \
					"</th><td><a href=\"{{ c.url }}\">"                        \
					"{{ c.policy }}</a> ({{ c.state }}), {{ c.coverage "       \
					"}}</td></tr>\n{% endfor %}</table>\n"

#define LINE(capture)                                                                              \
	"{{ level }} {{ policy_name }} {{ object }}{% if summary %}: {{ summary }}{% endif %}"     \
	"{% if metric_name %} {{ metric_name }}={{ metric_value }}{{ metric_unit }}{% endif %}"    \
	"{% if start_time %} since {{ start_time }}{% endif %}"                                    \
	"{% for c in captures %}; " capture                                                        \
	" {{ c.policy }} {{ c.coverage }} {{ c.url }}{% endfor %}"

static const char *const bodies[][2] = {
	[CONTENT_TEXT] = {FACTS_EN("", "\n"), FACTS_ZH("", "\n")},
	[CONTENT_HTML] = {HTML("Level", "Policy", "Object", "Summary", "Description", "Started",
			       "Probe", "Capture"),
			  HTML("级别", "策略", "对象", "摘要", "描述", "开始时间", "探针", "抓包")},
	[CONTENT_FORM] = {"level={{ level }}&policy={{ policy_name }}&object={{ object }}"
			  "&status={{ status }}&summary={{ summary }}&time={{ time }}"
			  "&coverage={{ coverage }}&capture={{ capture_url }}",
			  "level={{ level }}&policy={{ policy_name }}&object={{ object }}"
			  "&status={{ status }}&summary={{ summary }}&time={{ time }}"
			  "&coverage={{ coverage }}&capture={{ capture_url }}"},
	/* a lone line end is no line break to DingTalk */
	[CONTENT_MARKDOWN] = {FACTS_EN("**", "  \n"), FACTS_ZH("**", "  \n")},
	[CONTENT_SLACK] = {FACTS_EN("*", "\n"), FACTS_ZH("*", "\n")},
	[CONTENT_LINE] = {LINE("capture"), LINE("抓包")},
};

const char *content_default_body(enum content_form form, enum content_language language)
{
	return bodies[form][language];
}

const char *content_default_title(enum content_language language)
{
	return language == CONTENT_ZH
		       ? "{% if not recovered %}【{{ level_text }}】{% endif %}{{ policy_name }}"
			 "{% if object %} {{ object }}{% endif %}"
		       : "{% if not recovered %}{{ level_text }}: {% endif %}{{ policy_name }}"
			 "{% if object %} on {{ object }}{% endif %}";
}

const char *content_level_text(enum level level, enum content_language language)
{
	static const char *const words[] = {
		[LEVEL_CRITICAL] = "致命",  [LEVEL_ERROR] = "错误",    [LEVEL_WARNING] = "警告",
		[LEVEL_NO_DATA] = "无数据", [LEVEL_RECOVERY] = "恢复", [LEVEL_INFO] = "信息",
	};

	return language == CONTENT_ZH ? words[level] : level_name(level);
}

static json_t *member(const json_t *variables, const char *name)
{
	json_t *value = json_object_get(variables, name);

	return value ? json_incref(value) : json_null();
}

json_t *content_default_document(const json_t *variables)
{
	json_t *document = json_object();
	const char *outcome = json_string_value(json_object_get(variables, "outcome"));

	json_object_set_new(document, "version", json_integer(CONTENT_DOCUMENT_VERSION));
	json_object_set_new(document, "event", json_sprintf("alert.%s", outcome));
	json_object_set_new(document, "outcome", member(variables, "outcome"));
	json_object_set_new(document, "alert", json_deep_copy(json_object_get(variables, "alert")));
	json_object_set_new(document, "endpoint",
			    json_pack("{s:o, s:o}", "id", member(variables, "endpoint_id"), "name",
				      member(variables, "endpoint_name")));
	json_object_set_new(document, "captures", member(variables, "captures"));
	json_object_set_new(document, "probe",
			    json_pack("{s:o, s:o}", "name", member(variables, "probe"), "url",
				      member(variables, "probe_url")));
	return document;
}
