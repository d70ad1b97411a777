/* SPDX-License-Identifier: Apache-2.0 */
/* Tencent Cloud Monitor's callback: metric and event alarms, and the body of the console's custom
 * template.
 *
 * Identity: policy = the policy's id, else its name; object = "<namespace or product>;<region>;"
 * and the scalar dimensions by name, without those that only display; rule = metric or event.
 * Session ids change with every delivery and identify nothing. Whether it is over is told by
 * alarmStatus alone: recoverTime is "0" in real recoveries too.
 *
 * Copies: up to four of one delivery are sent. Their bytes are the same, so the hash of the bytes
 * is the delivery's id; a copy that differs in its session id is met by the engine's rule for the
 * same event. Repeats come at least 300 s apart and have a session id of their own. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

#define POLICY	   "/alarmPolicyInfo/"
#define CONDITIONS POLICY "conditions/"
#define DIMENSIONS "/alarmObjInfo/dimensions"
#define DETAIL	   DIMENSIONS "/objDetail"

static const struct intake_map map = {
	.wants = "/alarmStatus|/status",
	.fields =
		{
			INTAKE_FIELD(policy_id, POLICY "policyId|/policy_id"),
			INTAKE_FIELD(policy_name, POLICY "policyName|/policy_name"),
			INTAKE_FIELD(policy_type, POLICY "policyType|/policy_type"),
			INTAKE_FIELD(object_kind, POLICY "policyType|/policy_type"),
			INTAKE_FIELD(object_name,
				     DIMENSIONS "/objName|" DIMENSIONS "/deviceName|/object"),
			INTAKE_FIELD(rule, CONDITIONS "metricName|" CONDITIONS
						      "eventName|/metric|/event"),
			INTAKE_FIELD(metric, CONDITIONS "metricName|/metric"),
			INTAKE_FIELD(value, CONDITIONS "currentValue|/current_value"),
			INTAKE_FIELD(unit, CONDITIONS "unit|" CONDITIONS "calcUnit"),
			INTAKE_FIELD(operator, CONDITIONS "calcType"),
			INTAKE_FIELD(threshold, CONDITIONS "calcValue"),
			INTAKE_FIELD(repeat_type, CONDITIONS "alarmNotifyType"),
			INTAKE_FIELD(repeat_period, CONDITIONS "alarmNotifyPeriod"),
			INTAKE_FIELD(region, "/alarmObjInfo/region|/region"),
			INTAKE_FIELD(user, "/alarmObjInfo/uin"),
			INTAKE_FIELD(title,
				     "{" POLICY "policyTypeCName} {" CONDITIONS
				     "metricShowName}|{" POLICY "policyTypeCName} {" CONDITIONS
				     "eventShowName}|" CONDITIONS "metricShowName|" CONDITIONS
				     "eventShowName|/content"),
			INTAKE_FIELD(condition, "{" CONDITIONS "metricShowName} {" CONDITIONS
						"calcType} {" CONDITIONS "calcValue}{" CONDITIONS
						"unit}|{" CONDITIONS "metricShowName} {" CONDITIONS
						"calcType} {" CONDITIONS "calcValue}"),
			INTAKE_FIELD(text, "/content"),
		},
	.level = "/alarmLevel|/alarm_level",
	.levels = {[LEVEL_CRITICAL] = "serious,严重",
		   [LEVEL_ERROR] = "warn,警告",
		   [LEVEL_WARNING] = "remind,提示"},
	.status = "/alarmStatus|/status",
	.firing = "1,true,trigger,triggered,alarm",
	.recovered = "0,false,resolved,recovered,recover",
	.starts_at = "/firstOccurTime|/first_occur_time|/first_trigger_time",
	.ends_at = "/recoverTime|/recover_time",
	.labels = DIMENSIONS "|/object",
	.annotations = "/additionalMsg",
	.hints = {{ALERT_HINT_ADDRESS, DIMENSIONS "/objName"},
		  {ALERT_HINT_ADDRESS, DIMENSIONS "/vip"},
		  {ALERT_HINT_ADDRESS, DIMENSIONS "/lanIp"},
		  {ALERT_HINT_ADDRESS, DETAIL "/deviceLanIp"},
		  {ALERT_HINT_ADDRESS, DETAIL "/deviceWanIp"},
		  {ALERT_HINT_ADDRESS, DETAIL "/IP"},
		  {ALERT_HINT_ADDRESS, DETAIL "/vip"},
		  {ALERT_HINT_ADDRESS, DETAIL "/connLocalIp"},
		  {ALERT_HINT_PEER_ADDRESS, DETAIL "/connPeerIp"},
		  {ALERT_HINT_PORT, DIMENSIONS "/vport"},
		  {ALERT_HINT_PORT, DIMENSIONS "/port"},
		  {ALERT_HINT_PORT, DIMENSIONS "/loadBalancerPort"},
		  {ALERT_HINT_PROTOCOL, DIMENSIONS "/protocol"}},
};

/* Dimensions that are for people, or say the same once more. */
static bool is_display(const char *key)
{
	return value_in_words("objId,objName,deviceName,objDetail", key) ||
	       value_in_words("severity,alarmLevel", key);
}

