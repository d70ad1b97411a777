/* SPDX-License-Identifier: Apache-2.0 */
/* What all source kinds share: the shapes of a delivery, bounds, fallbacks, and the stamps that
 * order events. The parsers know their own fields only. */
#include "policy/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/utf8.h"

#define SKEW_MAX (24 * DUR_HOUR) /* ALR-11 */

static const struct {
	const char *name;
	int (*parse)(const struct intake_element *element, struct alert *alert, struct error *err);
	void (*merge)(struct alert_list *list); /* may be NULL */
	bool single;				/* a bare alert object is a delivery too */
	bool strict; /* unknown keys beside "alerts" are refused: it is our own format */
} kinds[SOURCE_KIND_COUNT] = {
	[SOURCE_NATIVE] = {"native", intake_native_parse, NULL, true, true},
	[SOURCE_ALERTMANAGER] = {"alertmanager", intake_alertmanager_parse,
				 intake_alertmanager_merge, false, false},
};

const char *source_kind_name(enum source_kind kind)
{
	bug_on(kind >= SOURCE_KIND_COUNT);
	return kinds[kind].name;
}

int source_kind_parse(const char *text, enum source_kind *ret)
{
	for (enum source_kind kind = 0; kind < SOURCE_KIND_COUNT; kind++) {
		if (!strcmp(text, kinds[kind].name)) {
			*ret = kind;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- helpers of the parsers ---- */

void intake_set(char **field, const char *value, size_t max)
{
	char *copy = utf8_copy(value, max);

	free(*field);
	*field = copy;
}

int intake_read_text(const struct intake_element *element, const char *key, char **ret,
		     struct error *err)
{
	const char *text;
	int r = json_read_text(element->object, element->pointer, key, 0, JSON_BYTES_MAX, &text,
			       err);

	if (!r)
		intake_set(ret, text, ALERT_TEXT_MAX);
	return r;
}

/* "<prefix>/<key>" with the key escaped as RFC 6901 wants it. */
static void pointer_format(const char *prefix, const char *key, char ret[INTAKE_POINTER_MAX])
{
	size_t len = (size_t)snprintf(ret, INTAKE_POINTER_MAX, "%s/", prefix);

	for (; *key && len < INTAKE_POINTER_MAX - 3; key++) {
		if (*key == '~' || *key == '/') {
			ret[len++] = '~';
			ret[len++] = *key == '~' ? '0' : '1';
		} else {
			ret[len++] = *key;
		}
	}
	ret[len] = '\0';
	ret[utf8_fit(ret, len)] = '\0';
}

/* A scalar as text; NULL if the value is none. */
static json_t *scalar_text(json_t *value)
{
	CLEANUP_FREE char *text = NULL;

	if (json_is_string(value))
		text = utf8_copy(json_string_value(value), ALERT_TEXT_MAX);
	else if (json_is_number(value) || json_is_boolean(value))
		text = json_format(value);
	return text ? json_string(text) : NULL;
}

int intake_read_labels(const struct intake_element *element, const char *key, json_t *ret,
		       struct error *err)
{
	char prefix[INTAKE_POINTER_MAX], field[INTAKE_POINTER_MAX];
	json_t *labels, *value;
	const char *name;
	int r = json_read_object(element->object, element->pointer, key, &labels, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	pointer_format(element->pointer, key, prefix);
	if (json_object_size(labels) > INTAKE_LABELS_MAX)
		return error_set(err, "invalid_value", prefix, "%zu members, at most %d are kept",
				 json_object_size(labels), INTAKE_LABELS_MAX);
	json_object_foreach (labels, name, value) {
		json_t *text;

		pointer_format(prefix, name, field);
		if (strlen(name) > ALERT_NAME_MAX)
			return error_set(err, "invalid_value", field,
					 "name of %zu bytes, at most %d are kept", strlen(name),
					 ALERT_NAME_MAX);
		text = scalar_text(value);
		if (!text)
			return error_set(err, "invalid_value", field,
					 "text, number or boolean expected");
		json_object_set_new(ret, name, text);
	}
	return 0;
}

/* ---- canonical texts ---- */

static void append_encoded(struct buf *buf, const char *text)
{
	for (; *text; text++) {
		if (strchr("%;&=", *text))
			buf_printf(buf, "%%%02X", (unsigned char)*text);
		else
			buf_append(buf, text, 1);
	}
}

static void append_member(struct buf *buf, const char *key, const char *value)
{
	if (buf->len)
		buf_append_text(buf, "&");
	append_encoded(buf, key);
	buf_append_text(buf, "=");
	append_encoded(buf, value);
}

/* Identities are bounded; a long one is replaced by its hash, never cut: cutting could make two
 * objects one. */
static char *identity_take(struct buf *buf)
{
	char hex[SHA256_HEX_SIZE];

	if (buf->len > ALERT_NAME_MAX) {
		sha256_text(buf->data, buf->len, hex);
		buf_clear(buf);
		buf_printf(buf, "sha256:%s", hex);
	}
	return buf_take(buf);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool in_list(const char *text, const char *const list[])
{
	for (; *list; list++)
		if (!strcmp(text, *list))
			return true;
	return false;
}

char *intake_format_labels(const json_t *labels, const char *const without[])
{
	CLEANUP_BUF struct buf buf = BUF_INIT;
	const char *keys[INTAKE_LABELS_MAX + 1] = {NULL};
	const char *key;
	size_t count = 0;
	json_t *value;

	json_object_foreach ((json_t *)labels, key, value) {
		bug_on(count == INTAKE_LABELS_MAX);
		if (!in_list(key, without))
			keys[count++] = key;
	}
	qsort(keys, count, sizeof(keys[0]), compare_texts);
	return intake_format_members(labels, keys);
}

char *intake_format_members(const json_t *labels, const char *const keys[])
{
	CLEANUP_BUF struct buf buf = BUF_INIT;

	for (; *keys; keys++) {
		const char *value = json_string_value(json_object_get(labels, *keys));

		if (value && *value)
			append_member(&buf, *keys, value);
	}
	return identity_take(&buf);
}

/* ---- one delivery ---- */

/* The sender's stamp orders events of one alert; one that is a day off is not believed, and
 * flagged for the reader (ALR-11). */
static void check_skew(struct alert *alert)
{
	char text[DUR_TEXT_SIZE];
	dur_t skew = wall_sub(alert->event_at, alert->received_at);
	dur_t shown = (skew < 0 ? -skew : skew) / DUR_S * DUR_S;

	if (wall_known(alert->event_at) && skew >= -SKEW_MAX && skew <= SKEW_MAX)
		return;
	if (wall_known(alert->event_at))
		json_object_set_new(
			alert->annotations, "ringbell_clock_skew",
			json_sprintf("%s%s", skew < 0 ? "-" : "", dur_format(shown, text)));
	alert->event_at = alert->received_at;
}

static void name_if_empty(char **name, const char *id)
{
	if (!**name)
		intake_set(name, id, ALERT_NAME_MAX);
}

static void intake_finish(const struct intake *intake, struct alert *alert)
{
	ident_new(intake->now, alert->id);
	intake_set(&alert->source, intake->source, ALERT_NAME_MAX);
	alert->received_at = intake->now;
	check_skew(alert);
	name_if_empty(&alert->policy_name, alert->policy_id);
	name_if_empty(&alert->object_name, alert->object_id);
	alert_fingerprint(alert->source, alert->policy_id, alert->object_id, alert->rule,
			  alert->fingerprint);
}

/* Finds what to parse: *ret is an array (new reference) and prefix points to it. */
static int find_elements(const struct intake *intake, json_t *body, json_t **ret,
			 const char **prefix, struct error *err)
{
	static const char *const only_alerts[] = {"alerts", NULL};
	json_t *alerts = json_object_get(body, "alerts");

	*prefix = "";
	if (json_is_array(body)) {
		*ret = json_incref(body);
		return 0;
	}
	if (json_is_array(alerts)) {
		*ret = json_incref(alerts);
		*prefix = "/alerts";
		return kinds[intake->kind].strict ? json_check_keys(body, "", only_alerts, err) : 0;
	}
	if (alerts || !kinds[intake->kind].single)
		return error_set(err, "invalid_value", json_is_object(body) ? "/alerts" : "",
				 "list of alerts expected");
	if (!json_is_object(body))
		return error_set(err, "invalid_value", "",
				 "object, list of objects, or {\"alerts\": […]} expected");
	*ret = json_array();
	json_array_append(*ret, body);
	*prefix = NULL; /* the element is the body */
	return 0;
}

static int parse_elements(const struct intake *intake, const json_t *elements, const char *prefix,
			  struct alert_list *list, struct error *err)
{
	struct intake_element element = {.intake = intake};
	size_t i;
	int r = 0;

	if (json_array_size(elements) > ALERTS_MAX)
		return error_set(err, "too_large", prefix, "%zu alerts in one delivery, at most %d",
				 json_array_size(elements), ALERTS_MAX);
	for (i = 0; !r && i < json_array_size(elements); i++) {
		struct alert *alert = alert_list_add(list);

		element.object = json_array_get(elements, i);
		if (prefix)
			snprintf(element.pointer, sizeof(element.pointer), "%s/%zu", prefix, i);
		if (!json_is_object(element.object))
			return error_set(err, "invalid_value", element.pointer, "object expected");
		r = kinds[intake->kind].parse(&element, alert, err);
		if (!r)
			intake_finish(intake, alert);
	}
	return r;
}

int intake_parse(const struct intake *intake, const char *body, size_t len, struct alert_list *list,
		 struct error *err)
{
	CLEANUP_JSON json_t *json = NULL, *elements = NULL;
	const char *prefix;
	int r;

	bug_on(intake->kind >= SOURCE_KIND_COUNT || list->count);
	r = json_parse(body, len, JSON_BYTES_MAX, &json, err);
	if (!r)
		r = find_elements(intake, json, &elements, &prefix, err);
	if (!r)
		r = parse_elements(intake, elements, prefix, list, err);
	if (r) {
		alert_list_fini(list);
		return -EINVAL;
	}
	if (kinds[intake->kind].merge)
		kinds[intake->kind].merge(list);
	return 0;
}
