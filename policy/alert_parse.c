/* SPDX-License-Identifier: Apache-2.0 */
/* What alert_format wrote → the alert. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/alert.h"
#include "policy/utf8.h"

/* A text member: object.key, or key alone. */
struct text_field {
	const char *object, *key;
	size_t offset;
};

#define FIELD(object, key, member)                                                                 \
	{                                                                                          \
		object, key, offsetof(struct alert, member)                                        \
	}

static const struct text_field fields[] = {
	FIELD(NULL, "source", source),
	FIELD(NULL, "source_kind", source_kind),
	FIELD(NULL, "source_level", source_level),
	FIELD("policy", "id", policy_id),
	FIELD("policy", "name", policy_name),
	FIELD("policy", "type", policy_type),
	FIELD("policy", "level", policy_level),
	FIELD("object", "id", object_id),
	FIELD("object", "name", object_name),
	FIELD("object", "kind", object_kind),
	FIELD(NULL, "rule", rule),
	FIELD("metric", "name", metric),
	FIELD("metric", "value_text", value),
	FIELD("metric", "unit", unit),
	FIELD("metric", "operator", operator),
	FIELD("metric", "threshold", threshold),
	FIELD(NULL, "condition", condition),
	FIELD(NULL, "title", title),
	FIELD(NULL, "text", text),
	FIELD(NULL, "suggestion", suggestion),
	FIELD(NULL, "link", link),
	FIELD(NULL, "region", region),
	FIELD(NULL, "team", team),
	FIELD(NULL, "user", user),
	FIELD("repeat", "type", repeat_type),
	FIELD("repeat", "period", repeat_period),
	FIELD(NULL, "delivery_id", delivery_id),
};

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void parse_texts(const json_t *object, struct alert *alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct text_field *field = &fields[i];
		const json_t *from = field->object ? json_object_get(object, field->object)
						   : object;
		char **text = (char **)((char *)alert + field->offset);

		free(*text);
		*text = utf8_copy(text_at(from, field->key), ALERT_TEXT_MAX);
	}
}

static void parse_times(const json_t *object, struct alert *alert)
{
	wall_parse(text_at(object, "starts_at"), &alert->starts_at);
	wall_parse(text_at(object, "ends_at"), &alert->ends_at);
	wall_parse(text_at(object, "event_at"), &alert->event_at);
	wall_parse(text_at(object, "received_at"), &alert->received_at);
	dur_parse(text_at(object, "delay"), &alert->delay);
	dur_parse(text_at(object, "duration"), &alert->duration);
}

static void parse_map(const json_t *object, const char *key, json_t **ret)
{
	const json_t *map = json_object_get(object, key);

	if (!json_is_object(map))
		return;
	json_decref(*ret);
	*ret = json_deep_copy(map);
}

void alert_parse(const json_t *object, struct alert *alert)
{
	utf8_put(alert->id, sizeof(alert->id), text_at(object, "id"));
	utf8_put(alert->fingerprint, sizeof(alert->fingerprint), text_at(object, "fingerprint"));
	alert_status_parse(text_at(object, "status"), &alert->status);
	level_parse(text_at(object, "level"), &alert->level);
	level_parse(text_at(object, "tier"), &alert->tier);
	parse_texts(object, alert);
	parse_times(object, alert);
	parse_map(object, "labels", &alert->labels);
	parse_map(object, "annotations", &alert->annotations);
}
