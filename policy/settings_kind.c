/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settings_kind.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"

/* ---- presets ---- */

static json_t *preset_of(const struct kind_field *field)
{
	switch (field->type) {
	case KIND_TEXT:
	case KIND_LINES:
	case KIND_WORD:
		return json_string(field->preset ? field->preset : "");
	case KIND_INT:
		return json_integer(field->number);
	case KIND_BOOL:
		return json_boolean(field->number);
	case KIND_DUR:
		return setting_format_dur(field->number);
	case KIND_HEADERS:
		return json_array();
	}
	bug_on(1);
}

json_t *kind_default(enum endpoint_kind kind)
{
	json_t *settings = json_object();

	for (const struct kind_field *field = kind_fields(kind); field->key; field++)
		json_object_set_new(settings, field->key, preset_of(field));
	return settings;
}

/* ---- reading ---- */

static bool has_control(const char *text, const char *except)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 || *text == 0x7f) && !strchr(except, *text))
			return true;
	return false;
}

/* Secrets are not quoted. */
static int complain(const struct kind_field *field, const char *text, const char *problem,
		    struct error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "/%s", field->key);
	/* a URL may have a password in it */
	if (field->flags & KIND_SECRET || (strstr(text, "://") && strchr(text, '@')))
		return error_set(err, "invalid_value", name, "%s", problem);
	return error_set(err, "invalid_value", name, "\"%.100s\": %s", text, problem);
}

/* What json_read_text would quote. */
static int check_secret(const struct kind_field *field, const json_t *object, struct error *err)
{
	const json_t *value = json_object_get(object, field->key);
	char problem[64];

	if (!(field->flags & KIND_SECRET) || !value ||
	    (json_is_string(value) && json_string_length(value) <= (size_t)field->max))
		return 0;
	snprintf(problem, sizeof(problem), "text of 0 to %d bytes expected", (int)field->max);
	return complain(field, "", problem, err);
}

static int read_line(const struct kind_field *field, const json_t *object, json_t **ret,
		     struct error *err)
{
	const char *text, *problem = NULL;
	int r = check_secret(field, object, err);

	if (!r)
		r = json_read_text(object, "", field->key, 0, (size_t)field->max, &text, err);
	if (r)
		return r;
	if (field->flags & KIND_SECRET && (!*text || !strcmp(text, SETTING_SECRET)))
		return JSON_ABSENT;
	if (has_control(text, field->type == KIND_LINES ? "\t\r\n" : ""))
		problem = "control characters are not allowed";
	else if (*text && (int64_t)strlen(text) < field->min)
		problem = "too short";
	else if (*text && field->check)
		problem = field->check(text);
	if (problem)
		return complain(field, text, problem, err);
	*ret = json_string(text);
	return 0;
}

static int read_word(const struct kind_field *field, const json_t *object, json_t **ret,
		     struct error *err)
{
	char name[64], list[200] = "";
	const char *text;
	int r = json_read_text(object, "", field->key, 1, 64, &text, err);

	if (r)
		return r;
	for (const char *const *word = field->words; *word; word++) {
		size_t len = strlen(list);

		if (!strcmp(text, *word)) {
			*ret = json_string(text);
			return 0;
		}
		snprintf(list + len, sizeof(list) - len, "%s%s",
			 !len	   ? ""
			 : word[1] ? ", "
				   : " or ",
			 *word);
	}
	snprintf(name, sizeof(name), "/%s", field->key);
	return error_set(err, "invalid_value", name, "\"%s\": %s expected", text, list);
}

static int read_number(const struct kind_field *field, const json_t *object, json_t **ret,
		       struct error *err)
{
	int64_t number;
	bool flag;
	int r;

	if (field->type == KIND_INT) {
		r = json_read_int(object, "", field->key, field->min, field->max, &number, err);
		if (!r)
			*ret = json_integer(number);
	} else if (field->type == KIND_BOOL) {
		r = json_read_bool(object, "", field->key, &flag, err);
		if (!r)
			*ret = json_boolean(flag);
	} else {
		r = json_read_dur(object, "", field->key, field->min, field->max, &number, err);
		if (!r)
			*ret = setting_format_dur(number);
	}
	return r;
}

static int read_headers(const json_t *object, const json_t *settings, json_t **ret,
			struct error *err)
{
	const json_t *list = json_object_get(object, "headers");

