/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/utf8.h"

#define KEY_MAX	  128 /* bytes of one step of a pointer */
#define VALUE_MAX 4096
#define TIME_MAX  64
#define STEPS_MAX 32

/* ---- pointers ---- */

/* Takes the next step off the pointer, unescaped. False: it is too long to be a key of anyone's. */
static bool step_take(const char **pointer, const char *end, char key[KEY_MAX])
{
	const char *in = *pointer + 1; /* behind the slash */
	size_t len = 0;

	for (; in < end && *in != '/'; in++) {
		char c = *in;

		if (c == '~' && in + 1 < end && (in[1] == '0' || in[1] == '1'))
			c = *++in == '0' ? '~' : '/';
		if (len == KEY_MAX - 1)
			return false;
		key[len++] = c;
	}
	key[len] = '\0';
	*pointer = in;
	return true;
}

static json_t *step_into(const json_t *json, const char *key)
{
	char *end;
	unsigned long index;

	if (json_is_object(json))
		return json_object_get(json, key);
	if (!json_is_array(json) || !isdigit((unsigned char)*key))
		return NULL;
	index = strtoul(key, &end, 10);
	return *end ? NULL : json_array_get(json, index);
}

static json_t *find_sized(const json_t *json, const char *pointer, size_t len)
{
	const char *end = pointer + len;
	char key[KEY_MAX];

	while (json && pointer < end) {
		if (*pointer != '/' || !step_take(&pointer, end, key))
			return NULL;
		json = step_into(json, key);
	}
	return (json_t *)json;
}

json_t *value_find(const json_t *json, const char *pointer)
{
	return find_sized(json, pointer, strlen(pointer));
}

/* ---- texts ---- */

char *value_text(const json_t *json, size_t max)
{
	CLEANUP_FREE char *number = NULL;

	if (json_is_string(json))
		return utf8_copy(json_string_value(json), max);
	if (!json_is_number(json) && !json_is_boolean(json))
		return NULL;
	number = json_format(json);
	return utf8_copy(number, max);
}

/* Appends what a template says; false if one of its pointers gives nothing. */
static bool template_append(struct buf *buf, const json_t *json, const char *text, const char *end)
{
	while (text < end) {
		const char *open = memchr(text, '{', (size_t)(end - text));
		const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
		CLEANUP_FREE char *value = NULL;

		if (!close) {
			buf_append(buf, text, (size_t)(end - text));
			return true;
		}
		buf_append(buf, text, (size_t)(open - text));
		value = value_text(find_sized(json, open + 1, (size_t)(close - open - 1)),
				   VALUE_MAX);
		if (!value || !*value)
			return false;
		buf_append_text(buf, value);
		text = close + 1;
	}
	return true;
}

static char *read_alternative(const json_t *json, const char *text, size_t len, size_t max)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;

	if (*text == '/')
		return value_text(find_sized(json, text, len), max);
	if (!template_append(&buf, json, text, text + len) || !buf.len)
		return NULL;
	return utf8_copy(buf.data, max);
}

char *value_read(const json_t *json, const char *expression, size_t max)
{
	while (*expression) {
		size_t len = strcspn(expression, "|");
		char *text = len ? read_alternative(json, expression, len, max) : NULL;

		if (text && *text)
			return text;
		free(text);
		expression += len;
		expression += *expression == '|';
	}
	return NULL;
}

const char *value_check(const char *expression)
{
	unsigned steps = 0;

	for (const char *c = expression; *c; c++) {
		steps += *c == '/' || *c == '|';
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "control characters are not allowed";
		if (*c == '{' && c[1] != '/')
			return "a JSON pointer expected behind \"{\", like \"{/alert/id}\"";
		if (*c == '{' && !strchr(c, '}'))
			return "\"}\" is missing";
	}
	return steps > STEPS_MAX ? "too many steps and alternatives, at most 32" : NULL;
}

/* ---- times ---- */

static int parse_epoch(const char *text, wall_t *ret)
{
	static const struct {
		double below;
		double unit_ns;
	} sizes[] = {{1e11, 1e9}, {1e14, 1e6}, {1e17, 1e3}, {9.2e18, 1}};
	char *end;
	double number = strtod(text, &end);

	if (*end || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (number >= sizes[i].below)
			continue;
		if (number * sizes[i].unit_ns >= 9.2e18) /* later than a wall_t can be */
			return -EINVAL;
		/* whole numbers exactly: a double has 53 bits */
		ret->ns = strchr(text, '.') ? (int64_t)(number * sizes[i].unit_ns)
					    : strtoll(text, NULL, 10) * (int64_t)sizes[i].unit_ns;
		return 0;
	}
	return -EINVAL;
}

static void append_zone(struct buf *buf, const char *zone, int zone_minutes)
{
	int minutes = abs(zone_minutes);

	while (*zone == ' ')
		zone++;
	if (!*zone)
		buf_printf(buf, "%c%02d:%02d", zone_minutes < 0 ? '-' : '+', minutes / 60,
			   minutes % 60);
	else if (!strcasecmp(zone, "UTC") || !strcasecmp(zone, "Z") || !strcasecmp(zone, "GMT"))
		buf_append_text(buf, "Z");
	else if (strlen(zone) == 5 && (*zone == '+' || *zone == '-')) /* +0100 */
		buf_printf(buf, "%.3s:%s", zone, zone + 3);
	else
		buf_append_text(buf, zone);
}

/* "YYYY?MM?DD?HH:MM:SS[.fraction][ ][zone]" as RFC 3339. */
static int parse_stamp(const char *text, int zone_minutes, wall_t *ret)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;
	size_t seconds;

	if (strlen(text) < 19 || !strchr("-./", text[4]) || text[7] != text[4] ||
	    !strchr("T t", text[10]))
		return -EINVAL;
	seconds = 19 + (text[19] == '.' ? 1 + strspn(text + 20, "0123456789") : 0);
	buf_printf(&buf, "%.4s-%.2s-%.2sT", text, text + 5, text + 8);
	/* more digits than nanoseconds have are nobody's loss */
	buf_append(&buf, text + 11, (seconds > 29 ? 29 : seconds) - 11);
	append_zone(&buf, text + seconds, zone_minutes);
	return wall_parse(buf.data, ret);
}

int value_parse_time(const char *text, int zone_minutes, wall_t *ret)
{
	wall_t t;

	if (!*text || strlen(text) > TIME_MAX)
		return -EINVAL;
	if (parse_epoch(text, &t) && wall_parse(text, &t) && parse_stamp(text, zone_minutes, &t))
		return -EINVAL;
	*ret = t;
	return 0;
}

/* ---- words ---- */

int value_in_words(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t n = strcspn(words, ",");

		if (n == len && !strncasecmp(words, word, n))
			return 1;
		words += n + (words[n] == ',');
	}
	return 0;
}
