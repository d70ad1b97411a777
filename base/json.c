/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"

/* Where the scan of the raw bytes stands. */
struct scan {
	bool in_string;
	bool escaped;
	unsigned depth;
	unsigned nodes; /* over-counted: every comma, colon and opening bracket */
};

static void scan_string_byte(struct scan *s, char c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
}

static void scan_byte(struct scan *s, char c)
{
	if (s->in_string) {
		scan_string_byte(s, c);
		return;
	}
	switch (c) {
	case '"':
		s->in_string = true;
		break;
	case '[':
	case '{':
		s->depth++;
		s->nodes++;
		break;
	case ']':
	case '}':
		s->depth -= s->depth > 0;
		break;
	case ',':
	case ':':
		s->nodes++;
		break;
	}
}

/* Limits are checked on the bytes, before jansson allocates or recurses. */
static int check_limits(const char *text, size_t len, size_t nodes_max, struct error *err)
{
	struct scan s = {0};

	for (size_t i = 0; i < len; i++) {
		scan_byte(&s, text[i]);
		if (s.depth > JSON_DEPTH_MAX)
			return error_set(err, "too_deep", "", "JSON nests deeper than %d levels",
					 JSON_DEPTH_MAX);
		if (s.nodes > nodes_max)
			return error_set(err, "too_large", "", "JSON has more than %zu values",
					 nodes_max);
	}
	return 0;
}

int json_parse(const char *text, size_t len, size_t max, json_t **ret, struct error *err)
{
	json_error_t e;
	json_t *json;
	int r;

	if (len > max)
		return error_set(err, "too_large", "", "body of %zu bytes, at most %zu are read",
				 len, max);
	r = check_limits(text, len, max / JSON_NODE_BYTES, err);
	if (r < 0)
		return r;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!json)
		return error_set(err, "invalid_json", "", "line %d column %d: %s", e.line, e.column,
				 e.text);
	*ret = json;
	return 0;
}

char *json_format(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	bug_on(!text);
	return text;
}

/* The value at key, JSON null counting as absent. */
static json_t *lookup(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

/* The field's full name, and the value as the sender wrote it, for the message. */
struct complaint {
	char field[sizeof(((struct error *)0)->field)];
	char *value;
};

static void complaint_fini(struct complaint *c)
{
	free(c->value);
}

static struct complaint complain(const json_t *value, const char *prefix, const char *key)
{
	struct complaint c;

	snprintf(c.field, sizeof(c.field), "%s/%s", prefix, key);
	c.value = json_format(value);
	if (strlen(c.value) > 100)
		memcpy(c.value + 96, "…", sizeof("…"));
	return c;
}

#define CLEANUP_COMPLAINT CLEANUP(complaint_fini)

int json_read_text(const json_t *object, const char *prefix, const char *key, size_t min,
		   size_t max, const char **ret, struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_string(value) && json_string_length(value) >= min &&
	    json_string_length(value) <= max) {
		*ret = json_string_value(value);
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field, "%s: text of %zu to %zu bytes expected",
			 c.value, min, max);
}

int json_read_int(const json_t *object, const char *prefix, const char *key, int64_t min,
		  int64_t max, int64_t *ret, struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_integer(value) && json_integer_value(value) >= min &&
	    json_integer_value(value) <= max) {
		*ret = json_integer_value(value);
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field,
			 "%s: whole number from %" PRId64 " to %" PRId64 " expected", c.value, min,
			 max);
}

int json_read_bool(const json_t *object, const char *prefix, const char *key, bool *ret,
		   struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_boolean(value)) {
		*ret = json_is_true(value);
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field, "%s: true or false expected", c.value);
}

int json_read_dur(const json_t *object, const char *prefix, const char *key, dur_t min, dur_t max,
		  dur_t *ret, struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};
	char low[DUR_TEXT_SIZE], high[DUR_TEXT_SIZE];
	dur_t d;

	if (!value)
		return JSON_ABSENT;
	if (json_is_string(value) && !dur_parse(json_string_value(value), &d) && d >= min &&
	    d <= max) {
		*ret = d;
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field,
			 "%s: duration like \"30s\" or \"5m\" from %s to %s expected", c.value,
			 dur_format(min, low), dur_format(max, high));
}

int json_read_wall(const json_t *object, const char *prefix, const char *key, wall_t *ret,
		   struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_string(value) && !wall_parse(json_string_value(value), ret))
		return 0;
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field,
			 "%s: RFC 3339 time with zone like \"2026-01-31T12:00:00Z\" expected",
			 c.value);
}

int json_read_array(const json_t *object, const char *prefix, const char *key, size_t max,
		    json_t **ret, struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_array(value) && json_array_size(value) <= max) {
		*ret = value;
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field, "%s: list of at most %zu values expected",
			 c.value, max);
}

int json_read_object(const json_t *object, const char *prefix, const char *key, json_t **ret,
		     struct error *err)
{
	json_t *value = lookup(object, key);
	CLEANUP_COMPLAINT struct complaint c = {0};

	if (!value)
		return JSON_ABSENT;
	if (json_is_object(value)) {
		*ret = value;
		return 0;
	}
	c = complain(value, prefix, key);
	return error_set(err, "invalid_value", c.field, "%s: object expected", c.value);
}

int json_check_keys(const json_t *object, const char *prefix, const char *const allowed[],
		    struct error *err)
{
	CLEANUP_BUF struct buf list = BUF_INIT;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		char field[96];
		int i;

		for (i = 0; allowed[i] && strcmp(allowed[i], key); i++)
			;
		if (allowed[i])
			continue;
		for (i = 0; allowed[i]; i++)
			buf_printf(&list, "%s%s", i ? ", " : "", allowed[i]);
		snprintf(field, sizeof(field), "%s/%.60s", prefix, key);
		return error_set(err, "unknown_field", field,
				 "unknown field \"%.60s\"; allowed: %s", key, list.data);
	}
	return 0;
}
