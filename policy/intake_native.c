/* SPDX-License-Identifier: Apache-2.0 */
/* Our own format: an operator's scripts and `ringbell alert send`. Unknown keys are refused.
 *
 * Identity: policy = "policy", else "name:" + "policy_name"; object = "object", else "name:" +
 * "object_name", else all labels; without any of them the alert is refused rather than
 * given an identity that other alerts share. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

#define DELAY_MAX (24 * DUR_HOUR)

static const char *const keys[] = {
	"level",	"status",      "policy",   "policy_name", "object",   "object_name",
	"rule",		"title",       "text",	   "link",	  "labels",   "annotations",
	"starts_at",	"at",	       "delay",	   "ends_at",	  "id",	      "hints",
	"tier",		"metric",      "value",	   "unit",	  "operator", "threshold",
	"condition",	"suggestion",  "region",   "team",	  "user",     "policy_type",
	"policy_level", "object_kind", "duration", NULL,
};

/* Identities and names are bounded, not cut: a cut one would be another one. */
static const struct {
	const char *key;
	size_t field;
	size_t min;
} names[] = {
	{"policy", offsetof(struct alert, policy_id), 1},
	{"policy_name", offsetof(struct alert, policy_name), 0},
	{"object", offsetof(struct alert, object_id), 1},
	{"object_name", offsetof(struct alert, object_name), 0},
	{"rule", offsetof(struct alert, rule), 0},
	{"id", offsetof(struct alert, delivery_id), 0},
	{"metric", offsetof(struct alert, metric), 0},
	{"unit", offsetof(struct alert, unit), 0},
	{"operator", offsetof(struct alert, operator), 0},
	{"threshold", offsetof(struct alert, threshold), 0},
	{"condition", offsetof(struct alert, condition), 0},
	{"suggestion", offsetof(struct alert, suggestion), 0},
	{"region", offsetof(struct alert, region), 0},
	{"team", offsetof(struct alert, team), 0},
	{"user", offsetof(struct alert, user), 0},
	{"policy_type", offsetof(struct alert, policy_type), 0},
	{"object_kind", offsetof(struct alert, object_kind), 0},
};

static int read_names(const struct intake_element *element, struct alert *alert, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char **field = (char **)((char *)alert + names[i].field);
		const char *text;
		int r = json_read_text(element->object, element->pointer, names[i].key,
				       names[i].min, ALERT_NAME_MAX, &text, err);

		if (r < 0)
			return r;
		if (!r)
			intake_set(field, text, ALERT_NAME_MAX);
	}
	return 0;
}

static int read_texts(const struct intake_element *element, struct alert *alert, struct error *err)
{
	int r = intake_read_text(element, "title", &alert->title, err);

	if (r >= 0)
		r = intake_read_text(element, "text", &alert->text, err);
	if (r >= 0)
		r = intake_read_text(element, "link", &alert->link, err);
	if (r >= 0)
		r = intake_read_labels(element, "labels", alert->labels, err);
	if (r >= 0)
		r = intake_read_labels(element, "annotations", alert->annotations, err);
	return r < 0 ? r : 0;
}

static int read_times(const struct intake_element *element, struct alert *alert, struct error *err)
{
	const json_t *object = element->object;
	const char *prefix = element->pointer;
	int r = json_read_wall(object, prefix, "starts_at", &alert->starts_at, err);

	if (r >= 0)
		r = json_read_wall(object, prefix, "ends_at", &alert->ends_at, err);
	if (r >= 0)
		r = json_read_wall(object, prefix, "at", &alert->event_at, err);
	if (r >= 0)
		r = json_read_dur(object, prefix, "delay", 0, DELAY_MAX, &alert->delay, err);
	if (r >= 0)
		r = json_read_dur(object, prefix, "duration", 0, INT64_MAX, &alert->duration, err);
	return r < 0 ? r : 0;
}

static int complain(const struct intake_element *element, const char *key, const json_t *value,
		    const char *allowed, struct error *err)
{
	CLEANUP_FREE char *text = value ? json_format(value) : xstrdup("missing");
	char field[INTAKE_POINTER_MAX];

	snprintf(field, sizeof(field), "%s/%s", element->pointer, key);
	return error_set(err, value ? "invalid_value" : "missing_field", field,
			 "%.100s: %s expected", text, allowed);
}

/* *ret stays 0 if the key is absent; the word is put into *source_level, which may be NULL. */
static int read_level(const struct intake_element *element, const char *key, char **source_level,
		      enum level *ret, struct error *err)
{
	json_t *value = json_object_get(element->object, key);
	CLEANUP_FREE char *digits = NULL;
	const char *word = json_string_value(value);

