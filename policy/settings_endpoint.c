/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_kind.h"

#define ROUTES_MAX (ARRAY_SIZE(((struct endpoint *)0)->sources) - 1)

#define CYCLE_MAX     (24 * DUR_HOUR)
#define FREQUENCY_MAX 1000000

#define COMMON_KEYS                                                                                \
	"name", "kind", "enabled", "team", "default", "sources", "alert_policies", "content",      \
		"title", "language", "cycle", "cycle_mode", "frequency", "frequency_window"
#define PUSH_KEYS COMMON_KEYS, "levels", "send_resolved"

static const char *const pcap_keys[] = {
	COMMON_KEYS, "policy", "enable_levels", "disable_levels", "literal", NULL,
};
static const char *const push_keys[] = {PUSH_KEYS, NULL};

static const char *const cycle_modes[] = {
	[CYCLE_ESCALATION] = "escalation",
	[CYCLE_LITERAL] = "literal",
	[CYCLE_STRICT] = "strict",
	NULL,
};
static const char *const languages[] = {[CONTENT_EN] = "en", [CONTENT_ZH] = "zh", NULL};

/* What the API adds to an endpoint's view. */
static const char *const shown[] = {"problem", "policy_name", "last_result",
				    "circuit", "users",	      NULL};

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
		.settings = json_object(),
	};
}

struct endpoint *endpoint_copy(const struct endpoint *endpoint)
{
	struct endpoint *copy = xmemdup(endpoint, sizeof(*endpoint));

	copy->name = xstrdup(endpoint->name);
	copy->team = xstrdup(endpoint->team);
	copy->content = xstrdup(endpoint->content);
	copy->title = xstrdup(endpoint->title);
	/* deep: the copy may be read on another thread */
	copy->settings = json_deep_copy(endpoint->settings);
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
	json_decref(endpoint->settings);
	setting_free_list(endpoint->sources);
	setting_free_list(endpoint->alert_policies);
	endpoint->name = endpoint->team = endpoint->content = endpoint->title = NULL;
	endpoint->settings = NULL;
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
	if (endpoint_kind_parse(text, &endpoint->kind))
		return error_set(err, "invalid_value", "/kind",
				 "\"%s\": pcap, http, email, kafka, syslog, slack, pagerduty, "
				 "wecom_app, wecom_robot or dingtalk expected",
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

/* ---- the whole ---- */

/* The common keys and those of the kind's table. */
static int check_keys(const struct endpoint *endpoint, const json_t *object, struct error *err)
{
	const struct kind_field *field = kind_fields(endpoint->kind);
	const char *allowed[64];
	size_t count = 0;

	if (endpoint->kind == ENDPOINT_PCAP)
		return setting_check_keys(object, pcap_keys, shown, err);
	for (const char *const *key = push_keys; *key; key++)
		allowed[count++] = *key;
	for (; field->key; field++)
		allowed[count++] = field->key;
	bug_on(count >= ARRAY_SIZE(allowed));
	allowed[count] = NULL;
	return setting_check_keys(object, allowed, shown, err);
}

static int read_all(struct endpoint *endpoint, const json_t *object, struct error *err)
{
	int r = json_is_object(object) ? read_kind(endpoint, object, err) : 0;

	if (!r)
		r = check_keys(endpoint, object, err);
	if (!r)
		r = read_common(endpoint, object, err);
	if (!r && endpoint->kind == ENDPOINT_PCAP)
		return read_pcap(endpoint, object, err);
	if (!r)
		r = read_levels(endpoint, object, err);
	return r ? r : kind_read(endpoint, object, err);
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

static void set_pcap(json_t *object, const struct endpoint *endpoint)
{
	json_object_set_new(object, "policy", json_string(endpoint->policy));
	json_object_set_new(object, "enable_levels",
			    setting_format_levels(endpoint->enable_levels));
	json_object_set_new(object, "disable_levels",
			    setting_format_levels(endpoint->disable_levels));
	json_object_set_new(object, "literal", json_boolean(endpoint->literal));
}

static void set_levels(json_t *object, const struct endpoint *endpoint)
{
	json_object_set_new(object, "levels", setting_format_levels(endpoint->levels));
	json_object_set_new(object, "send_resolved",
			    json_boolean(level_in(endpoint->levels, LEVEL_RECOVERY)));
}

static json_t *format_common(const struct endpoint *endpoint)
{
	return json_pack(
		"{s:s, s:I, s:s, s:s, s:b, s:s, s:b, s:o, s:o, s:s, s:s, s:s, s:o, s:s, "
		"s:I, s:o, s:o, s:o}",
		"id", endpoint->id, "version", (json_int_t)endpoint->version, "name",
		endpoint->name, "kind", endpoint_kind_name(endpoint->kind), "enabled",
		endpoint->enabled, "team", endpoint->team, "default", endpoint->is_default,
		"sources", setting_format_list(endpoint->sources), "alert_policies",
		setting_format_list(endpoint->alert_policies), "content", endpoint->content,
		"title", endpoint->title, "language", languages[endpoint->language], "cycle",
		setting_format_dur(endpoint->cycle), "cycle_mode",
		cycle_modes[endpoint->cycle_mode], "frequency", (json_int_t)endpoint->frequency,
		"frequency_window", setting_format_dur(endpoint->frequency_window), "created_at",
		setting_format_wall(endpoint->created_at), "updated_at",
		setting_format_wall(endpoint->updated_at));
}

static json_t *endpoint_format_with(const struct endpoint *endpoint, enum kind_secrets secrets)
{
	json_t *object = format_common(endpoint);

	if (endpoint->kind == ENDPOINT_PCAP) {
		set_pcap(object, endpoint);
		return object;
	}
	set_levels(object, endpoint);
	kind_format(endpoint, secrets, object);
	return object;
}

json_t *endpoint_format(const struct endpoint *endpoint)
{
	return endpoint_format_with(endpoint, KIND_MASKED);
}

json_t *endpoint_format_full(const struct endpoint *endpoint)
{
	return endpoint_format_with(endpoint, KIND_SHOWN);
}

bool endpoint_takes_alerts(const struct endpoint *endpoint)
{
	return endpoint->kind != ENDPOINT_KAFKA ||
	       strcmp(endpoint_text(endpoint, "records"), "captures") != 0;
}

bool endpoint_takes_captures(const struct endpoint *endpoint)
{
	const char *records = endpoint_text(endpoint, "records");

	return endpoint->kind == ENDPOINT_KAFKA && *records && strcmp(records, "alerts") != 0;
}
