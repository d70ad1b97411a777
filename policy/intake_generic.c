/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "policy/intake_generic.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

#define ALTERNATIVES_MAX 16
#define EXPRESSION_MAX	 512
#define WORDS_MAX	 512
#define PATTERN_MAX	 512
#define EXTRACTS_MAX	 16
#define SUBJECT_MAX	 4096
/* a pattern that backtracks more than this on 4 KiB of text finds nothing */
#define MATCH_STEPS 100000
#define MATCH_DEPTH 1000
#define MATCH_HEAP  1024 /* KiB */

/* What an operator can fill, by its name in the mapping and in patterns. */
#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct alert, name)                                                \
	}
static const struct {
	const char *name;
	size_t field;
} fields[] = {FIELD(policy_id),	  FIELD(policy_name), FIELD(policy_type), FIELD(object_id),
	      FIELD(object_name), FIELD(object_kind), FIELD(rule),	  FIELD(metric),
	      FIELD(value),	  FIELD(unit),	      FIELD(operator),	  FIELD(threshold),
	      FIELD(condition),	  FIELD(title),	      FIELD(text),	  FIELD(suggestion),
	      FIELD(link),	  FIELD(region),      FIELD(team),	  FIELD(user),
	      FIELD(delivery_id)};
#undef FIELD

static const struct {
	const char *name;
	enum alert_hint kind;
} hints[] = {{"address", ALERT_HINT_ADDRESS},		{"port", ALERT_HINT_PORT},
	     {"peer_address", ALERT_HINT_PEER_ADDRESS}, {"peer_port", ALERT_HINT_PEER_PORT},
	     {"protocol", ALERT_HINT_PROTOCOL},		{"vlan", ALERT_HINT_VLAN}};

/* Members that are one expression, and members that are a list of words. */
static const char *const expressions[] = {"level",   "status",	 "starts_at",
					  "ends_at", "event_at", NULL};
static const char *const words[] = {"firing", "recovered", "test", "ignored", NULL};
static const char *const pointer_lists[] = {"labels", "annotations", NULL};

static int find_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			return (int)i;
	return -1;
}

static int find_hint(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (!strcmp(hints[i].name, name))
			return (int)i;
	return -1;
}

/* ---- what an operator wrote ---- */

static int append_alternative(struct buf *buf, const json_t *value, const char *field,
			      struct error *err)
{
	const char *text = json_string_value(value);
	const char *problem = text ? value_check(text) : "text or list of texts expected";

	if (!problem && strchr(text, '|'))
		problem = "alternatives are written as a list, not with \"|\"";
	if (problem)
		return error_set(err, "invalid_value", field, "\"%.80s\": %s", text ? text : "",
				 problem);
	buf_printf(buf, "%s%s", buf->len ? "|" : "", text);
	return 0;
}

/* A text or a list of texts → an expression. */
static int read_expression(const json_t *value, const char *field, json_t **ret, struct error *err)
{
	CLEANUP_BUF struct buf buf = BUF_INIT;
	const json_t *item;
	size_t i;
	int r = 0;

	if (json_array_size(value) > ALTERNATIVES_MAX)
		return error_set(err, "invalid_value", field, "at most %d alternatives expected",
				 ALTERNATIVES_MAX);
	if (!json_is_array(value))
		r = append_alternative(&buf, value, field, err);
	json_array_foreach (value, i, item)
		if (!r)
			r = append_alternative(&buf, item, field, err);
	if (!r && buf.len > EXPRESSION_MAX)
		r = error_set(err, "invalid_value", field, "at most %d bytes expected",
			      EXPRESSION_MAX);
	if (!r)
		*ret = json_string(buf.data ? buf.data : "");
	return r;
}

/* What was saved is a text with its alternatives in it: it is taken as it is. */
static int read_kept(const json_t *value, const char *field, json_t **ret, struct error *err)
{
	const char *text = json_string_value(value);
	CLEANUP_JSON json_t *list = NULL;

	if (!text || !strchr(text, '|'))
		return read_expression(value, field, ret, err);
	list = json_array();
	while (*text) {
		size_t len = strcspn(text, "|");

		json_array_append_new(list, json_stringn(text, len));
		text += len + (text[len] == '|');
	}
	return read_expression(list, field, ret, err);
}