static char *format_dimensions(const json_t *dimensions)
{
	CLEANUP_JSON json_t *scalars = json_object();
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)dimensions, key, value) {
		CLEANUP_FREE char *text = value_text(value, ALERT_TEXT_MAX);

		if (text && !is_display(key))
			intake_set_label(scalars, key, text);
	}
	return intake_format_labels(scalars, (const char *const[]){NULL});
}

static void set_object(const json_t *object, struct alert *alert)
{
	CLEANUP_FREE char *space = value_read(
		object, "/alarmObjInfo/namespace|" CONDITIONS "productName|/namespace", 128);
	CLEANUP_FREE char *dimensions = format_dimensions(value_find(object, DIMENSIONS));
	CLEANUP_FREE char *fallback = value_read(
		object, DIMENSIONS "/objId|" DIMENSIONS "/objName|/object", ALERT_TEXT_MAX);
	CLEANUP_FREE char *head = intake_encode(space ? space : "");
	CLEANUP_FREE char *region = intake_encode(alert->region);
	CLEANUP_FREE char *text = NULL;

	if (!*dimensions && !fallback)
		return;
	text = xasprintf("%s;%s;%s", head, region, *dimensions ? dimensions : fallback);
	intake_set_identity(&alert->object_id, text);
}

/* "500" or 500. */
static dur_t duration_of(const json_t *object)
{
	CLEANUP_FREE char *text = value_read(object, "/durationTime", 16);
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return seconds > 0 && seconds < 10L * 365 * 86400 ? seconds * DUR_S : 0;
}

static void set_delivery(const struct intake_element *element, struct alert *alert)
{
	CLEANUP_FREE char *session =
		value_read(element->object, "/sessionId|/session_id", ALERT_NAME_MAX);
	CLEANUP_FREE char *text = NULL;
	char hash[SHA256_HEX_SIZE];

	if (!session)
		return;
	json_object_set_new(alert->annotations, "session_id", json_string(session));
	text = json_format(element->object);
	intake_set(&alert->delivery_id, sha256_text(text, strlen(text), hash), ALERT_NAME_MAX);
}

/* A tiered policy fires at several levels, and each tier recovers by itself. */
static void set_tier(const struct intake_element *element, struct alert *alert)
{
	CLEANUP_FREE char *word = value_read(element->object, map.level, ALERT_NAME_MAX);

	if (word)
		alert->tier = intake_map_level(&map, element, alert, word);
}

static int tencent_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	(void)err;
	set_object(element->object, alert);
	alert->duration = duration_of(element->object);
	set_delivery(element, alert);
	set_tier(element, alert);
	if (alert->status != ALERT_RECOVERED)
		alert->ends_at = (wall_t){0};
	return 0;
}

const struct intake_kind intake_tencent_kind = {
	.name = "tencent",
	.map = &map,
	.parse = tencent_parse,
	.single = true,
	.quarantine = true,
	.default_level = LEVEL_ERROR,
	.zone_minutes = 8 * 60,
};