	if (!value || json_is_null(value))
		return 0;
	if (json_is_integer(value))
		word = digits = json_format(value);
	if (!word || level_parse(word, ret))
		return complain(element, key, value, LEVEL_WORDS, err);
	if (source_level)
		intake_set(source_level, word, ALERT_NAME_MAX);
	return 0;
}

/* Text or number. */
static int read_value(const struct intake_element *element, struct alert *alert, struct error *err)
{
	json_t *value = json_object_get(element->object, "value");
	char *text = value_text(value, ALERT_NAME_MAX);

	if (!text)
		return !value || json_is_null(value)
			       ? 0
			       : complain(element, "value", value, "number or text", err);
	intake_put(&alert->value, text);
	return 0;
}

static int read_policy_level(const struct intake_element *element, struct alert *alert,
			     struct error *err)
{
	json_t *value = json_object_get(element->object, "policy_level");
	CLEANUP_FREE char *word = value_text(value, ALERT_NAME_MAX);

	if (!value || json_is_null(value))
		return 0;
	if (!word || !intake_policy_level(word))
		return complain(element, "policy_level", value, "low, medium, high or 0 to 2", err);
	intake_set(&alert->policy_level, intake_policy_level(word), ALERT_NAME_MAX);
	return 0;
}

static int read_hints(const struct intake_element *element, struct alert *alert, struct error *err)
{
	char prefix[INTAKE_POINTER_MAX];
	json_t *hints;
	int r = json_read_object(element->object, element->pointer, "hints", &hints, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	snprintf(prefix, sizeof(prefix), "%s/hints", element->pointer);
	return alert_hints_read(&alert->hints, hints, prefix, err);
}

static int read_details(const struct intake_element *element, struct alert *alert,
			struct error *err)
{
	int r = read_level(element, "tier", NULL, &alert->tier, err);

	if (!r)
		r = read_value(element, alert, err);
	if (!r)
		r = read_policy_level(element, alert, err);
	if (!r)
		r = read_hints(element, alert, err);
	return r;
}

static int read_status(const struct intake_element *element, enum level level,
		       enum alert_status *ret, struct error *err)
{
	json_t *value = json_object_get(element->object, "status");
	const char *word = json_string_value(value);

	if (!value || json_is_null(value))
		*ret = level == LEVEL_RECOVERY ? ALERT_RECOVERED : ALERT_FIRING;
	else if (word && !strcmp(word, "resolved"))
		*ret = ALERT_RECOVERED;
	else if (!word || alert_status_parse(word, ret) || *ret == ALERT_NOTICE)
		return complain(element, "status", value, "firing, recovered, resolved or test",
				err);
	if (*ret == ALERT_FIRING && level == LEVEL_RECOVERY)
		return complain(element, "level", json_object_get(element->object, "level"),
				"with status firing a level other than recovery is", err);
	if (*ret == ALERT_FIRING && level == LEVEL_INFO)
		*ret = ALERT_NOTICE;
	return 0;
}

static int read_state(const struct intake_element *element, struct alert *alert, struct error *err)
{
	enum level level = 0;
	int r = read_level(element, "level", &alert->source_level, &level, err);

	if (!r)
		r = read_status(element, level, &alert->status, err);
	if (r)
		return r;
	if (alert->status == ALERT_RECOVERED)
		level = LEVEL_RECOVERY;
	else if (!level && alert->status == ALERT_TEST)
		level = LEVEL_INFO;
	alert->level = level;
	return level ? 0 : complain(element, "level", NULL, LEVEL_WORDS, err);
}

/* An identity that other alerts share is the sender's mistake; here it can be told. */
static int check_identity(const struct intake_element *element, const struct alert *alert,
			  struct error *err)
{
	if (!*alert->policy_id && !*alert->policy_name)
		return complain(element, "policy", NULL, "the id or name of the rule that fired is",
				err);
	if (!*alert->object_id && !*alert->object_name && !json_object_size(alert->labels))
		return complain(element, "object", NULL, "what the alert is about is", err);
	return 0;
}

static int native_parse(const struct intake_element *element, struct alert *alert,
			struct error *err)
{
	int r = json_check_keys(element->object, element->pointer, keys, err);

	if (!r)
		r = read_state(element, alert, err);
	if (!r)
		r = read_names(element, alert, err);
	if (!r)
		r = read_texts(element, alert, err);
	if (!r)
		r = read_times(element, alert, err);
	if (!r)
		r = read_details(element, alert, err);
	if (!r)
		r = check_identity(element, alert, err);
	return r;
}

const struct intake_kind intake_native_kind = {
	.name = "native",
	.parse = native_parse,
	.list = "/alerts",
	.single = true,
	.strict = true,
};
