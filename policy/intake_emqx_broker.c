/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms of an EMQX broker: the messages of $SYS/brokers/<node>/alarms/activate and …/deactivate,
 * by a rule with an HTTP action. Times are microseconds. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/name",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/name"),
			INTAKE_FIELD(rule, "/name"),
			INTAKE_FIELD(object_id, "/node"),
			INTAKE_FIELD(title, "/message|/name"),
			INTAKE_FIELD(text, "/message"),
		},
	.level = "/level|/severity",
	.status = "/activated",
	.recovered = "false",
	.starts_at = "/activate_at|/activated_at",
	.ends_at = "/deactivate_at|/deactivated_at",
	.labels = "/details",
};

/* "$SYS/brokers/emqx@10.0.0.1/alarms/activate" */
static void read_topic(const char *topic, struct alert *alert)
{
	static const char head[] = "$SYS/brokers/";
	const char *node = topic + sizeof(head) - 1;
	const char *what = strstr(topic, "/alarms/");

	if (strncmp(topic, head, sizeof(head) - 1) || !what || what < node)
		return;
	if (!*alert->object_id) {
		CLEANUP_FREE char *name = strndup(node, (size_t)(what - node));

		intake_set_identity(&alert->object_id, name);
	}
	if (!strcmp(what, "/alarms/deactivate") || !strcmp(what, "/alarms/alert_deactivated"))
		alert->status = ALERT_RECOVERED;
}

static int emqx_broker_parse(const struct intake_element *element, struct alert *alert,
			     struct error *err)
{
	CLEANUP_FREE char *topic = value_read(element->object, "/topic", ALERT_NAME_MAX);

	(void)err;
	if (topic)
		read_topic(topic, alert);
	/* a deactivated alarm says when; "infinity" while it is active */
	if (wall_known(alert->ends_at))
		alert->status = ALERT_RECOVERED;
	if (!*alert->object_id)
		intake_set(&alert->object_id, element->intake->source, ALERT_NAME_MAX);
	intake_map_settle(alert);
	return 0;
}

const struct intake_kind intake_emqx_broker_kind = {
	.name = "emqx_broker",
	.map = &map,
	.parse = emqx_broker_parse,
	.single = true,
	.default_level = LEVEL_ERROR,
};
