/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "policy/settings_internal.h"

#define ENDPOINT_URL_MAX     2047 /* what a courier's message carries */
#define ENDPOINT_HEADERS_MAX 64
#define HEADER_NAME_MAX	     128
#define HEADER_VALUE_MAX     4096
#define HEADER_BYTES_MAX     7900 /* all of them as lines; the courier adds its own */
#define TIMEOUT_MAX	     (60 * DUR_S)
#define ROUTES_MAX	     (ARRAY_SIZE(((struct endpoint *)0)->sources) - 1)

#define CYCLE_MAX     (24 * DUR_HOUR)
#define FREQUENCY_MAX 1000000

#define COMMON_KEYS                                                                                \
	"name", "kind", "enabled", "team", "default", "sources", "alert_policies", "content",      \
		"title", "language", "cycle", "cycle_mode", "frequency", "frequency_window"
#define PUSH_KEYS COMMON_KEYS, "levels", "send_resolved"

static const char *const pcap_keys[] = {
	COMMON_KEYS, "policy", "enable_levels", "disable_levels", "literal", NULL,
};
static const char *const http_keys[] = {
	PUSH_KEYS, "url", "method", "headers", "timeout", NULL,
};

static const char *const cycle_modes[] = {
	[CYCLE_ESCALATION] = "escalation",
	[CYCLE_LITERAL] = "literal",
	[CYCLE_STRICT] = "strict",
	NULL,
};
static const char *const languages[] = {[CONTENT_EN] = "en", [CONTENT_ZH] = "zh", NULL};

/* What the API adds to an endpoint's view. */
static const char *const shown[] = {"problem", "policy_name", NULL};

/* Headers that steer the connection or that the courier writes itself (HTP-09). */
static const char *const reserved[] = {
	"host",	  "content-length", "transfer-encoding", "connection",	      "upgrade",
	"te",	  "trailer",	    "keep-alive",	 "proxy-connection",  "proxy-authorization",
	"expect", "webhook-id",	    "webhook-timestamp", "x-ringbell-attempt"};

void endpoint_default(struct endpoint *endpoint)
{
	*endpoint = (struct endpoint){
		.name = xstrdup(""),
		.team = xstrdup(""),
		.content = xstrdup(""),
		.title = xstrdup(""),
		.kind = ENDPOINT_PCAP,
		.enabled = true,
		.is_default = true,
		.cycle = 5 * DUR_MIN,
		.enable_levels = LEVELS_ENABLE_DEFAULT,
		.disable_levels = LEVELS_DISABLE_DEFAULT,
		.levels = LEVELS_PUSH_DEFAULT,
		.url = xstrdup(""),
		.method = xstrdup("POST"),
		.headers = json_array(),
		.timeout = 10 * DUR_S,
	};
}

struct endpoint *endpoint_copy(const struct endpoint *endpoint)
{
	struct endpoint *copy = xmemdup(endpoint, sizeof(*endpoint));

	copy->name = xstrdup(endpoint->name);
	copy->team = xstrdup(endpoint->team);
	copy->content = xstrdup(endpoint->content);
	copy->title = xstrdup(endpoint->title);
	copy->url = xstrdup(endpoint->url);
	copy->method = xstrdup(endpoint->method);
	/* deep: the copy may be read on another thread */
	copy->headers = json_deep_copy(endpoint->headers);
	setting_copy_list(copy->sources);
	setting_copy_list(copy->alert_policies);
	return copy;
}

void endpoint_fini(struct endpoint *endpoint)
{
	free(endpoint->name);
	free(endpoint->team);
	free(endpoint->content);
	free(endpoint->title);
	free(endpoint->url);
	free(endpoint->method);
	json_decref(endpoint->headers);
	setting_free_list(endpoint->sources);
	setting_free_list(endpoint->alert_policies);
	endpoint->name = endpoint->team = endpoint->content = endpoint->title = NULL;
	endpoint->url = endpoint->method = NULL;
	endpoint->headers = NULL;
}

/* ---- common members ---- */

static const char *check_pattern(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= ALERT_NAME_MAX ? NULL : "1 to 256 bytes, * as wildcard, expected";
}

static int read_kind(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "kind", 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (!strcmp(text, "pcap"))
		endpoint->kind = ENDPOINT_PCAP;
	else if (!strcmp(text, "http"))
		endpoint->kind = ENDPOINT_HTTP;
	else
		return error_set(err, "invalid_value", "/kind", "\"%s\": pcap or http expected",
				 text);
	return 0;
}

