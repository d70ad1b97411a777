/* SPDX-License-Identifier: Apache-2.0 */
/* Suricata's EVE: records of event_type alert; all others are passed over. Alerts have no end: a
 * hold timer ends them, repeats renew it. The revision of a signature is no part of the identity,
 * so that a rule update splits no open alert. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/event_type",
	.fields =
		{
			INTAKE_FIELD(policy_id, "{/alert/gid}:{/alert/signature_id}"),
			INTAKE_FIELD(policy_name, "/alert/signature"),
			INTAKE_FIELD(policy_type, "/alert/category"),
			INTAKE_FIELD(title, "/alert/signature"),
			INTAKE_FIELD(text, "/alert/category"),
			INTAKE_FIELD(delivery_id,
				     "{/timestamp}/{/flow_id}/{/alert/signature_id}/{/tx_id}|"
				     "{/timestamp}/{/flow_id}/{/alert/signature_id}"),
		},
	.level = "/alert/severity",
	.levels = {[LEVEL_CRITICAL] = "1",
		   [LEVEL_ERROR] = "2",
		   [LEVEL_WARNING] = "3",
		   [LEVEL_INFO] = "4,5,6,7,8,9,255"},
	.starts_at = "/timestamp",
	.event_at = "/timestamp",
	.labels = "/alert/metadata",
	.hints = {{ALERT_HINT_ADDRESS, "/src_ip"},
		  {ALERT_HINT_PORT, "/src_port"},
		  {ALERT_HINT_PEER_ADDRESS, "/dest_ip"},
		  {ALERT_HINT_PEER_PORT, "/dest_port"},
		  {ALERT_HINT_PROTOCOL, "/proto"},
		  {ALERT_HINT_VLAN, "/vlan/0|/vlan"}},
};

static const char *const kept[] = {"action",	   "rev",   "src_ip",	 "dest_ip",  "src_port",
				   "dest_port",	   "proto", "app_proto", "in_iface", "flow_id",
				   "community_id", "host",  "tenant_id", NULL};

static void keep_labels(const json_t *object, json_t *labels)
{
	for (const char *const *key = kept; *key; key++) {
		json_t *value = json_object_get(object, *key);
		CLEANUP_FREE char *text = NULL;

		if (!value)
			value = json_object_get(json_object_get(object, "alert"), *key);
		text = value_text(value, ALERT_TEXT_MAX);
		if (text)
			intake_set_label(labels, *key, text);
	}
}

/* The two addresses in the order of their bytes: an alert is about both, whoever began. */
static void set_pair(struct alert *alert)
{
	const char *a = intake_label(alert, "src_ip"), *b = intake_label(alert, "dest_ip");
	bool swap = strcmp(a, b) > 0;
	CLEANUP_FREE char *pair = xasprintf("pair:%s,%s", swap ? b : a, swap ? a : b);

	if (*a || *b)
		intake_set_identity(&alert->object_id, pair);
}

static int suricata_parse(const struct intake_element *element, struct alert *alert,
			  struct error *err)
{
	const json_t *object = element->object;
	const char *type = json_string_value(json_object_get(object, "event_type"));

	if (!type || strcmp(type, "alert") != 0)
		return INTAKE_SKIP;
	if (!*alert->policy_id)
		return error_set(err, "missing_field", element->pointer,
				 "an alert without gid and signature_id");
	keep_labels(object, alert->labels);
	set_pair(alert);
	return 0;
}

const struct intake_kind intake_suricata_kind = {
	.name = "suricata",
	.map = &map,
	.parse = suricata_parse,
	.single = true,
	.lines = true,
	.needle = "\"alert\"",
	.hold = 10 * DUR_MIN,
};
