/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"

static void print_rings(const json_t *rings)
{
	static const char *const headings[] = {"NIC",  "STATE",	  "REACH",  "FROM",
					       "RING", "PACKETS", "DROPPED"};
	struct table table;
	const json_t *ring;
	size_t i;

	table_init(&table, ARRAY_SIZE(headings), headings);
	json_array_foreach (rings, i, ring) {
		table_add_member(&table, ring, "nic");
		table_add_member(&table, ring, "state");
		table_add_member(&table, ring, "reach");
		table_add_member(&table, ring, "reach_from");
		table_add_bytes(&table, ring, "ring_bytes");
		table_add_member(&table, ring, "packets");
		table_add_member(&table, ring, "drops");
	}
	table_print(&table, stdout);
	table_fini(&table);
}

enum exit_status run_status(struct client *client, const struct arguments *arguments)
{
	static const char *const members[] = {"version", "version", "state", "state",
					      "since",	 "since",   NULL};
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, "status", &answer);

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	run_print_members(answer.json, members);
	putchar('\n');
	print_rings(json_object_get(answer.json, "rings"));
	return EXIT_OK;
}