static int read_cycle_mode(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	unsigned mode = endpoint->cycle_mode;
	int r = setting_read_word(object, "cycle_mode", cycle_modes, &mode, err);

	endpoint->cycle_mode = (enum cycle_mode)mode;
	return r;
}

static int read_content(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	unsigned language = endpoint->language;
	int r = setting_read_lines(object, "content", ENDPOINT_CONTENT_MAX, &endpoint->content,
				   err);

	if (!r)
		r = setting_read_text(object, "title", 0, ENDPOINT_TITLE_MAX, &endpoint->title,
				      err);
	if (!r)
		r = setting_read_word(object, "language", languages, &language, err);
	endpoint->language = (enum content_language)language;
	return r;
}

static int read_limits(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int64_t frequency = endpoint->frequency;
	int r = json_read_dur(object, "", "cycle", 0, CYCLE_MAX, &endpoint->cycle, err);

	if (r >= 0 && endpoint->cycle && endpoint->cycle < DUR_S)
		return error_set(err, "invalid_value", "/cycle",
				 "1s to 24h, or 0s for no limit, expected");
	if (r >= 0)
		r = read_cycle_mode(endpoint, object, err);
	if (r >= 0)
		r = json_read_int(object, "", "frequency", 0, FREQUENCY_MAX, &frequency, err);
	if (r >= 0)
		r = json_read_dur(object, "", "frequency_window", 0, 30 * CYCLE_MAX,
				  &endpoint->frequency_window, err);
	endpoint->frequency = (uint32_t)frequency;
	return r < 0 ? r : 0;
}

static int read_association(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = json_read_bool(object, "", "default", &endpoint->is_default, err);

	if (r >= 0)
		r = setting_read_list(object, "sources", ROUTES_MAX, setting_check_source,
				      endpoint->sources, err);
	if (!r)
		r = setting_read_list(object, "alert_policies", ROUTES_MAX, check_pattern,
				      endpoint->alert_policies, err);
	return r;
}

static int read_common(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = setting_read_name(object, &endpoint->name, err);

	if (!r)
		r = json_read_bool(object, "", "enabled", &endpoint->enabled, err);
	if (r >= 0)
		r = setting_read_text(object, "team", 0, SETTING_NAME_MAX, &endpoint->team, err);
	if (!r)
		r = read_content(endpoint, object, err);
	if (!r)
		r = read_association(endpoint, object, err);
	return r ? r : read_limits(endpoint, object, err);
}

/* "send_resolved" is another word for recovery in "levels": together they must agree. */
static int read_levels(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	bool has_levels = json_object_get(object, "levels");
	bool resolved;
	int r = setting_read_levels(object, "levels", &endpoint->levels, err);

	if (!r)
		r = json_read_bool(object, "", "send_resolved", &resolved, err);
	if (r < 0)
		return r;
	if (!r && has_levels && resolved != level_in(endpoint->levels, LEVEL_RECOVERY))
		return error_set(err, "invalid_value", "/send_resolved",
				 "%s, but \"recovery\" is %sin levels: leave one of them out",
				 resolved ? "true" : "false", resolved ? "not " : "");
	if (!r && resolved)
		endpoint->levels |= LEVEL_BIT(LEVEL_RECOVERY);
	else if (!r)
		endpoint->levels &= ~LEVEL_BIT(LEVEL_RECOVERY);
	if (!endpoint->levels && endpoint->enabled)
		return error_set(err, "invalid_value", "/levels",
				 "empty: at least one level expected, or \"enabled\": false");
	return 0;
}

/* ---- kind pcap ---- */

static int read_policy(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "policy", 1, IDENT_SIZE - 1, &text, err);

	if (!r)
		snprintf(endpoint->policy, sizeof(endpoint->policy), "%s", text);
	if (r < 0)
		return r;
	if (!endpoint->policy[0])
		return error_set(err, "missing_field", "/policy",
				 "the id or name of a PCAP policy expected");
	return 0;
}

static int check_level_sets(const struct endpoint *endpoint, struct error *err)
{
	level_set both = endpoint->enable_levels & endpoint->disable_levels;

	if (!endpoint->enable_levels)
		return error_set(err, "invalid_value", "/enable_levels",
				 "empty: at least one level that switches capturing on expected");
	if (both)
		return error_set(err, "invalid_value", "/disable_levels",
				 "\"%s\" is in enable_levels too: a level can be in one of them",
				 level_name((enum level)__builtin_ctz(both)));
	return 0;
}

static int read_pcap(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = read_policy(endpoint, object, err);

	if (!r)
		r = setting_read_levels(object, "enable_levels", &endpoint->enable_levels, err);
	if (!r)
		r = setting_read_levels(object, "disable_levels", &endpoint->disable_levels, err);
	if (!r)
		r = json_read_bool(object, "", "literal", &endpoint->literal, err);
	return r < 0 ? r : check_level_sets(endpoint, err);
}

