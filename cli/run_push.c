/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes as they are queued and settled; dead letters that go again. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/run.h"
#include "cli/table.h"

enum exit_status run_push_list(struct client *client, const struct arguments *arguments)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"CREATED", "created_at", TABLE_VALUE},
		{"PUSH", "id", TABLE_VALUE},
		{"ENDPOINT", "endpoint", TABLE_VALUE},
		{"ALERT", "alert", TABLE_VALUE},
		{"STATE", "state", TABLE_VALUE},
		{"ATTEMPTS", "attempts", TABLE_VALUE},
		{"REASON", "reason", TABLE_VALUE},
		{"ANSWER", "text", TABLE_VALUE},
		/* clang-format on */
	};
	CLEANUP_FREE char *path = run_format_list_path("pushes", arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = path ? client_get(client, path, &answer) : EXIT_USAGE;

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		table_print_list(json_object_get(answer.json, "items"), columns,
				 ARRAY_SIZE(columns), stdout);
	return EXIT_OK;
}

/* The noun says whose: one push's, or all of an endpoint's. */
enum exit_status run_replay(struct client *client, const struct arguments *arguments)
{
	bool one = !strcmp(arguments->command->noun, "push");
	CLEANUP_FREE char *piece = client_format_piece(arguments->operand);
	CLEANUP_FREE char *path = xasprintf("%s/%s/replay", one ? "pushes" : "endpoints", piece);
	CLEANUP_JSON json_t *body = json_object();
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_post(client, path, body, &answer);

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		printf("%lld sent again\n",
		       (long long)json_integer_value(json_object_get(answer.json, "replayed")));
	return EXIT_OK;
}
