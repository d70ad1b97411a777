/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_internal.h"

void setting_set(char **field, const char *text)
{
	char *copy = xstrdup(text);

	free(*field);
	*field = copy;
}

/* ---- keys ---- */

static bool in_list(const char *key, const char *const list[])
{
	for (; *list; list++)
		if (!strcmp(key, *list))
			return true;
	return false;
}

static int check_read_only(const char *key, const json_t *value, struct error *err)
{
	char field[96];

	if (!strcmp(key, "version") ? json_is_integer(value)
				    : json_is_string(value) || json_is_null(value))
		return 0;
	snprintf(field, sizeof(field), "/%s", key);
	return error_set(err, "invalid_value", field,
			 "read-only member: leave it out, or as it was told");
}

int setting_check_keys(const json_t *object, const char *const allowed[], const char *const shown[],
		       struct error *err)
{
	static const char *const read_only[] = {"id", "version", "created_at", "updated_at", NULL};
	CLEANUP_JSON json_t *settings = NULL;
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(object))
		return error_set(err, "invalid_value", "", "object expected");
	settings = json_copy((json_t *)object);
	json_object_foreach ((json_t *)object, key, value) {
		bool known = in_list(key, read_only);

		if (known)
			r = check_read_only(key, value, err);
		if (r)
			return r;
		if (known || in_list(key, shown))
			json_object_del(settings, key);
	}
	return json_check_keys(settings, "", allowed, err);
}

/* ---- texts ---- */

static bool has_control(const char *text, const char *except)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 || *text == 0x7f) && !strchr(except, *text))
			return true;
	return false;
}

static int read_text(const json_t *object, const char *key, size_t min, size_t max,
		     const char *except, char **ret, struct error *err)
{
	char field[96];
	const char *text;
	int r = json_read_text(object, "", key, min, max, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (has_control(text, except)) {
		snprintf(field, sizeof(field), "/%s", key);
		return error_set(err, "invalid_value", field, "control characters are not allowed");
	}
	setting_set(ret, text);
	return 0;
}

int setting_read_text(const json_t *object, const char *key, size_t min, size_t max, char **ret,
		      struct error *err)
{
	return read_text(object, key, min, max, "", ret, err);
}

int setting_read_lines(const json_t *object, const char *key, size_t max, char **ret,
		       struct error *err)
{
	return read_text(object, key, 0, max, "\t\r\n", ret, err);
}

int setting_read_name(const json_t *object, char **name, struct error *err)
{
	return setting_read_long_name(object, SETTING_NAME_MAX, name, err);
}

int setting_read_long_name(const json_t *object, size_t max, char **name, struct error *err)
{
	int r = setting_read_text(object, "name", 1, max, name, err);
	size_t len = strlen(*name);

	if (r)
		return r;
	if (!len)
		return error_set(err, "missing_field", "/name", "a name of 1 to %zu bytes expected",
				 max);
	if ((*name)[0] == ' ' || (*name)[len - 1] == ' ')
		return error_set(err, "invalid_value", "/name",
				 "\"%s\": a name without blanks at its ends expected", *name);
	if (ident_valid(*name))
		return error_set(err, "invalid_value", "/name",
				 "\"%s\": a name that does not look like an id expected", *name);
	return 0;
}

static int complain_word(const char *key, const char *text, const char *const words[],
			 struct error *err)
{
	char field[96], allowed[200] = "";
	size_t used = 0;

	for (size_t i = 0; words[i] && used < sizeof(allowed); i++)
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
					 !i		? ""
					 : words[i + 1] ? ", "
							: " or ",
					 words[i]);
	snprintf(field, sizeof(field), "/%s", key);
	return error_set(err, "invalid_value", field, "\"%s\": %s expected", text, allowed);
}

int setting_read_word(const json_t *object, const char *key, const char *const words[],
		      unsigned *ret, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", key, 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	for (unsigned i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*ret = i;
			return 0;
		}
	}
	return complain_word(key, text, words, err);
}

/* ---- lists ---- */

static int check_item(const json_t *value, const char *key, size_t index, setting_check check,
		      struct error *err)
{
	const char *text = json_string_value(value);
	const char *problem = text ? check(text) : "text expected";
	char field[96];

	if (!problem)
		return 0;
	snprintf(field, sizeof(field), "/%s/%zu", key, index);
	return error_set(err, "invalid_value", field, "\"%.100s\": %s", text ? text : "", problem);
}

int setting_read_list(const json_t *object, const char *key, size_t max, setting_check check,
		      char **ret, struct error *err)
{
	json_t *list, *value;
	size_t i;
	int r = json_read_array(object, "", key, max, &list, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	json_array_foreach (list, i, value) {
		r = check_item(value, key, i, check, err);
		if (r)
			return r;
	}
	setting_free_list(ret);
	json_array_foreach (list, i, value)
		ret[i] = xstrdup(json_string_value(value));
	ret[i] = NULL;
	return 0;
}

void setting_copy_list(char **list)
{
	for (; *list; list++)
		*list = xstrdup(*list);
}

void setting_free_list(char **list)
{
	for (; *list; list++) {
		free(*list);
		*list = NULL;
	}
}

json_t *setting_format_list(char *const *list)
{
	json_t *array = json_array();

	for (; *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

const char *setting_check_source(const char *text)
{
	size_t len = strlen(text);

	if (len >= 1 && len <= SETTING_NAME_MAX &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len)
		return NULL;
	return "1 to 64 characters of a-z, 0-9, _ and - expected";
}

/* ---- levels, spans, times ---- */

static int level_read(const json_t *value, enum level *ret)
{
	CLEANUP_FREE char *digits = json_is_integer(value) ? json_format(value) : NULL;
	const char *word = digits ? digits : json_string_value(value);

	return word ? level_parse(word, ret) : -EINVAL;
}

int setting_read_levels(const json_t *object, const char *key, level_set *ret, struct error *err)
{
	json_t *list, *value;
	level_set levels = 0;
	char field[96];
	size_t i;
	int r = json_read_array(object, "", key, 16, &list, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	json_array_foreach (list, i, value) {
		CLEANUP_FREE char *text = json_format(value);
		enum level level;

		if (!level_read(value, &level)) {
			levels |= LEVEL_BIT(level);
			continue;
		}
		snprintf(field, sizeof(field), "/%s/%zu", key, i);
		return error_set(err, "invalid_value", field, "%.100s: " LEVEL_WORDS " expected",
				 text);
	}
	*ret = levels;
	return 0;
}

json_t *setting_format_levels(level_set levels)
{
	json_t *array = json_array();

	for (enum level level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++)
		if (level_in(levels, level))
			json_array_append_new(array, json_string(level_name(level)));
	return array;
}

json_t *setting_format_dur(dur_t d)
{
	char text[DUR_TEXT_SIZE];

	return json_string(dur_format(d, text));
}

json_t *setting_format_wall(wall_t t)
{
	char text[WALL_TEXT_SIZE];

	return wall_known(t) ? json_string(wall_format(t, text)) : json_null();
}
