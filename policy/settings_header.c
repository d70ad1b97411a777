/* SPDX-License-Identifier: Apache-2.0 */
/* The header list of kind http. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "policy/settings_kind.h"

#define HEADERS_MAX	 64
#define HEADER_NAME_MAX	 128
#define HEADER_VALUE_MAX 4096
#define HEADER_BYTES_MAX 7900 /* all of them as lines; the courier adds its own */

/* Headers that steer the connection or that the courier writes itself (HTP-09). */
static const char *const reserved[] = {
	"host",	  "content-length", "transfer-encoding", "connection",	      "upgrade",
	"te",	  "trailer",	    "keep-alive",	 "proxy-connection",  "proxy-authorization",
	"expect", "webhook-id",	    "webhook-timestamp", "webhook-signature", "x-ringbell-attempt"};

static bool is_token(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
			return false;
	return len >= 1 && len <= HEADER_NAME_MAX;
}

static bool is_header_value(const char *text)
{
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	return strlen(text) <= HEADER_VALUE_MAX;
}

static const char *header_problem(const char *name, const char *value)
{
	if (!is_token(name))
		return "a header name of letters, digits and !#$%&'*+-.^_`|~ expected";
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (!strcasecmp(name, reserved[i]))
			return "this header belongs to the connection and cannot be set";
	if (!is_header_value(value))
		return "a value of at most 4096 bytes without control characters expected";
	return NULL;
}

static bool is_secret(const char *name)
{
	static const char *const words[] = {"token", "key", "secret", "password", "auth"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return !strcasecmp(name, "cookie");
}

static const char *text_of(const json_t *header, const char *key)
{
	return json_string_value(json_object_get(header, key));
}

/* What the masked value stands for; NULL if there is no such header yet. */
static const char *kept_secret(const json_t *present, const char *name)
{
	json_t *header;
	size_t i;

	json_array_foreach (present, i, header)
		if (!strcasecmp(name, text_of(header, "name")))
			return text_of(header, "value");
	return NULL;
}

static int add_header(const json_t *present, const json_t *item, const char *field, json_t *headers,
		      size_t *bytes, struct error *err)
{
	static const char *const allowed[] = {"name", "value", NULL};
	const char *name = NULL, *value = NULL, *problem;

	if (!json_is_object(item))
		return error_set(err, "invalid_value", field,
				 "object with name and value expected");
	if (json_check_keys(item, field, allowed, err) ||
	    json_read_text(item, field, "name", 1, HEADER_NAME_MAX, &name, err) < 0 ||
	    json_read_text(item, field, "value", 0, HEADER_BYTES_MAX, &value, err) < 0)
		return -EINVAL;
	if (!name || !value)
		return error_set(err, "missing_field", field, "name and value expected");
	problem = header_problem(name, value);
	if (problem)
		return error_set(err, "invalid_value", field, "\"%.60s\": %s", name, problem);
	if (is_secret(name) && !strcmp(value, SETTING_SECRET))
		value = kept_secret(present, name);
	if (!value)
		return error_set(err, "invalid_value", field,
				 "\"%.60s\": *** keeps a secret, but there is none yet", name);
	*bytes += strlen(name) + strlen(value) + 3;
	json_array_append_new(headers, json_pack("{s:s, s:s}", "name", name, "value", value));
	return 0;
}

int kind_read_headers(const json_t *list, const json_t *present, json_t **ret, struct error *err)
{
	CLEANUP_JSON json_t *headers = json_array();
	json_t *item;
	size_t i, bytes = 0;

	if (!json_is_array(list) || json_array_size(list) > HEADERS_MAX)
		return error_set(err, "invalid_value", "/headers",
				 "a list of at most %d headers expected", HEADERS_MAX);
	json_array_foreach (list, i, item) {
		char field[32];
		int r;

		snprintf(field, sizeof(field), "/headers/%zu", i);
		r = add_header(present, item, field, headers, &bytes, err);
		if (r)
			return r;
	}
	if (bytes > HEADER_BYTES_MAX)
		return error_set(err, "invalid_value", "/headers",
				 "%zu bytes in all, at most %d expected", bytes, HEADER_BYTES_MAX);
	*ret = take_ptr(headers);
	return 0;
}

json_t *kind_mask_headers(const json_t *headers)
{
	json_t *list = json_deep_copy(headers), *header;
	size_t i;

	json_array_foreach (list, i, header)
		if (is_secret(text_of(header, "name")))
			json_object_set_new(header, "value", json_string(SETTING_SECRET));
	return list;
}
