/* SPDX-License-Identifier: Apache-2.0 */
/* What all source kinds share: the shapes of a delivery, bounds, fallbacks, and the stamps that
 * order events. The parsers know their own fields only. */
#include "policy/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/utf8.h"
#include "policy/value.h"

#define SKEW_MAX (24 * DUR_HOUR) /* ALR-11 */

static const struct intake_kind *const kinds[SOURCE_KIND_COUNT] = {
	[SOURCE_NATIVE] = &intake_native_kind,
	[SOURCE_ALERTMANAGER] = &intake_alertmanager_kind,
	[SOURCE_TENCENT] = &intake_tencent_kind,
	[SOURCE_DEEPFLOW] = &intake_deepflow_kind,
	[SOURCE_EMQX] = &intake_emqx_kind,
	[SOURCE_EMQX_BROKER] = &intake_emqx_broker_kind,
	[SOURCE_RANCHER] = &intake_rancher_kind,
	[SOURCE_GRAFANA] = &intake_grafana_kind,
	[SOURCE_GRAFANA_LEGACY] = &intake_grafana_legacy_kind,
	[SOURCE_PAGERDUTY_EVENTS] = &intake_pagerduty_events_kind,
	[SOURCE_PAGERDUTY_V3] = &intake_pagerduty_v3_kind,
	[SOURCE_ZABBIX] = &intake_zabbix_kind,
	[SOURCE_NIGHTINGALE] = &intake_nightingale_kind,
	[SOURCE_FALCO] = &intake_falco_kind,
	[SOURCE_WAZUH] = &intake_wazuh_kind,
	[SOURCE_SPLUNK] = &intake_splunk_kind,
	[SOURCE_KIBANA] = &intake_kibana_kind,
	[SOURCE_DATADOG] = &intake_datadog_kind,
	[SOURCE_SURICATA] = &intake_suricata_kind,
	[SOURCE_ZEEK] = &intake_zeek_kind,
	[SOURCE_AWS_SNS] = &intake_aws_sns_kind,
	[SOURCE_GENERIC] = &intake_generic_kind,
};

const char *source_kind_name(enum source_kind kind)
{
	bug_on(kind >= SOURCE_KIND_COUNT);
	return kinds[kind]->name;
}

int source_kind_parse(const char *text, enum source_kind *ret)
{
	for (enum source_kind kind = 0; kind < SOURCE_KIND_COUNT; kind++) {
		if (!strcmp(text, kinds[kind]->name)) {
			*ret = kind;
			return 0;
		}
	}
	return -EINVAL;
}

const char *source_kind_list(char *text, size_t size)
{
	size_t len = 0;

	for (enum source_kind kind = 0; kind < SOURCE_KIND_COUNT && len < size; kind++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", kind ? ", " : "",
					kinds[kind]->name);
	return text;
}

struct source_kind_facts source_kind_get(enum source_kind kind)
{
	const struct intake_kind *facts = kinds[kind];

	return (struct source_kind_facts){
		.default_level = facts->default_level ? facts->default_level : LEVEL_WARNING,
		.hold = facts->hold,
		.zone_minutes = facts->zone_minutes,
		.lines = facts->lines,
		.quarantine = facts->quarantine,
	};
}

/* ---- helpers of the parsers ---- */

void intake_set(char **field, const char *value, size_t max)
{
	char *copy = utf8_copy(value, max);

	free(*field);
	*field = copy;
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

void intake_put(char **field, char *text)
{
	free(*field);
	*field = text;
}

void intake_set_identity(char **field, const char *value)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;

	buf_append_text(&buf, value);
	intake_put(field, identity_take(&buf));
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

	if (len >= INTAKE_POINTER_MAX)
		len = INTAKE_POINTER_MAX - 1;
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
		CLEANUP_FREE char *text = NULL;

		pointer_format(prefix, name, field);
		if (strlen(name) > ALERT_NAME_MAX)
			return error_set(err, "invalid_value", field,
					 "name of %zu bytes, at most %d are kept", strlen(name),
					 ALERT_NAME_MAX);
		text = value_text(value, ALERT_TEXT_MAX);
		if (!text)
			return error_set(err, "invalid_value", field,
					 "text, number or boolean expected");
		json_object_set_new(ret, name, json_string(text));
	}
	return 0;
}

const char *intake_policy_level(const char *word)
{
	static const char *const words[] = {"low", "medium", "high"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(word, words[i]) || (word[0] == (char)('0' + i) && !word[1]))
			return words[i];
	return NULL;
}

const char *intake_label(const struct alert *alert, const char *key)
{
	const char *value = json_string_value(json_object_get(alert->labels, key));

	return value ? value : "";
}

void intake_set_label(json_t *labels, const char *key, const char *value)
{
	CLEANUP_FREE char *text = utf8_copy(value, ALERT_TEXT_MAX);

	if (*key && strlen(key) <= ALERT_NAME_MAX &&
	    (json_object_size(labels) < INTAKE_LABELS_MAX || json_object_get(labels, key)))
		json_object_set_new(labels, key, json_string(text));
}

