/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon SNS with CloudWatch's alarms: a notification whose Message is JSON in a text. The request
 * to confirm a subscription is no alert: it is kept with its link, which a person opens (we open no
 * connection for whoever asks us to). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/AlarmName",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/AlarmArn|/AlarmName"),
			INTAKE_FIELD(policy_name, "/AlarmName"),
			INTAKE_FIELD(policy_type, "/Trigger/Namespace"),
			INTAKE_FIELD(metric, "/Trigger/MetricName"),
			INTAKE_FIELD(threshold, "/Trigger/Threshold"),
			INTAKE_FIELD(operator, "/Trigger/ComparisonOperator"),
			INTAKE_FIELD(unit, "/Trigger/Unit"),
			INTAKE_FIELD(title, "/AlarmName"),
			INTAKE_FIELD(text, "/NewStateReason"),
			INTAKE_FIELD(condition, "/AlarmDescription"),
			INTAKE_FIELD(region, "/Region"),
			INTAKE_FIELD(user, "/AWSAccountId"),
		},
	.status = "/NewStateValue",
	.firing = "alarm,insufficient_data",
	.recovered = "ok",
	.starts_at = "/StateChangeTime",
	.event_at = "/StateChangeTime",
	.labels = "/Trigger/Dimensions",
};

static int complain_confirmation(const json_t *object, struct error *err)
{
	CLEANUP_FREE char *url = value_read(object, "/SubscribeURL", 280);

	return error_set(err, "invalid_value", "/SubscribeURL",
			 "to confirm the subscription open: %s", url ? url : "(no link)");
}

/* The alarm inside the notification. */
static int parse_alarm(const struct intake_element *element, const char *message,
		       struct alert *alert, struct error *err)
{
	CLEANUP_JSON json_t *alarm = NULL;
	struct intake_element inner = *element;
	CLEANUP_FREE char *state = NULL;
	int r = json_parse(message, strlen(message), INTAKE_BYTES_MAX, &alarm, err);

	if (r)
		return r;
	inner.object = alarm;
	r = intake_map_read(&map, &inner, alert, err);
	if (r)
		return r;
	state = value_read(alarm, map.status, 32);
	if (alert->status == ALERT_FIRING && value_in_words("insufficient_data", state))
		alert->level = LEVEL_NO_DATA;
	/* one alarm watches one series */
	intake_set_identity(&alert->object_id, alert->policy_id);
	intake_put(&alert->object_name,
		   intake_format_labels(alert->labels, (const char *const[]){NULL}));
	return 0;
}

static int aws_sns_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	CLEANUP_FREE char *type = value_read(element->object, "/Type", 64);
	CLEANUP_FREE char *id = value_read(element->object, "/MessageId", ALERT_NAME_MAX);
	const char *message = json_string_value(json_object_get(element->object, "Message"));
	int r;

	if (type && !strcmp(type, "SubscriptionConfirmation"))
		return complain_confirmation(element->object, err);
	if (type && !strcmp(type, "UnsubscribeConfirmation"))
		return INTAKE_SKIP;
	if (!type || strcmp(type, "Notification") != 0 || !message)
		return error_set(
			err, "missing_field", "/Message",
			"a notification of Amazon SNS with an alarm of CloudWatch expected");
	r = parse_alarm(element, message, alert, err);
	if (!r && id)
		intake_set_identity(&alert->delivery_id, id);
	return r;
}

const struct intake_kind intake_aws_sns_kind = {
	.name = "aws_sns",
	.parse = aws_sns_parse,
	.single = true,
	.quarantine = true,
	.default_level = LEVEL_ERROR,
};
