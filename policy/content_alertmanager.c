/* SPDX-License-Identifier: Apache-2.0 */
/* RWH-02: the body of Alertmanager's webhook, version 4, so that existing receivers work unchanged.
 *
 * Who correlates does it by the fingerprint or by the set of labels: both are the same at an
 * alert's beginning and its end. So the level, which is not, is an annotation. */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "policy/content_internal.h"

#define OPEN_END	"0001-01-01T00:00:00Z"
#define FINGERPRINT_LEN 16

static const char *text_of(const json_t *variables, const char *name)
{
	const char *text = json_string_value(json_object_get(variables, name));

	return text ? text : "";
}

static const char *first_of(const char *a, const char *b)
{
	return *a ? a : b;
}

/* What the sender did not say itself. */
static void set_missing(json_t *object, const char *key, const char *text)
{
	if (*text && !json_object_get(object, key))
		json_object_set_new(object, key, json_string(text));
}

/* Only texts: other values are no labels to receivers. */
static json_t *copy_texts(const json_t *object, bool whole)
{
	json_t *copy = json_object(), *value;
	const char *key;

	json_object_foreach ((json_t *)object, key, value)
		if (whole && json_is_string(value))
			json_object_set(copy, key, value);
	return copy;
}

static json_t *labels_of(const json_t *variables, bool whole)
{
	json_t *labels = copy_texts(json_object_get(variables, "labels"), whole);

	const char *policy =
		first_of(text_of(variables, "policy_name"), text_of(variables, "policy_id"));

	set_missing(labels, "alertname", first_of(policy, "alert"));
	set_missing(labels, "instance", text_of(variables, "object"));
	return labels;
}

static json_t *annotations_of(const json_t *variables, bool whole)
{
	json_t *annotations = copy_texts(json_object_get(variables, "annotations"), whole);

	set_missing(annotations, "summary", text_of(variables, "title"));
	set_missing(annotations, "description", whole ? text_of(variables, "description") : "");
	set_missing(annotations, "level", text_of(variables, "level"));
	set_missing(annotations, "probe", text_of(variables, "probe"));
	set_missing(annotations, "coverage", text_of(variables, "coverage"));
	set_missing(annotations, "capture_url", text_of(variables, "capture_url"));
	return annotations;
}

static json_t *alert_of(const json_t *variables, const char *status, json_t *labels,
			json_t *annotations)
{
	const char *time = text_of(variables, "time");
	bool over = json_is_true(json_object_get(variables, "recovered"));

	return json_pack("{s:s, s:O, s:O, s:s, s:s, s:s, s:o}", "status", status, "labels", labels,
			 "annotations", annotations, "startsAt",
			 first_of(text_of(variables, "start_time"), time), "endsAt",
			 over ? first_of(text_of(variables, "end_time"), time) : OPEN_END,
			 "generatorURL",
			 first_of(text_of(variables, "link"), text_of(variables, "capture_url")),
			 "fingerprint",
			 json_sprintf("%.*s", FINGERPRINT_LEN, text_of(variables, "fingerprint")));
}

json_t *content_alertmanager_document(const json_t *variables, bool whole)
{
	CLEANUP_JSON json_t *labels = labels_of(variables, whole);
	CLEANUP_JSON json_t *annotations = annotations_of(variables, whole);
	const char *status = json_is_true(json_object_get(variables, "recovered")) ? "resolved"
										   : "firing";

	return json_pack("{s:s, s:o, s:i, s:s, s:s, s:{s:O}, s:O, s:O, s:s, s:[o]}", "version", "4",
			 "groupKey",
			 json_sprintf("{}:{fingerprint=\"%.*s\"}", FINGERPRINT_LEN,
				      text_of(variables, "fingerprint")),
			 "truncatedAlerts", 0, "status", status, "receiver",
			 text_of(variables, "endpoint_name"), "groupLabels", "alertname",
			 json_object_get(labels, "alertname"), "commonLabels", labels,
			 "commonAnnotations", annotations, "externalURL",
			 text_of(variables, "probe_url"), "alerts",
			 alert_of(variables, status, labels, annotations));
}