static void add_members(const json_t *object, const char *prefix, json_t *ret);

static void add_member(const char *name, const json_t *value, const char *prefix, json_t *ret)
{
	CLEANUP_FREE char *key = xasprintf("%s%s%s", prefix, *prefix ? "." : "", name);
	CLEANUP_FREE char *text = value_text(value, ALERT_TEXT_MAX);

	if (text)
		intake_set_label(ret, key, text);
	else if (strlen(key) <= ALERT_NAME_MAX)
		add_members(value, key, ret);
}

static void add_members(const json_t *object, const char *prefix, json_t *ret)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)object, name, value)
		add_member(name, value, prefix, ret);
}

/* One "k=v" or "k:v"; a text with neither is its own name. */
static void add_pair(const char *text, size_t len, json_t *ret)
{
	CLEANUP_FREE char *key = NULL;
	size_t n = 0;

	for (; len && *text == ' '; text++, len--)
		;
	for (; n < len && text[n] != '=' && text[n] != ':'; n++)
		;
	key = strndup(text, len);
	if (n == len) {
		intake_set_label(ret, key, "");
		return;
	}
	key[n] = '\0';
	intake_set_label(ret, key, key + n + 1);
}

static void add_pairs(const char *text, json_t *ret)
{
	while (*text) {
		size_t len = strcspn(text, ",|");

		add_pair(text, len, ret);
		text += len + !!text[len];
	}
}

static void add_named(const json_t *item, json_t *ret)
{
	CLEANUP_FREE char *key = value_read(item, "/key|/name|/tag", ALERT_NAME_MAX);
	CLEANUP_FREE char *value = value_read(item, "/value", ALERT_TEXT_MAX);

	if (key)
		intake_set_label(ret, key, value ? value : "");
}

void intake_add_labels(const json_t *value, json_t *ret)
{
	const json_t *item;
	size_t i;

	if (json_is_object(value))
		add_members(value, "", ret);
	else if (json_is_string(value))
		add_pairs(json_string_value(value), ret);
	json_array_foreach (value, i, item) {
		if (json_is_string(item))
			add_pair(json_string_value(item), json_string_length(item), ret);
		else
			add_named(item, ret);
	}
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

char *intake_encode(const char *text)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;

	append_encoded(&buf, text);
	return buf_take(&buf);
}

static void append_member(struct buf *buf, const char *key, const char *value)
{
	if (buf->len)
		buf_append_text(buf, "&");
	append_encoded(buf, key);
	buf_append_text(buf, "=");
	append_encoded(buf, value);
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

static void identity_if_empty(char **id, const char *name)
{
	CLEANUP_FREE char *text = *name ? xasprintf("name:%s", name) : NULL;

	if (!**id && text)
		intake_set_identity(id, text);
}

/* ALR-05: never an empty text that all alerts would share. */
static void complete_identity(struct alert *alert)
{
	static const char *const all[] = {NULL};

	identity_if_empty(&alert->policy_id, alert->policy_name);
	if (!*alert->policy_id)
		intake_set(&alert->policy_id, "unnamed", ALERT_NAME_MAX);
	identity_if_empty(&alert->object_id, alert->object_name);
	if (!*alert->object_id)
		intake_put(&alert->object_id, intake_format_labels(alert->labels, all));
	if (!*alert->object_id)
		intake_set(&alert->object_id, "unnamed", ALERT_NAME_MAX);
	name_if_empty(&alert->policy_name, alert->policy_id);
	name_if_empty(&alert->object_name, alert->object_id);
}

static void intake_finish(const struct intake *intake, struct alert *alert)
{
	ident_new(intake->now, alert->id);
	intake_set(&alert->source, intake->source, ALERT_NAME_MAX);
	intake_set(&alert->source_kind, source_kind_name(intake->kind), ALERT_NAME_MAX);
	alert->received_at = intake->now;
	if (alert->status == ALERT_RECOVERED && !wall_known(alert->event_at))
		alert->event_at = alert->ends_at;
	check_skew(alert);
	if (!kinds[intake->kind]->strict)
		intake_hint_labels(alert);
	complete_identity(alert);
	alert_fingerprint(alert->source, alert->policy_id, alert->object_id, alert->rule,
			  alert->fingerprint);
}

/* What to parse, and where in the delivery it is. */
struct elements {
	json_t *list;	    /* an array, owned */
	const char *prefix; /* of a list in the body; NULL: the element is the body */
};

/* Finds the elements of a body. */
static int find_elements(const struct intake *intake, json_t *body, struct elements *ret,
			 struct error *err)
{
	const struct intake_kind *kind = kinds[intake->kind];
	const char *mapped = json_string_value(json_object_get(intake->mapping, "list"));
	const char *pointer = mapped && *mapped ? mapped : kind->list;
	static const char *const only_alerts[] = {"alerts", NULL};
	json_t *list = pointer ? value_find(body, pointer) : NULL;

	ret->prefix = pointer && !json_is_array(body) ? pointer : "";
	if (json_is_array(body) || json_is_array(list)) {
		ret->list = json_incref(json_is_array(body) ? body : list);
		return kind->strict && list ? json_check_keys(body, "", only_alerts, err) : 0;
	}
	if (list || !kind->single)
		return error_set(err, "invalid_value", json_is_object(body) ? pointer : "",
				 "list of alerts expected");
	if (!json_is_object(body))
		return error_set(err, "invalid_value", "",
				 pointer ? "object, list of objects, or {\"%s\": […]} expected"
					 : "object or list of objects expected",
				 pointer ? pointer + 1 : "");
	ret->list = json_pack("[O]", body);
	ret->prefix = NULL;
	return 0;
}

static int parse_element(const struct intake_kind *kind, const struct intake_element *element,
			 struct alert *alert, struct error *err)
{
	int r = 0;

	if (!json_is_object(element->object))
		return error_set(err, "invalid_value", element->pointer, "object expected");
	if (kind->map)
		r = intake_map_read(kind->map, element, alert, err);
	if (!r && kind->parse)
		r = kind->parse(element, alert, err);
	return r;
}

static int parse_elements(const struct intake *intake, const struct elements *elements,
			  const json_t *body, struct alert_list *list, struct error *err)
{
	struct intake_element element = {.intake = intake, .body = body};
	size_t count = json_array_size(elements->list);
	int r = 0;

	if (count > ALERTS_MAX)
		return error_set(err, "too_large", elements->prefix,
				 "%zu alerts in one delivery, at most %d", count, ALERTS_MAX);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct alert *alert = alert_list_add(list);

		element.object = json_array_get(elements->list, i);
		if (elements->prefix)
			snprintf(element.pointer, sizeof(element.pointer), "%s/%zu",
				 elements->prefix, i);
		r = parse_element(kinds[intake->kind], &element, alert, err);
		if (r == INTAKE_SKIP) {
			alert_list_remove(list, list->count - 1);
			list->ignored++;
		} else if (!r) {
			intake_finish(intake, alert);
		}
	}
	return r < 0 ? r : 0;
}

