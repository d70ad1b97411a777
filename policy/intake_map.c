/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign object → an alert, as a table says. Foreign formats drift: numbers become texts,
 * members come and go. So nothing but what identifies an alert is insisted on, and scalars are
 * taken as texts, whatever their type. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

#define SUGGESTION_MAX 1024

static bool is_one_of(size_t field, const size_t list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == field)
			return true;
	return false;
}

void intake_map_set(struct alert *alert, size_t field, const char *text)
{
	static const size_t identities[] = {
		offsetof(struct alert, policy_id), offsetof(struct alert, object_id),
		offsetof(struct alert, rule), offsetof(struct alert, delivery_id)};
	static const size_t texts[] = {offsetof(struct alert, title), offsetof(struct alert, text),
				       offsetof(struct alert, link)};
	char **place = (char **)((char *)alert + field);

	if (is_one_of(field, identities, ARRAY_SIZE(identities)))
		intake_set_identity(place, text);
	else if (is_one_of(field, texts, ARRAY_SIZE(texts)))
		intake_set(place, text, ALERT_TEXT_MAX);
	else if (field == offsetof(struct alert, suggestion))
		intake_set(place, text, SUGGESTION_MAX);
	else
		intake_set(place, text, ALERT_NAME_MAX);
}

static void read_fields(const struct intake_map *map, const json_t *object, struct alert *alert)
{
	for (const struct intake_field *row = map->fields; row->value; row++) {
		CLEANUP_FREE char *text = value_read(object, row->value, ALERT_TEXT_MAX);

		if (text)
			intake_map_set(alert, row->field, text);
	}
}

/* ---- level ---- */

/* Our operator's table, words in any case. */
static enum level level_of_source(const json_t *levels, const char *word)
{
	const char *key;
	json_t *value;
	enum level level;

	json_object_foreach ((json_t *)levels, key, value)
		if (!strcasecmp(key, word) && !level_parse(json_string_value(value), &level))
			return level;
	return 0;
}

static enum level level_of_kind(const struct intake_map *map, const char *word)
{
	for (enum level level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++)
		if (value_in_words(map->levels[level], word))
			return level;
	return 0;
}

enum level intake_map_level(const struct intake_map *map, const struct intake_element *element,
			    struct alert *alert, const char *word)
{
	const struct intake *intake = element->intake;
	enum level level = level_of_source(intake->levels, word);

	intake_set(&alert->source_level, word, ALERT_NAME_MAX);
	if (!level)
		level = level_of_kind(map, word);
	if (!level && !level_guess(word, &level))
		return level;
	if (!level && *word)
		json_object_set_new(alert->annotations, "ringbell_level",
				    json_string("no level is known for the sender's word, the "
						"source's default level was taken"));
	return level ? level : intake->default_level;
}

/* ---- status ---- */

static int complain(const struct intake_map *map, const struct intake_element *element,
		    const char *word, struct error *err)
{
	return error_set(err, "invalid_value", element->pointer,
			 "\"%.60s\" at %s: %s or %s expected", word, map->status, map->firing,
			 map->recovered);
}

void intake_map_settle(struct alert *alert)
{
	if (alert->status == ALERT_FIRING && alert->level == LEVEL_RECOVERY)
		alert->status = ALERT_RECOVERED;
	if (alert->status == ALERT_FIRING && alert->level == LEVEL_INFO)
		alert->status = ALERT_NOTICE;
	if (alert->status == ALERT_RECOVERED)
		alert->level = LEVEL_RECOVERY;
}

static int read_status(const struct intake_map *map, const struct intake_element *element,
		       struct alert *alert, struct error *err)
{
	CLEANUP_FREE char *word =
		map->status ? value_read(element->object, map->status, ALERT_NAME_MAX) : NULL;

	alert->status = ALERT_FIRING;
	if (word && value_in_words(map->ignored, word))
		return INTAKE_SKIP;
	if (word && value_in_words(map->recovered, word))
		alert->status = ALERT_RECOVERED;
	else if (word && value_in_words(map->test, word))
		alert->status = ALERT_TEST;
	else if (map->firing && !value_in_words(map->firing, word ? word : ""))
		return complain(map, element, word ? word : "", err);
	return 0;
}

static int read_state(const struct intake_map *map, const struct intake_element *element,
		      struct alert *alert, struct error *err)
{
	CLEANUP_FREE char *word =
		map->level ? value_read(element->object, map->level, ALERT_NAME_MAX) : NULL;
	int r = read_status(map, element, alert, err);

	if (r)
		return r;
	alert->level = intake_map_level(map, element, alert, word ? word : "");
	intake_map_settle(alert);
	return 0;
}

/* ---- times, labels ---- */

wall_t intake_time(const struct intake_element *element, const char *expression)
{
	CLEANUP_FREE char *text =
		expression ? value_read(element->object, expression, ALERT_NAME_MAX) : NULL;
	wall_t t = {0};

	if (text)
		value_parse_time(text, element->intake->zone_minutes, &t);
	return t;
}

static void add_all(const json_t *object, const char *pointers, json_t *ret)
{
	while (pointers && *pointers) {
		size_t len = strcspn(pointers, "|");
		CLEANUP_FREE char *pointer = strndup(pointers, len);

		intake_add_labels(value_find(object, pointer), ret);
		pointers += len + (pointers[len] == '|');
	}
}

static void read_hints(const struct intake_map *map, const json_t *object, struct alert *alert)
{
	for (const struct intake_hint *row = map->hints; row->value; row++) {
		CLEANUP_FREE char *text = value_read(object, row->value, ALERT_NAME_MAX);

		if (text)
			intake_add_hint(alert, row->kind, text);
	}
}

int intake_map_read(const struct intake_map *map, const struct intake_element *element,
		    struct alert *alert, struct error *err)
{
	CLEANUP_FREE char *wanted = map->wants ? value_read(element->object, map->wants, 8)
					       : xstrdup("");
	int r;

	if (!wanted)
		return error_set(err, "missing_field", element->pointer,
				 "nothing at %s: it is not this source's kind", map->wants);
	r = read_state(map, element, alert, err);
	if (r)
		return r;
	read_fields(map, element->object, alert);
	alert->starts_at = intake_time(element, map->starts_at);
	alert->ends_at = intake_time(element, map->ends_at);
	alert->event_at = intake_time(element, map->event_at);
	add_all(element->object, map->labels, alert->labels);
	add_all(element->object, map->annotations, alert->annotations);
	read_hints(map, element->object, alert);
	return 0;
}