/* ---- kind http ---- */

static int complain_url(const char *text, const char *allowed, struct error *err)
{
	return error_set(err, "invalid_value", "/url", "\"%.150s\": %s expected", text, allowed);
}

static bool port_is_valid(const char *text, size_t len)
{
	unsigned port = 0;

	if (len < 1 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* "host", "host:port", "[v6]", "[v6]:port" of len bytes. */
static bool authority_is_valid(const char *text, size_t len)
{
	size_t host = 0;

	if (len && text[0] == '[') {
		host = strspn(text + 1, "0123456789abcdefABCDEF:.") + 1;
		if (host < 3 || host >= len || text[host] != ']')
			return false;
		host++;
	} else {
		while (host < len && text[host] != ':')
			host++;
	}
	if (!host || memchr(text, '\\', host))
		return false;
	return host == len || (text[host] == ':' && port_is_valid(text + host + 1, len - host - 1));
}

static int check_url(const char *url, struct error *err)
{
	const char *authority = NULL;
	size_t len;

	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return error_set(err, "invalid_value", "/url",
					 "a URL without blanks, control characters and bytes "
					 "beyond ASCII expected (encode them as %%XX)");
	if (!strncasecmp(url, "http://", 7))
		authority = url + 7;
	else if (!strncasecmp(url, "https://", 8))
		authority = url + 8;
	if (!authority)
		return complain_url(url, "a URL that begins with http:// or https://", err);
	len = strcspn(authority, "/?#");
	if (memchr(authority, '@', len)) /* the text is not quoted: it has a password */
		return error_set(err, "invalid_value", "/url",
				 "a URL without user and password expected; set the header "
				 "Authorization instead, which is kept secret");
	if (!authority_is_valid(authority, len))
		return complain_url(url, "a host and an optional port from 1 to 65535", err);
	return 0;
}

static int read_url(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "url", 1, ENDPOINT_URL_MAX, &text, err);

	if (r < 0)
		return r;
	if (!r) {
		if (check_url(text, err))
			return -EINVAL;
		setting_set(&endpoint->url, text);
	}
	if (!endpoint->url[0])
		return error_set(err, "missing_field", "/url", "an http or https URL expected");
	return 0;
}

static int read_method(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "method", 1, 16, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (strcmp(text, "POST") && strcmp(text, "PUT") && strcmp(text, "PATCH"))
		return error_set(err, "invalid_value", "/method",
				 "\"%s\": POST, PUT or PATCH expected", text);
	setting_set(&endpoint->method, text);
	return 0;
}

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
	static const char *const words[] = {"token", "key", "secret", "password"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return !strcasecmp(name, "authorization") || !strcasecmp(name, "cookie");
}

/* What the masked value stands for; NULL if the endpoint has no such header. */
static const char *kept_secret(const struct endpoint *endpoint, const char *name)
{
	json_t *pair;
	size_t i;

	json_array_foreach (endpoint->headers, i, pair)
		if (!strcasecmp(name, json_string_value(json_array_get(pair, 0))))
			return json_string_value(json_array_get(pair, 1));
	return NULL;
}

static int add_header(const struct endpoint *endpoint, const json_t *item, const char *field,
		      json_t *headers, size_t *bytes, struct error *err)
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
		value = kept_secret(endpoint, name);
	if (!value)
		return error_set(err, "invalid_value", field,
				 "\"%.60s\": *** keeps a secret, but there is none yet", name);
	*bytes += strlen(name) + strlen(value) + 3;
	json_array_append_new(headers, json_pack("[s, s]", name, value));
	return 0;
}

