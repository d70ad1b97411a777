/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/alloc.h"
#include "base/json.h"

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