static void set_field_name(char field[96], const char *head, const char *key)
{
	snprintf(field, 96, "/mapping/%s%.60s", head, key);
}

static int read_members(const json_t *mapping, const char *const names[], json_t *ret,
			struct error *err)
{
	char field[96];
	int r = 0;

	for (; !r && *names; names++) {
		json_t *value = json_object_get(mapping, *names), *text = json_string("");

		set_field_name(field, "", *names);
		if (value) {
			json_decref(text);
			text = NULL;
			r = read_kept(value, field, &text, err);
		}
		json_object_set_new(ret, *names, text);
	}
	return r;
}

static int read_words(const json_t *mapping, json_t *ret, struct error *err)
{
	for (const char *const *name = words; *name; name++) {
		char field[96];
		const char *text = "";

		set_field_name(field, "", *name);
		if (json_read_text(mapping, "/mapping", *name, 0, WORDS_MAX, &text, err) < 0)
			return -EINVAL;
		json_object_set_new(ret, *name, json_string(text));
	}
	return 0;
}

/* An object whose members are in a table; `find` says so. */
static int read_table(const json_t *mapping, const char *key, int (*find)(const char *name),
		      json_t *ret, struct error *err)
{
	json_t *table = NULL, *value, *text = NULL, *kept = json_object();
	char head[32], field[96];
	const char *name;
	int r = json_read_object(mapping, "/mapping", key, &table, err);

	json_object_set_new(ret, key, kept);
	if (r)
		return r == JSON_ABSENT ? 0 : r;
	snprintf(head, sizeof(head), "%s/", key);
	json_object_foreach (table, name, value) {
		set_field_name(field, head, name);
		if (find(name) < 0)
			return error_set(err, "unknown_field", field,
					 "\"%.60s\" is none of what can be filled", name);
		r = read_kept(value, field, &text, err);
		if (r)
			return r;
		json_object_set_new(kept, name, text);
	}
	return 0;
}

static pcre2_code *compile(const char *pattern, char *problem, size_t size)
{
	PCRE2_SIZE offset;
	int code;
	pcre2_code *regex = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
					  PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset,
					  NULL);
	char message[128];

	if (regex)
		return regex;
	pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof(message));
	snprintf(problem, size, "at %zu: %s", offset, message);
	return NULL;
}

typedef int (*group_call)(void *owner, const char *name, uint32_t number);

