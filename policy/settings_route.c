/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/route.h"
#include "policy/settings_internal.h"

#define COMMENT_MAX 1000
#define LABELS_MAX  16

static const char *const alert_policy_keys[] = {
	"name", "sender_id", "team", "tags", "level", "enabled", "sources", "endpoints", NULL,
};
static const char *const route_keys[] = {
	"name", "enabled", "position", "continue", "match", "endpoints", NULL,
};
static const char *const silence_keys[] = {
	"name", "comment", "enabled", "captures", "match", "starts_at", "ends_at", "schedule", NULL,
};

/* What the API adds to the views. */
static const char *const shown[] = {"alerts", "open", "events", "active", NULL};

static const char *const policy_levels[] = {"low", "medium", "high", NULL};

/* ---- parts ---- */

static const char *check_id(const char *text)
{
	return ident_valid(text) ? NULL : "the id or name of an existing endpoint expected";
}

static const char *check_tag(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= SETTING_NAME_MAX ? NULL : "1 to 64 bytes expected";
}

static const char *check_pattern(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= ALERT_NAME_MAX ? NULL : "1 to 256 bytes, * as wildcard, expected";
}

static int read_wall(const json_t *object, const char *key, wall_t *ret, struct error *err)
{
	int r;

	if (json_is_null(json_object_get(object, key))) {
		*ret = (wall_t){0};
		return 0;
	}
	r = json_read_wall(object, "", key, ret, err);
	return r < 0 ? r : 0;
}

/* ---- matchers ---- */

static int read_labels(json_t **labels, const json_t *match, struct error *err)
{
	json_t *object, *value;
	const char *key;
	int r = json_read_object(match, "/match", "labels", &object, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (json_object_size(object) > LABELS_MAX)
		return error_set(err, "invalid_value", "/match/labels",
				 "at most %d labels expected", LABELS_MAX);
	json_object_foreach (object, key, value)
		if (!json_is_string(value) || strlen(json_string_value(value)) > ALERT_NAME_MAX)
			return error_set(err, "invalid_value", "/match/labels",
					 "\"%.60s\": a text of up to 256 bytes, * as wildcard, "
					 "expected",
					 key);
	json_decref(*labels);
	*labels = json_deep_copy(object);
	return 0;
}

/* A matcher is replaced as a whole: what it does not name matches everything. */
static void clear_matcher(struct matcher *matcher)
{
	setting_free_list(matcher->sources);
	setting_free_list(matcher->policies);
	setting_free_list(matcher->objects);
	json_object_clear(matcher->labels);
	matcher->levels = 0;
}

static int prefix_error(int r, struct error *err)
{
	char field[sizeof(err->field)];

	if (r >= 0)
		return r;
	snprintf(field, sizeof(field), "/match%.*s", (int)sizeof(field) - 8, err->field);
	memcpy(err->field, field, sizeof(field));
	return r;
}

static int read_matcher(struct matcher *matcher, const json_t *object, struct error *err)
{
	static const char *const allowed[] = {"sources", "policies", "objects",
					      "levels",	 "labels",   NULL};
	json_t *match;
	int r = json_read_object(object, "", "match", &match, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	clear_matcher(matcher);
	r = json_check_keys(match, "/match", allowed, err);
	if (r)
		return r;
	r = setting_read_list(match, "sources", ROUTE_LIST_MAX, setting_check_source,
			      matcher->sources, err);
	if (!r)
		r = setting_read_list(match, "policies", ROUTE_LIST_MAX, check_pattern,
				      matcher->policies, err);
	if (!r)
		r = setting_read_list(match, "objects", ROUTE_LIST_MAX, check_pattern,
				      matcher->objects, err);
	if (!r)
		r = setting_read_levels(match, "levels", &matcher->levels, err);
	return r ? prefix_error(r, err) : read_labels(&matcher->labels, match, err);
}

static json_t *format_matcher(const struct matcher *matcher)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:O}", "sources",
			 setting_format_list(matcher->sources), "policies",
			 setting_format_list(matcher->policies), "objects",
			 setting_format_list(matcher->objects), "levels",
			 setting_format_levels(matcher->levels), "labels", matcher->labels);
}

static void copy_matcher(struct matcher *matcher)
{
	setting_copy_list(matcher->sources);
	setting_copy_list(matcher->policies);
	setting_copy_list(matcher->objects);
	/* deep: the copy may be read on another thread */
	matcher->labels = json_deep_copy(matcher->labels);
}

