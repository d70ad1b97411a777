/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/alert.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"

static const char *const status_names[] = {
	[ALERT_FIRING] = "firing",
	[ALERT_RECOVERED] = "recovered",
	[ALERT_NOTICE] = "notice",
	[ALERT_TEST] = "test",
};

const char *alert_status_name(enum alert_status status)
{
	bug_on(status > ALERT_TEST);
	return status_names[status];
}

int alert_status_parse(const char *text, enum alert_status *ret)
{
	for (enum alert_status status = ALERT_FIRING; status <= ALERT_TEST; status++) {
		if (!strcmp(text, status_names[status])) {
			*ret = status;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- ownership ---- */

/* Every owned text of struct alert. */
#define TEXT(name) offsetof(struct alert, name)
static const size_t texts[] = {
	TEXT(source),	   TEXT(source_kind),	TEXT(source_level), TEXT(policy_id),
	TEXT(policy_name), TEXT(policy_type),	TEXT(policy_level), TEXT(object_id),
	TEXT(object_name), TEXT(object_kind),	TEXT(rule),	    TEXT(metric),
	TEXT(value),	   TEXT(unit),		TEXT(operator),	    TEXT(threshold),
	TEXT(condition),   TEXT(title),		TEXT(text),	    TEXT(suggestion),
	TEXT(link),	   TEXT(region),	TEXT(team),	    TEXT(user),
	TEXT(repeat_type), TEXT(repeat_period), TEXT(delivery_id),
};
#undef TEXT

static char **alert_text(struct alert *alert, size_t index)
{
	return (char **)((char *)alert + texts[index]);
}

static void alert_init(struct alert *alert)
{
	memset(alert, 0, sizeof(*alert));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*alert_text(alert, i) = xstrdup("");
	alert->labels = json_object();
	alert->annotations = json_object();
}

static void alert_fini(struct alert *alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*alert_text(alert, i));
	json_decref(alert->labels);
	json_decref(alert->annotations);
}

void alert_list_init(struct alert_list *list)
{
	*list = (struct alert_list){0};
}

void alert_list_fini(struct alert_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		alert_fini(&list->alerts[i]);
	free(list->alerts);
	*list = (struct alert_list){0};
}

struct alert *alert_list_add(struct alert_list *list)
{
	/* full exactly when the count is a power of two */
	if (!(list->count & (list->count - 1)))
		list->alerts = xreallocarray(list->alerts, list->count ? 2 * list->count : 1,
					     sizeof(list->alerts[0]));
	alert_init(&list->alerts[list->count]);
	return &list->alerts[list->count++];
}

void alert_list_remove(struct alert_list *list, size_t index)
{
	bug_on(index >= list->count);
	alert_fini(&list->alerts[index]);
	list->count--;
	memmove(&list->alerts[index], &list->alerts[index + 1],
		(list->count - index) * sizeof(list->alerts[0]));
}

struct alert *alert_copy(const struct alert *alert)
{
	struct alert *copy = xmemdup(alert, sizeof(*alert));

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*alert_text(copy, i) = xstrdup(*alert_text(copy, i));
	copy->labels = json_deep_copy(alert->labels);
	copy->annotations = json_deep_copy(alert->annotations);
	return copy;
}

struct alert *alert_free(struct alert *alert)
{
	if (alert)
		alert_fini(alert);
	free(alert);
	return NULL;
}

/* ---- identity ---- */

/* "<bytes>:<text>," so that no two lists of texts give the same bytes. */
static void add_netstring(struct sha256 *hash, const char *text)
{
	size_t len = strlen(text);
	char head[24];

	sha256_add(hash, head, (size_t)snprintf(head, sizeof(head), "%zu:", len));
	sha256_add(hash, text, len);
	sha256_add(hash, ",", 1);
}

void alert_fingerprint(const char *source, const char *policy, const char *object, const char *rule,
		       char ret[SHA256_HEX_SIZE])
{
	struct sha256 hash;

	sha256_init(&hash);
	add_netstring(&hash, "afp1");
	add_netstring(&hash, source);
	add_netstring(&hash, policy);
	add_netstring(&hash, object);
	add_netstring(&hash, rule);
	sha256_format(&hash, ret);
}

/* ---- JSON ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

/* An unknown time is null. */
static void set_wall(json_t *object, const char *key, wall_t t)
{
	char text[WALL_TEXT_SIZE];

	json_object_set_new(object, key,
			    wall_known(t) ? json_string(wall_format(t, text)) : json_null());
}

static json_t *format_policy(const struct alert *alert)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "id", alert->policy_id, "name", alert->policy_name,
			 "type", alert->policy_type, "level", alert->policy_level);
}

static json_t *format_object(const struct alert *alert)
{
	return json_pack("{s:s, s:s, s:s}", "id", alert->object_id, "name", alert->object_name,
			 "kind", alert->object_kind);
}

/* null where the text is no number. */
static json_t *format_number(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	/* strtod takes "nan", "inf" and "0x1p3" too, which JSON cannot say or people did not mean
	 */
	if (!*text || *end || strspn(text, "+-.0123456789eE") != strlen(text))
		return json_null();
	return isfinite(number) ? json_real(number) : json_null();
}

static json_t *format_metric(const struct alert *alert)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s}", "name", alert->metric, "value",
			 format_number(alert->value), "value_text", alert->value, "unit",
			 alert->unit, "operator", alert->operator, "threshold", alert->threshold);
}

static json_t *format_repeat(const struct alert *alert)
{
	return json_pack("{s:s, s:s}", "type", alert->repeat_type, "period", alert->repeat_period);
}

json_t *alert_format(const struct alert *alert)
{
	json_t *object = json_object();
	char span[DUR_TEXT_SIZE];

	set_text(object, "id", alert->id);
	set_text(object, "source", alert->source);
	set_text(object, "source_kind", alert->source_kind);
	set_text(object, "status", alert_status_name(alert->status));
	set_text(object, "level", level_name(alert->level));
	json_object_set_new(object, "level_number", json_integer(alert->level));
	set_text(object, "source_level", alert->source_level);
	set_text(object, "tier", level_name(alert->tier));
	json_object_set_new(object, "policy", format_policy(alert));
	json_object_set_new(object, "object", format_object(alert));
	set_text(object, "rule", alert->rule);
	json_object_set_new(object, "metric", format_metric(alert));
	set_text(object, "condition", alert->condition);
	set_text(object, "title", alert->title);
	set_text(object, "text", alert->text);
	set_text(object, "suggestion", alert->suggestion);
	set_text(object, "link", alert->link);
	set_text(object, "region", alert->region);
	set_text(object, "team", alert->team);
	set_text(object, "user", alert->user);
	json_object_set_new(object, "repeat", format_repeat(alert));
	set_text(object, "delivery_id", alert->delivery_id);
	set_wall(object, "starts_at", alert->starts_at);
	set_wall(object, "ends_at", alert->ends_at);
	set_wall(object, "event_at", alert->event_at);
	set_wall(object, "received_at", alert->received_at);
	set_text(object, "delay", dur_format(alert->delay, span));
	set_text(object, "duration", dur_format(alert->duration, span));
	json_object_set_new(object, "hints", alert_hints_format(&alert->hints));
	json_object_set_new(object, "labels", json_deep_copy(alert->labels));
	json_object_set_new(object, "annotations", json_deep_copy(alert->annotations));
	set_text(object, "fingerprint", alert->fingerprint);
	return object;
}
