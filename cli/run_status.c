/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/alloc.h"
#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"

/* How far back history goes, as people say it. */
static char *format_reach(const json_t *ring)
{
	double seconds = json_number_value(json_object_get(ring, "reach_seconds"));
	char text[DUR_TEXT_SIZE];

	if (!json_is_number(json_object_get(ring, "reach_seconds")))
		return xstrdup("-");
	if (seconds < 10)
		return xasprintf("%.1fs", seconds);
	return xstrdup(dur_format((dur_t)seconds * DUR_S, text));
}

static void print_rings(const json_t *rings)
{
	static const char *const headings[] = {"NIC",  "STATE",	  "REACH",	  "HISTORY",
					       "RING", "PACKETS", "KERNEL DROPS", "NIC DROPS"};
	struct table table;
	const json_t *ring;
	size_t i;

	table_init(&table, ARRAY_SIZE(headings), headings);
	json_array_foreach (rings, i, ring) {
		table_add_member(&table, ring, "nic");
		table_add_member(&table, ring, "state");
		table_put(&table, format_reach(ring));
		table_add_member(&table, ring, "history");
		table_add_bytes(&table, ring, "ring_bytes");
		table_add_member(&table, ring, "packets");
		table_add_member(&table, ring, "drops.kernel");
		table_add_member(&table, ring, "drops.nic");
	}
	putchar('\n');
	table_print(&table, stdout);
	table_fini(&table);
}

static void print_captures(const json_t *captures)
{
	static const char *const headings[] = {"RUNNING", "STATE", "POLICY", "SINCE"};
	struct table table;
	const json_t *capture;
	size_t i;

	if (!json_array_size(captures))
		return;
	table_init(&table, ARRAY_SIZE(headings), headings);
	json_array_foreach (captures, i, capture) {
		table_add_member(&table, capture, "id");
		table_add_member(&table, capture, "state");
		table_add_member(&table, capture, "policy");
		table_add_member(&table, capture, "since");
	}
	putchar('\n');
	table_print(&table, stdout);
	table_fini(&table);
}

static void print_problems(const json_t *problems)
{
	const json_t *problem;
	size_t i;

	if (json_array_size(problems))
		putchar('\n');
	json_array_foreach (problems, i, problem) {
		CLEANUP_FREE char *object = text_format_member(problem, "object");
		CLEANUP_FREE char *name = text_format_member(problem, "name");
		CLEANUP_FREE char *text = text_format_member(problem, "problem");

		printf("problem: %s \"%s\": %s\n", object, name, text);
	}
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
	print_problems(json_object_get(answer.json, "problems"));
	return EXIT_OK;
}
