/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <string.h>

#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"

/* Options that are the native alert's members of the same meaning. */
static const struct {
	enum option option;
	const char *key;
} members[] = {
	{OPTION_LEVEL, "level"}, {OPTION_POLICY, "policy"},	  {OPTION_OBJECT, "object"},
	{OPTION_TITLE, "title"}, {OPTION_STATUS, "status"},	  {OPTION_TEXT, "text"},
	{OPTION_RULE, "rule"},	 {OPTION_STARTS_AT, "starts_at"}, {OPTION_DELAY, "delay"},
};

static json_t *format_alert(const struct arguments *arguments)
{
	json_t *alert = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *value = arguments->values[members[i].option];

		if (!value)
			continue;
		if (json_object_set_new(alert, members[i].key, json_string(value))) {
			text_complain("--%s is not UTF-8 text",
				      option_rows[members[i].option].name);
			json_decref(alert);
			return NULL;
		}
	}
	return alert;
}

static void print_alerts(const json_t *list)
{
	static const char *const headings[] = {"AT",	 "LEVEL",  "STATUS",  "POLICY",
					       "OBJECT", "SOURCE", "OUTCOME", "ID"};
	static const char *const paths[] = {"received_at", "level",  "status",	"policy.name",
					    "object.name", "source", "outcome", "id"};
	struct table table;
	const json_t *alert;
	size_t i;

	table_init(&table, ARRAY_SIZE(headings), headings);
	json_array_foreach (list, i, alert)
		for (size_t j = 0; j < ARRAY_SIZE(paths); j++)
			table_add_member(&table, alert, paths[j]);
	table_print(&table, stdout);
	table_fini(&table);
}

/* What became of each alert in the delivery. */
static void print_outcomes(const json_t *list)
{
	static const char *const headings[] = {"OUTCOME", "ID", "FINGERPRINT"};
	struct table table;
	const json_t *alert;
	size_t i;

	table_init(&table, ARRAY_SIZE(headings), headings);
	json_array_foreach (list, i, alert) {
		table_add_member(&table, alert, "outcome");
		table_add_member(&table, alert, "id");
		table_add_member(&table, alert, "fingerprint");
	}
	table_print(&table, stdout);
	table_fini(&table);
}

enum exit_status run_alert_send(struct client *client, const struct arguments *arguments)
{
	const char *status = arguments->values[OPTION_STATUS];
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	CLEANUP_JSON json_t *alert = NULL;
	enum exit_status r;

	if (!arguments->values[OPTION_LEVEL] && (!status || strcmp(status, "recovered"))) {
		text_complain("--level LEVEL is missing; only --status recovered needs none");
		return EXIT_USAGE;
	}
	alert = format_alert(arguments);
	if (!alert)
		return EXIT_USAGE;
	r = client_post(client, "alerts", alert, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_outcomes(json_object_get(answer.json, "alerts"));
	return EXIT_OK;
}

enum exit_status run_alert_list(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *path = run_format_list_path("alerts", arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = path ? client_get(client, path, &answer) : EXIT_USAGE;

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	print_alerts(json_object_get(answer.json, "items"));
	run_print_more(answer.json);
	return EXIT_OK;
}