static void matcher_fini(struct matcher *matcher)
{
	clear_matcher(matcher);
	json_decref(matcher->labels);
	matcher->labels = NULL;
}

/* ---- alert policies ---- */

void alert_policy_default(struct alert_policy *policy)
{
	*policy = (struct alert_policy){
		.name = xstrdup(""),
		.sender_id = xstrdup(""),
		.team = xstrdup(""),
		.level = 1,
		.enabled = true,
	};
}

struct alert_policy *alert_policy_copy(const struct alert_policy *policy)
{
	struct alert_policy *copy = xmemdup(policy, sizeof(*policy));

	copy->name = xstrdup(policy->name);
	copy->sender_id = xstrdup(policy->sender_id);
	copy->team = xstrdup(policy->team);
	setting_copy_list(copy->tags);
	setting_copy_list(copy->sources);
	setting_copy_list(copy->endpoints);
	return copy;
}

void alert_policy_fini(struct alert_policy *policy)
{
	free(policy->name);
	free(policy->sender_id);
	free(policy->team);
	setting_free_list(policy->tags);
	setting_free_list(policy->sources);
	setting_free_list(policy->endpoints);
	policy->name = policy->sender_id = policy->team = NULL;
}

/* Words, or DeepFlow's numbers (ALR-04). */
static int read_policy_level(struct alert_policy *policy, const json_t *object, struct error *err)
{
	const json_t *value = json_object_get(object, "level");
	unsigned level = (unsigned)policy->level;
	int r = 0;

	if (json_is_integer(value)) {
		if (json_integer_value(value) < 0 || json_integer_value(value) > 2)
			return error_set(err, "invalid_value", "/level",
					 "%lld: low, medium, high, or 0 to 2 expected",
					 (long long)json_integer_value(value));
		level = (unsigned)json_integer_value(value);
	} else {
		r = setting_read_word(object, "level", policy_levels, &level, err);
	}
	policy->level = (int)level;
	return r;
}

static int read_alert_policy(struct alert_policy *policy, const json_t *object, struct error *err)
{
	int r = setting_check_keys(object, alert_policy_keys, shown, err);

	if (!r)
		r = setting_read_long_name(object, ALERT_POLICY_NAME_MAX, &policy->name, err);
	if (!r)
		r = setting_read_text(object, "sender_id", 0, ALERT_NAME_MAX, &policy->sender_id,
				      err);
	if (!r)
		r = setting_read_text(object, "team", 0, SETTING_NAME_MAX, &policy->team, err);
	if (!r)
		r = setting_read_list(object, "tags", ROUTE_LIST_MAX, check_tag, policy->tags, err);
	if (!r)
		r = read_policy_level(policy, object, err);
	if (!r)
		r = json_read_bool(object, "", "enabled", &policy->enabled, err);
	if (r >= 0)
		r = setting_read_list(object, "sources", ROUTE_LIST_MAX, setting_check_source,
				      policy->sources, err);
	if (!r)
		r = setting_read_list(object, "endpoints", ROUTE_LIST_MAX, check_id,
				      policy->endpoints, err);
	return r;
}

json_t *alert_policy_format(const struct alert_policy *policy)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:o}", "id",
			 policy->id, "version", (json_int_t)policy->version, "name", policy->name,
			 "sender_id", policy->sender_id, "team", policy->team, "tags",
			 setting_format_list(policy->tags), "level", policy_levels[policy->level],
			 "enabled", policy->enabled, "sources",
			 setting_format_list(policy->sources), "endpoints",
			 setting_format_list(policy->endpoints), "created_at",
			 setting_format_wall(policy->created_at), "updated_at",
			 setting_format_wall(policy->updated_at));
}

/* ---- routes ---- */

void alert_route_default(struct alert_route *route)
{
	*route = (struct alert_route){
		.name = xstrdup(""),
		.enabled = true,
		.position = 100,
		.goes_on = true,
		.match.labels = json_object(),
	};
}

struct alert_route *alert_route_copy(const struct alert_route *route)
{
	struct alert_route *copy = xmemdup(route, sizeof(*route));

	copy->name = xstrdup(route->name);
	copy_matcher(&copy->match);
	setting_copy_list(copy->endpoints);
	return copy;
}

void alert_route_fini(struct alert_route *route)
{
	free(route->name);
	route->name = NULL;
	matcher_fini(&route->match);
	setting_free_list(route->endpoints);
}

