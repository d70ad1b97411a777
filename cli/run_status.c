/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"

static void print_rings(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"NIC", "nic", TABLE_VALUE},
		{"STATE", "state", TABLE_VALUE},
		{"REACH", "reach_seconds", TABLE_SECONDS},
		{"HISTORY", "history", TABLE_VALUE},
		{"RING", "ring_bytes", TABLE_BYTES},
		{"SLICE", "slice_bytes", TABLE_BYTES},
		{"FILTER", "filter", TABLE_VALUE},
		{"PACKETS", "packets", TABLE_VALUE},
		{"KERNEL DROPS", "drops.kernel", TABLE_VALUE},
		{"NIC DROPS", "drops.nic", TABLE_VALUE},
		/* clang-format on */
	};

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_captures(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"RUNNING", "id", TABLE_VALUE},
		{"STATE", "state", TABLE_VALUE},
		{"POLICY", "policy", TABLE_VALUE},
		{"SINCE", "since", TABLE_VALUE},
		/* clang-format on */
	};

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_space(const json_t *status)
{
	const json_t *storage = json_object_get(status, "storage");
	const json_t *free_bytes = json_object_get(storage, "free_bytes");
	CLEANUP_FREE char *folder = text_format_member(storage, "captures");
	char text[TEXT_BYTES_SIZE];

	if (json_is_integer(free_bytes))
		printf("%-14s  %s free in %s\n", "space",
		       text_format_bytes((uint64_t)json_integer_value(free_bytes), text), folder);
}

enum exit_status run_status(struct client *client, const struct arguments *arguments)
{
	static const char *const members[] = {
		/* clang-format off */
		"version",       "version",
		"ready",         "ready",
		"not ready",     "not_ready",
		"started",       "started_at",
		"pushes waiting", "outbox.pending",
		"pushes dead",   "outbox.dead",
		NULL,
		/* clang-format on */
	};
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, "status", &answer);

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	run_print_members(answer.json, members);
	print_space(answer.json);
	print_rings(json_object_get(answer.json, "rings"));
	print_captures(json_object_get(answer.json, "captures"));
	run_print_problems(answer.json);
	return EXIT_OK;
}