static int read_headers(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	CLEANUP_JSON json_t *headers = json_array();
	json_t *list, *item;
	size_t i, bytes = 0;
	int r = json_read_array(object, "", "headers", ENDPOINT_HEADERS_MAX, &list, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	json_array_foreach (list, i, item) {
		char field[32];

		snprintf(field, sizeof(field), "/headers/%zu", i);
		r = add_header(endpoint, item, field, headers, &bytes, err);
		if (r)
			return r;
	}
	if (bytes > HEADER_BYTES_MAX)
		return error_set(err, "invalid_value", "/headers",
				 "%zu bytes in all, at most %d expected", bytes, HEADER_BYTES_MAX);
	json_decref(endpoint->headers);
	endpoint->headers = take_ptr(headers);
	return 0;
}

static int read_http(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = read_url(endpoint, object, err);

	if (!r)
		r = read_method(endpoint, object, err);
	if (!r)
		r = read_headers(endpoint, object, err);
	if (!r)
		r = json_read_dur(object, "", "timeout", DUR_S, TIMEOUT_MAX, &endpoint->timeout,
				  err);
	return r < 0 ? r : 0;
}

/* ---- the whole ---- */

static int read_all(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = json_is_object(object) ? read_kind(endpoint, object, err) : 0;

	if (!r)
		r = setting_check_keys(object,
				       endpoint->kind == ENDPOINT_PCAP ? pcap_keys : http_keys,
				       shown, err);
	if (!r)
		r = read_common(endpoint, object, err);
	if (!r && endpoint->kind != ENDPOINT_PCAP)
		r = read_levels(endpoint, object, err);
	if (!r)
		r = endpoint->kind == ENDPOINT_PCAP ? read_pcap(endpoint, object, err)
						    : read_http(endpoint, object, err);
	return r;
}

int endpoint_read(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	CLEANUP_FREE struct endpoint *draft = endpoint_copy(endpoint);
	struct endpoint before = *endpoint;
	int r = read_all(draft, object, err);

	if (!r) {
		*endpoint = *draft;
		*draft = before;
	}
	endpoint_fini(draft);
	return r;
}

enum secrets {
	SECRETS_MASKED,
	SECRETS_SHOWN,
};

static json_t *format_headers(const struct endpoint *endpoint, enum secrets secrets)
{
	json_t *list = json_array(), *pair;
	size_t i;

	json_array_foreach (endpoint->headers, i, pair) {
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (secrets == SECRETS_MASKED && is_secret(name))
			value = SETTING_SECRET;
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "value", value));
	}
	return list;
}

static void set_pcap(json_t *object, const struct endpoint *endpoint)
{
	json_object_set_new(object, "policy", json_string(endpoint->policy));
	json_object_set_new(object, "enable_levels",
			    setting_format_levels(endpoint->enable_levels));
	json_object_set_new(object, "disable_levels",
			    setting_format_levels(endpoint->disable_levels));
	json_object_set_new(object, "literal", json_boolean(endpoint->literal));
}

static void set_http(json_t *object, const struct endpoint *endpoint, enum secrets secrets)
{
	json_object_set_new(object, "url", json_string(endpoint->url));
	json_object_set_new(object, "method", json_string(endpoint->method));
	json_object_set_new(object, "headers", format_headers(endpoint, secrets));
	json_object_set_new(object, "timeout", setting_format_dur(endpoint->timeout));
}

static void set_levels(json_t *object, const struct endpoint *endpoint)
{
	json_object_set_new(object, "levels", setting_format_levels(endpoint->levels));
	json_object_set_new(object, "send_resolved",
			    json_boolean(level_in(endpoint->levels, LEVEL_RECOVERY)));
}

static json_t *format_common(const struct endpoint *endpoint)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:b, s:s, s:b, s:o, s:o, s:s, s:s, s:s, s:o, s:s, "
			 "s:I, s:o, s:o, s:o}",
			 "id", endpoint->id, "version", (json_int_t)endpoint->version, "name",
			 endpoint->name, "kind", endpoint->kind == ENDPOINT_PCAP ? "pcap" : "http",
			 "enabled", endpoint->enabled, "team", endpoint->team, "default",
			 endpoint->is_default, "sources", setting_format_list(endpoint->sources),
			 "alert_policies", setting_format_list(endpoint->alert_policies), "content",
			 endpoint->content, "title", endpoint->title, "language",
			 languages[endpoint->language], "cycle",
			 setting_format_dur(endpoint->cycle), "cycle_mode",
			 cycle_modes[endpoint->cycle_mode], "frequency",
			 (json_int_t)endpoint->frequency, "frequency_window",
			 setting_format_dur(endpoint->frequency_window), "created_at",
			 setting_format_wall(endpoint->created_at), "updated_at",
			 setting_format_wall(endpoint->updated_at));
}

static json_t *endpoint_format_with(const struct endpoint *endpoint, enum secrets secrets)
{
	json_t *object = format_common(endpoint);

	if (endpoint->kind == ENDPOINT_PCAP) {
		set_pcap(object, endpoint);
		return object;
	}
	set_levels(object, endpoint);
	set_http(object, endpoint, secrets);
	return object;
}

json_t *endpoint_format(const struct endpoint *endpoint)
{
	return endpoint_format_with(endpoint, SECRETS_MASKED);
}

json_t *endpoint_format_full(const struct endpoint *endpoint)
{
	return endpoint_format_with(endpoint, SECRETS_SHOWN);
}
