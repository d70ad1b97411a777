/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/alloc.h"
#include "base/json.h"
#include "cli/table.h"

static void print_holds(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"HELD BY", "kind", TABLE_VALUE},
		{"LEVEL", "level", TABLE_VALUE},
		{"SINCE", "since", TABLE_VALUE},
		{"UNTIL", "until", TABLE_VALUE},
		{"NOTE", "note", TABLE_VALUE},
		/* clang-format on */
	};

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_policy(const json_t *policy)
{
	static const char *const members[] = {
		/* clang-format off */
		"id",           "id",
		"name",         "name",
		"state",        "state",
		"veto",         "veto",
		"veto until",   "veto_until",
		"capture",      "capture",
		"nics",         "nics",
		"filter",       "filter",
		"slice",        "slice",
		"margin",       "margin",
		"lookback max", "lookback_max",
		"linger",       "linger",
		"max on",       "max_on",
		NULL,
		/* clang-format on */
	};

	run_print_members(policy, members);
	print_holds(json_object_get(policy, "holds"));
	run_print_problems(policy);
}

enum exit_status run_policy_show(struct client *client, const struct arguments *arguments)
{
	return run_object_get(client, arguments, print_policy);
}

static json_t *format_switch(const struct arguments *arguments)
{
	const char *span = arguments->values[OPTION_FOR], *note = arguments->values[OPTION_NOTE];
	json_t *body = json_object();

	if (span)
		json_object_set_new(body, "for", json_string(span));
	if (note)
		json_object_set_new(body, "note", json_string(note));
	return body;
}

enum exit_status run_policy_switch(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *name = client_format_piece(arguments->operand);
	CLEANUP_FREE char *path = xasprintf("policies/%s/%s", name, arguments->command->verb);
	CLEANUP_JSON json_t *body = format_switch(arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_post(client, path, body, &answer);

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_policy(answer.json);
	return EXIT_OK;
}
