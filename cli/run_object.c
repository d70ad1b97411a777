/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for all kinds of objects: the noun's table says what differs. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"

static const struct kind {
	const char *noun;
	const char *path;
	struct table_column columns[TABLE_COLUMNS_MAX + 1];
} kinds[] = {
	/* clang-format off */
	{"policy", "policies", {
		{"NAME", "name", TABLE_VALUE}, {"STATE", "state", TABLE_VALUE},
		{"VETO", "veto", TABLE_VALUE}, {"NICS", "nics", TABLE_VALUE},
		{"FILTER", "filter", TABLE_VALUE}, {"CAPTURE", "capture", TABLE_VALUE}}},
	{"endpoint", "endpoints", {
		{"NAME", "name", TABLE_VALUE}, {"KIND", "kind", TABLE_VALUE},
		{"ENABLED", "enabled", TABLE_VALUE}, {"LAST RESULT", "last_result.text", TABLE_VALUE},
		{"PROBLEM", "problem", TABLE_VALUE}}},
	{"route", "routes", {
		{"POSITION", "position", TABLE_VALUE}, {"NAME", "name", TABLE_VALUE},
		{"ENABLED", "enabled", TABLE_VALUE}, {"SOURCES", "match.sources", TABLE_VALUE},
		{"POLICIES", "match.policies", TABLE_VALUE}, {"OBJECTS", "match.objects", TABLE_VALUE},
		{"LEVELS", "match.levels", TABLE_VALUE}, {"CONTINUE", "continue", TABLE_VALUE}}},
	{"silence", "silences", {
		{"NAME", "name", TABLE_VALUE}, {"ACTIVE", "active", TABLE_VALUE},
		{"UNTIL", "ends_at", TABLE_VALUE}, {"CAPTURES", "captures", TABLE_VALUE},
		{"POLICIES", "match.policies", TABLE_VALUE}, {"OBJECTS", "match.objects", TABLE_VALUE},
		{"COMMENT", "comment", TABLE_VALUE}}},
	{"alert-policy", "alert-policies", {
		{"NAME", "name", TABLE_VALUE}, {"LEVEL", "level", TABLE_VALUE},
		{"ENABLED", "enabled", TABLE_VALUE}, {"OPEN", "open", TABLE_VALUE},
		{"TEAM", "team", TABLE_VALUE}}},
	/* clang-format on */
};

static const struct kind *kind_of(const struct arguments *arguments)
{
	size_t i = 0;

	while (strcmp(kinds[i].noun, arguments->command->noun) != 0)
		i++;
	return &kinds[i];
}

static char *format_path(const struct arguments *arguments)
{
	CLEANUP_FREE char *name = client_format_piece(arguments->operand);

	return xasprintf("%s/%s", kind_of(arguments)->path, name);
}

void run_print_object(const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		CLEANUP_FREE char *text = text_format_member(object, key);

		printf("%-20s  %s\n", key, text);
	}
}

enum exit_status run_object_list(struct client *client, const struct arguments *arguments)
{
	const struct kind *kind = kind_of(arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, kind->path, &answer);
	size_t count = 0;

	if (r)
		return r;
	while (kind->columns[count].heading)
		count++;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		table_print_list(json_object_get(answer.json, "items"), kind->columns, count,
				 stdout);
	return EXIT_OK;
}

enum exit_status run_object_get(struct client *client, const struct arguments *arguments,
				void (*print)(const json_t *object))
{
	CLEANUP_FREE char *path = format_path(arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, path, &answer);

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print(answer.json);
	return EXIT_OK;
}

enum exit_status run_object_show(struct client *client, const struct arguments *arguments)
{
	return run_object_get(client, arguments, run_print_object);
}

enum exit_status run_object_remove(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *path = format_path(arguments);

	return client_delete(client, path);
}

/* ---- add ---- */

/* False: complained. */
static bool set_match(json_t *object, const struct arguments *arguments)
{
	json_t *match = json_object();

	json_object_set_new(object, "match", match);
	if (!run_set_list(match, "sources", arguments->values[OPTION_SOURCE]) ||
	    !run_set_list(match, "policies", arguments->values[OPTION_POLICY]) ||
	    !run_set_list(match, "objects", arguments->values[OPTION_OBJECT]) ||
	    !run_set_list(match, "levels", arguments->values[OPTION_LEVEL]))
		return false;
	if (json_object_size(match) || strcmp(arguments->command->noun, "silence") != 0)
		return true;
	text_complain("a silence of everything is meant? Then say so: --policy '*'");
	return false;
}

/* From now on. Returns false if it is none. */
static bool set_end(json_t *object, const char *text)
{
	char end[WALL_TEXT_SIZE];
	dur_t span;

	if (!text)
		return true;
	if (dur_parse(text, &span) || span <= 0) {
		text_complain("--for \"%s\" is no span like 30m or 2h", text);
		return false;
	}
	json_object_set_new(object, "ends_at",
			    json_string(wall_format(wall_add(wall_now(), span), end)));
	return true;
}

/* False: complained. */
static bool set_members(json_t *object, const struct arguments *arguments)
{
	const char *note = arguments->values[OPTION_NOTE], *team = arguments->values[OPTION_TEAM];
	const char *level = arguments->values[OPTION_LEVEL];

	if (team)
		json_object_set_new(object, "team", json_string(team));
	if (note)
		json_object_set_new(object, "comment", json_string(note));
	if (arguments->values[OPTION_CAPTURES])
		json_object_set_new(object, "captures", json_true());
	if (arguments->values[OPTION_CONTINUE])
		json_object_set_new(object, "continue", json_true());
	if (!run_set_list(object, "endpoints", arguments->values[OPTION_ENDPOINT]) ||
	    !set_end(object, arguments->values[OPTION_FOR]))
		return false;
	if (strcmp(arguments->command->noun, "alert-policy") != 0)
		return set_match(object, arguments);
	if (level)
		json_object_set_new(object, "level", json_string(level));
	return true;
}

/* NULL = complained. */
static json_t *format_object(const struct arguments *arguments)
{
	json_t *object = json_pack("{s:s}", "name", arguments->operand);

	if (object && set_members(object, arguments))
		return object;
	if (!object)
		text_complain("NAME is not UTF-8 text");
	json_decref(object);
	return NULL;
}

enum exit_status run_object_add(struct client *client, const struct arguments *arguments)
{
	CLEANUP_JSON json_t *object = format_object(arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = object ? client_post(client, kind_of(arguments)->path, object, &answer)
				    : EXIT_USAGE;

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		run_print_object(answer.json);
	return EXIT_OK;
}