static int read_alert_route(struct alert_route *route, const json_t *object, struct error *err)
{
	int r = setting_check_keys(object, route_keys, shown, err);

	if (!r)
		r = setting_read_name(object, &route->name, err);
	if (!r)
		r = json_read_bool(object, "", "enabled", &route->enabled, err);
	if (r >= 0)
		r = json_read_int(object, "", "position", 0, ROUTE_POSITION_MAX, &route->position,
				  err);
	if (r >= 0)
		r = json_read_bool(object, "", "continue", &route->goes_on, err);
	if (r >= 0)
		r = read_matcher(&route->match, object, err);
	if (!r)
		r = setting_read_list(object, "endpoints", ROUTE_LIST_MAX, check_id,
				      route->endpoints, err);
	return r;
}

json_t *alert_route_format(const struct alert_route *route)
{
	return json_pack("{s:s, s:I, s:s, s:b, s:I, s:b, s:o, s:o, s:o, s:o}", "id", route->id,
			 "version", (json_int_t)route->version, "name", route->name, "enabled",
			 route->enabled, "position", (json_int_t)route->position, "continue",
			 route->goes_on, "match", format_matcher(&route->match), "endpoints",
			 setting_format_list(route->endpoints), "created_at",
			 setting_format_wall(route->created_at), "updated_at",
			 setting_format_wall(route->updated_at));
}

/* ---- silences ---- */

void silence_default(struct silence *silence)
{
	*silence = (struct silence){
		.name = xstrdup(""),
		.comment = xstrdup(""),
		.enabled = true,
		.match.labels = json_object(),
	};
}

struct silence *silence_copy(const struct silence *silence)
{
	struct silence *copy = xmemdup(silence, sizeof(*silence));

	copy->name = xstrdup(silence->name);
	copy->comment = xstrdup(silence->comment);
	copy_matcher(&copy->match);
	return copy;
}

void silence_fini(struct silence *silence)
{
	free(silence->name);
	free(silence->comment);
	silence->name = silence->comment = NULL;
	matcher_fini(&silence->match);
}

static int read_silence(struct silence *silence, const json_t *object, struct error *err)
{
	int r = setting_check_keys(object, silence_keys, shown, err);

	if (!r)
		r = setting_read_name(object, &silence->name, err);
	if (!r)
		r = setting_read_lines(object, "comment", COMMENT_MAX, &silence->comment, err);
	if (!r)
		r = json_read_bool(object, "", "enabled", &silence->enabled, err);
	if (r >= 0)
		r = json_read_bool(object, "", "captures", &silence->captures, err);
	if (r >= 0)
		r = read_matcher(&silence->match, object, err);
	if (!r)
		r = read_wall(object, "starts_at", &silence->starts_at, err);
	if (!r)
		r = read_wall(object, "ends_at", &silence->ends_at, err);
	if (!r)
		r = schedule_read(&silence->schedule, object, "schedule", err);
	if (!r && wall_known(silence->ends_at) && silence->ends_at.ns <= silence->starts_at.ns)
		r = error_set(err, "invalid_value", "/ends_at", "a time after starts_at expected");
	return r;
}

json_t *silence_format(const struct silence *silence)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 silence->id, "version", (json_int_t)silence->version, "name",
			 silence->name, "comment", silence->comment, "enabled", silence->enabled,
			 "captures", silence->captures, "match", format_matcher(&silence->match),
			 "starts_at", setting_format_wall(silence->starts_at), "ends_at",
			 setting_format_wall(silence->ends_at), "schedule",
			 schedule_format(&silence->schedule), "created_at",
			 setting_format_wall(silence->created_at), "updated_at",
			 setting_format_wall(silence->updated_at));
}

/* ---- all or nothing ---- */

#define READ_DRAFT(type, setting, object, err)                                                     \
	({                                                                                         \
		struct type *draft_ = type##_copy(setting), before_ = *(setting);                  \
		int r_ = read_##type(draft_, object, err);                                         \
		if (!r_) {                                                                         \
			*(setting) = *draft_;                                                      \
			*draft_ = before_;                                                         \
		}                                                                                  \
		type##_fini(draft_);                                                               \
		free(draft_);                                                                      \
		r_;                                                                                \
	})

int alert_policy_read(struct alert_policy *policy, const json_t *object, struct error *err)
{
	return READ_DRAFT(alert_policy, policy, object, err);
}

int alert_route_read(struct alert_route *route, const json_t *object, struct error *err)
{
	return READ_DRAFT(alert_route, route, object, err);
}

int silence_read(struct silence *silence, const json_t *object, struct error *err)
{
	return READ_DRAFT(silence, silence, object, err);
}