/* ---- bytes ---- */

bool intake_concerns(enum source_kind kind, const char *line, size_t len)
{
	const char *needle = kinds[kind]->needle;

	return !needle || memmem(line, len, needle, strlen(needle));
}

/* The bytes have no NUL behind them. */
static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n", line[i]) || !line[i])
			return false;
	return true;
}

static int parse_line(const char *line, size_t len, size_t number, json_t *list, struct error *err)
{
	json_t *json;
	int r;

	if (is_blank(line, len))
		return 0;
	r = json_parse(line, len, INTAKE_BYTES_MAX, &json, err);
	if (!r)
		json_array_append_new(list, json);
	else
		snprintf(err->field, sizeof(err->field), "line %zu", number);
	return r;
}

/* One JSON text per line: shippers' batches. */
static int parse_lines(const char *body, size_t len, json_t **ret, struct error *err)
{
	CLEANUP_JSON json_t *list = json_array();
	int r = 0;

	for (size_t number = 1; !r && len; number++) {
		const char *end = memchr(body, '\n', len);
		size_t n = end ? (size_t)(end - body) + 1 : len;

		r = parse_line(body, n, number, list, err);
		body += n;
		len -= n;
	}
	if (!r)
		*ret = take_ptr(list);
	return r;
}

/* More than one line that starts an object is a list of lines; a single object may be written over
 * several lines. */
static bool has_lines(const char *body, size_t len)
{
	const char *end = memmem(body, len, "\n{", 2);

	return end && *body == '{';
}

static int parse_body(const struct intake_kind *kind, const char *body, size_t len, json_t **ret,
		      struct error *err)
{
	CLEANUP_FREE char *repaired = NULL;

	if (len > INTAKE_BYTES_MAX)
		return error_set(err, "too_large", "", "body of %zu bytes, at most %d are read",
				 len, INTAKE_BYTES_MAX);
	if (!kind->strict && utf8_valid(body, len) < len)
		body = repaired = utf8_repair(body, len, &len);
	if (kind->lines && has_lines(body, len))
		return parse_lines(body, len, ret, err);
	return json_parse(body, len, 3 * INTAKE_BYTES_MAX, ret, err);
}

int intake_parse(const struct intake *intake, const char *body, size_t len, struct alert_list *list,
		 struct error *err)
{
	CLEANUP_JSON json_t *json = NULL;
	struct elements elements = {0};
	int r;

	bug_on(intake->kind >= SOURCE_KIND_COUNT || list->count);
	r = parse_body(kinds[intake->kind], body, len, &json, err);
	if (!r)
		r = find_elements(intake, json, &elements, err);
	if (!r)
		r = parse_elements(intake, &elements, json, list, err);
	json_decref(elements.list);
	if (r) {
		alert_list_fini(list);
		return -EINVAL;
	}
	if (kinds[intake->kind]->merge)
		kinds[intake->kind]->merge(list);
	return 0;
}