	if (!list)
		return JSON_ABSENT;
	return kind_read_headers(list, json_object_get(settings, "headers"), ret, err);
}

static int read_field(const struct kind_field *field, const json_t *object, const json_t *settings,
		      json_t **ret, struct error *err)
{
	bool optional = field->type == KIND_TEXT || field->type == KIND_LINES;

	if (optional && json_is_null(json_object_get(object, field->key))) {
		*ret = preset_of(field);
		return 0;
	}
	switch (field->type) {
	case KIND_TEXT:
	case KIND_LINES:
		return read_line(field, object, ret, err);
	case KIND_WORD:
		return read_word(field, object, ret, err);
	case KIND_INT:
	case KIND_BOOL:
	case KIND_DUR:
		return read_number(field, object, ret, err);
	case KIND_HEADERS:
		return read_headers(object, settings, ret, err);
	}
	bug_on(1);
}

static int check_required(const struct endpoint *endpoint, struct error *err)
{
	const struct kind_field *field;

	for (field = kind_fields(endpoint->kind); field->key; field++) {
		const char *what = field->check ? field->check("") : NULL;
		char name[64];

		if (!(field->flags & KIND_REQUIRED) || *endpoint_text(endpoint, field->key))
			continue;
		snprintf(name, sizeof(name), "/%s", field->key);
		return error_set(err, "missing_field", name, "%s",
				 what ? what : "a text that is not empty expected");
	}
	return 0;
}

/* EML-07: port 465 speaks TLS from its first byte; a mode that is told wins. */
static void derive_mail_tls(const json_t *object, json_t *settings)
{
	if (json_integer_value(json_object_get(object, "port")) == 465 &&
	    !json_object_get(object, "tls"))
		json_object_set_new(settings, "tls", json_string("implicit"));
}

int kind_read(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	json_t *settings = kind_default(endpoint->kind);
	const struct kind_field *field;
	int r = 0;

	/* a field of another kind does not survive a change of the kind */
	for (field = kind_fields(endpoint->kind); r >= 0 && field->key; field++) {
		json_t *kept = json_object_get(endpoint->settings, field->key), *value = NULL;

		if (kept)
			json_object_set(settings, field->key, kept);
		r = read_field(field, object, settings, &value, err);
		if (!r)
			json_object_set_new(settings, field->key, value);
	}
	if (r < 0) {
		json_decref(settings);
		return r;
	}
	if (endpoint->kind == ENDPOINT_EMAIL)
		derive_mail_tls(object, settings);
	json_decref(endpoint->settings);
	endpoint->settings = settings;
	r = check_required(endpoint, err);
	return r ? r : kind_check(endpoint, err);
}

/* ---- writing ---- */

void kind_format(const struct endpoint *endpoint, enum kind_secrets secrets, json_t *object)
{
	const struct kind_field *field;

	for (field = kind_fields(endpoint->kind); field->key; field++) {
		json_t *value = json_object_get(endpoint->settings, field->key);

		if (secrets == KIND_MASKED && field->type == KIND_HEADERS)
			json_object_set_new(object, field->key, kind_mask_headers(value));
		else if (secrets == KIND_MASKED && field->flags & KIND_SECRET &&
			 *json_string_value(value))
			json_object_set_new(object, field->key, json_string(SETTING_SECRET));
		else
			json_object_set_new(object, field->key, json_deep_copy(value));
	}
}

/* ---- what others read ---- */

const char *endpoint_text(const struct endpoint *endpoint, const char *key)
{
	const char *text = json_string_value(json_object_get(endpoint->settings, key));

	return text ? text : "";
}

static int64_t word_index(const char *const *words, const char *text)
{
	for (int64_t i = 0; words[i]; i++)
		if (!strcmp(words[i], text))
			return i;
	return 0;
}

int64_t endpoint_number(const struct endpoint *endpoint, const char *key)
{
	const json_t *value = json_object_get(endpoint->settings, key);
	const struct kind_field *field = kind_fields(endpoint->kind);
	dur_t span = 0;

	while (field->key && strcmp(field->key, key))
		field++;
	if (!field->key || !value)
		return 0;
	switch (field->type) {
	case KIND_INT:
		return json_integer_value(value);
	case KIND_BOOL:
		return json_is_true(value);
	case KIND_WORD:
		return word_index(field->words, json_string_value(value));
	case KIND_DUR:
		dur_parse(json_string_value(value), &span);
		return span;
	default:
		return 0;
	}
}