static int each_group(const pcre2_code *regex, group_call call, void *owner)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR row;
	int r = 0;

	pcre2_pattern_info(regex, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(regex, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(regex, PCRE2_INFO_NAMETABLE, &row);
	for (uint32_t i = 0; !r && i < count; i++, row += size)
		r = call(owner, (const char *)row + 2, (uint32_t)row[0] << 8 | row[1]);
	return r;
}

static int check_group(void *owner, const char *name, uint32_t number)
{
	(void)number;
	if (find_field(name) >= 0 || find_hint(name) >= 0)
		return 0;
	snprintf(owner, 160, "group \"%.32s\" is neither a field nor a hint", name);
	return -EINVAL;
}

static int read_extract(const json_t *item, const char *field, json_t *list, struct error *err)
{
	static const char *const members[] = {"from", "pattern", NULL};
	CLEANUP_JSON json_t *from = NULL;
	char problem[160] = "";
	const char *pattern = NULL;
	pcre2_code *regex;
	int r = json_is_object(item) ? json_check_keys(item, field, members, err)
				     : error_set(err, "invalid_value", field, "object expected");

	if (!r)
		r = read_kept(json_object_get(item, "from"), field, &from, err);
	if (!r)
		r = json_read_text(item, field, "pattern", 1, PATTERN_MAX, &pattern, err);
	if (r < 0)
		return r;
	if (!pattern)
		return error_set(err, "missing_field", field, "a pattern is expected");
	regex = compile(pattern, problem, sizeof(problem));
	if (regex)
		each_group(regex, check_group, problem);
	pcre2_code_free(regex);
	if (*problem)
		return error_set(err, "invalid_value", field, "\"%.80s\": %s", pattern, problem);
	json_array_append_new(list, json_pack("{s:O, s:s}", "from", from, "pattern", pattern));
	return 0;
}

static int read_extracts(const json_t *mapping, json_t *ret, struct error *err)
{
	json_t *items = NULL, *item, *list = json_array();
	char field[96];
	size_t i;
	int r = json_read_array(mapping, "/mapping", "extract", EXTRACTS_MAX, &items, err);

	json_object_set_new(ret, "extract", list);
	json_array_foreach (items, i, item) {
		snprintf(field, sizeof(field), "/mapping/extract/%zu", i);
		if (r >= 0)
			r = read_extract(item, field, list, err);
	}
	return r < 0 ? r : 0;
}

static int read_list(const json_t *mapping, json_t *ret, struct error *err)
{
	const char *text = "";
	int r = json_read_text(mapping, "/mapping", "list", 0, EXPRESSION_MAX, &text, err);

	if (r >= 0 && *text && *text != '/')
		return error_set(err, "invalid_value", "/mapping/list",
				 "\"%.80s\": a JSON pointer like \"/alerts\" expected", text);
	json_object_set_new(ret, "list", json_string(text));
	return r < 0 ? r : 0;
}

int intake_generic_read(const json_t *mapping, json_t **ret, struct error *err)
{
	static const char *const keys[] = {"list",	  "fields",    "level",	   "status",
					   "firing",	  "recovered", "test",	   "ignored",
					   "starts_at",	  "ends_at",   "event_at", "labels",
					   "annotations", "hints",     "extract",  NULL};
	CLEANUP_JSON json_t *kept = json_object();
	int r = json_check_keys(mapping, "/mapping", keys, err);

	if (!r)
		r = read_list(mapping, kept, err);
	if (!r)
		r = read_table(mapping, "fields", find_field, kept, err);
	if (!r)
		r = read_table(mapping, "hints", find_hint, kept, err);
	if (!r)
		r = read_members(mapping, expressions, kept, err);
	if (!r)
		r = read_members(mapping, pointer_lists, kept, err);
	if (!r)
		r = read_words(mapping, kept, err);
	if (!r)
		r = read_extracts(mapping, kept, err);
	if (!r)
		*ret = take_ptr(kept);
	return r;
}

/* ---- a delivery ---- */

/* NULL where the operator wrote nothing. */
static const char *member(const json_t *mapping, const char *key)
{
	const char *text = json_string_value(json_object_get(mapping, key));

	return text && *text ? text : NULL;
}

/* The operator's table as the built-in kinds have theirs; borrows from mapping. */
static struct intake_map map_of(const json_t *mapping)
{
	struct intake_map map = {
		.level = member(mapping, "level"),
		.status = member(mapping, "status"),
		.firing = member(mapping, "firing"),
		.recovered = member(mapping, "recovered"),
		.test = member(mapping, "test"),
		.ignored = member(mapping, "ignored"),
		.starts_at = member(mapping, "starts_at"),
		.ends_at = member(mapping, "ends_at"),
		.event_at = member(mapping, "event_at"),
		.labels = member(mapping, "labels"),
		.annotations = member(mapping, "annotations"),
	};
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach (json_object_get(mapping, "fields"), name, value)
		if (json_string_length(value))
			map.fields[count++] = (struct intake_field){fields[find_field(name)].field,
								    json_string_value(value)};
	count = 0;
	json_object_foreach (json_object_get(mapping, "hints"), name, value)
		if (json_string_length(value))
			map.hints[count++] = (struct intake_hint){hints[find_hint(name)].kind,
								  json_string_value(value)};
	return map;
}

struct extraction {
	struct alert *alert;
	const char *subject;
	const PCRE2_SIZE *groups; /* pairs of offsets */
	int count;
};

static int take_group(void *owner, const char *name, uint32_t number)
{
	const struct extraction *found = owner;
	PCRE2_SIZE from, until;
	CLEANUP_FREE char *text = NULL;
	int hint = find_hint(name), field = find_field(name);

	if ((int)number >= found->count)
		return 0;
	from = found->groups[2 * number];
	until = found->groups[2 * number + 1];
	if (from == PCRE2_UNSET || until <= from)
		return 0;
	text = strndup(found->subject + from, until - from);
	if (hint >= 0)
		intake_add_hint(found->alert, hints[hint].kind, text);
	else if (field >= 0)
		intake_map_set(found->alert, fields[field].field, text);
	return 0;
}

/* Patterns are compiled when their source is made, not for each delivery: this is what is kept. */
struct intake_patterns {
	unsigned users;
	size_t count;
	pcre2_match_context *limits;
	struct {
		pcre2_code *code;
		pcre2_match_data *data;
	} items[EXTRACTS_MAX];
};

struct intake_patterns *intake_patterns_new(const json_t *mapping)
{
	const json_t *list = json_object_get(mapping, "extract"), *item;
	struct intake_patterns *patterns;
	size_t i;

	if (!json_array_size(list))
		return NULL;
	patterns = xcalloc(1, sizeof(*patterns));
	patterns->users = 1;
	patterns->limits = pcre2_match_context_create(NULL);
	bug_on(!patterns->limits || json_array_size(list) > EXTRACTS_MAX);
	pcre2_set_match_limit(patterns->limits, MATCH_STEPS);
	pcre2_set_depth_limit(patterns->limits, MATCH_DEPTH);
	pcre2_set_heap_limit(patterns->limits, MATCH_HEAP);
	json_array_foreach (list, i, item) {
		char problem[160];
		pcre2_code *code = compile(member(item, "pattern"), problem, sizeof(problem));

		bug_on(!code); /* intake_generic_read compiled it */
		patterns->items[patterns->count].code = code;
		patterns->items[patterns->count].data =
			pcre2_match_data_create_from_pattern(code, NULL);
		bug_on(!patterns->items[patterns->count++].data);
	}
	return patterns;
}

struct intake_patterns *intake_patterns_use(struct intake_patterns *patterns)
{
	if (patterns)
		patterns->users++;
	return patterns;
}

struct intake_patterns *intake_patterns_drop(struct intake_patterns *patterns)
{
	if (!patterns || --patterns->users)
		return NULL;
	for (size_t i = 0; i < patterns->count; i++) {
		pcre2_match_data_free(patterns->items[i].data);
		pcre2_code_free(patterns->items[i].code);
	}
	pcre2_match_context_free(patterns->limits);
	free(patterns);
	return NULL;
}

static void extract(struct intake_patterns *patterns, size_t i, const json_t *item,
		    const json_t *object, struct alert *alert)
{
	const char *from = member(item, "from");
	CLEANUP_FREE char *subject = from ? value_read(object, from, SUBJECT_MAX) : NULL;
	pcre2_match_data *data = patterns->items[i].data;
	struct extraction found = {.alert = alert, .subject = subject};

	if (!subject)
		return;
	found.count = pcre2_match(patterns->items[i].code, (PCRE2_SPTR)subject, strlen(subject), 0,
				  0, data, patterns->limits);
	found.groups = pcre2_get_ovector_pointer(data);
	if (found.count > 0)
		each_group(patterns->items[i].code, take_group, &found);
}

static int generic_parse(const struct intake_element *element, struct alert *alert,
			 struct error *err)
{
	const json_t *mapping = element->intake->mapping;
	struct intake_map map = map_of(mapping);
	json_t *item;
	size_t i;
	int r = intake_map_read(&map, element, alert, err);

	if (r)
		return r;
	json_array_foreach (json_object_get(mapping, "extract"), i, item)
		extract(element->intake->patterns, i, item, element->object, alert);
	if (!*alert->policy_id && !*alert->policy_name)
		return error_set(err, "missing_field", element->pointer,
				 "the mapping finds neither policy_id nor policy_name");
	return 0;
}

const struct intake_kind intake_generic_kind = {
	.name = "generic",
	.parse = generic_parse,
	.single = true,
	.lines = true,
};
