/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/alloc.h"
#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"

static void print_endpoints(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"NAME", "name", TABLE_VALUE},
		{"KIND", "kind", TABLE_VALUE},
		{"ENABLED", "enabled", TABLE_VALUE},
		{"LAST RESULT", "last_result.text", TABLE_VALUE},
		{"PROBLEM", "problem", TABLE_VALUE},
		/* clang-format on */
	};

	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

enum exit_status run_endpoint_list(struct client *client, const struct arguments *arguments)
{
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, "endpoints", &answer);

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_endpoints(json_object_get(answer.json, "items"));
	return EXIT_OK;
}

/* Kinds differ in their members: all are printed. */
static void print_endpoint(const json_t *endpoint)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)endpoint, key, value) {
		CLEANUP_FREE char *text = text_format_member(endpoint, key);

		printf("%-20s  %s\n", key, text);
	}
}

enum exit_status run_endpoint_show(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *name = client_format_piece(arguments->operand);
	CLEANUP_FREE char *path = xasprintf("endpoints/%s", name);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, path, &answer);

	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_endpoint(answer.json);
	return EXIT_OK;
}

static void print_result(const json_t *result)
{
	static const char *const members[] = {
		/* clang-format off */
		"delivered", "delivered",
		"step",      "step",
		"status",    "status",
		"answer",    "text",
		"took ms",   "elapsed_ms",
		NULL,
		/* clang-format on */
	};

	run_print_members(result, members);
}

enum exit_status run_endpoint_test(struct client *client, const struct arguments *arguments)
{
	const char *message = arguments->values[OPTION_MESSAGE];
	CLEANUP_FREE char *name = client_format_piece(arguments->operand);
	CLEANUP_FREE char *path = xasprintf("endpoints/%s/test", name);
	CLEANUP_JSON json_t *body = json_object();
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r;

	if (message)
		json_object_set_new(body, "message", json_string(message));
	r = client_post(client, path, body, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_result(answer.json);
	return json_is_true(json_object_get(answer.json, "delivered")) ? EXIT_OK : EXIT_FAILED;
}
