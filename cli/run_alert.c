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
	static const struct table_column columns[] = {
		/* clang-format off */
		{"AT", "received_at", TABLE_VALUE},
		{"LEVEL", "level", TABLE_VALUE},
		{"STATUS", "status", TABLE_VALUE},
		{"POLICY", "policy.name", TABLE_VALUE},
		{"OBJECT", "object.name", TABLE_VALUE},
		{"SOURCE", "source", TABLE_VALUE},
		{"OUTCOME", "outcome", TABLE_VALUE},
		{"ID", "id", TABLE_VALUE},
		/* clang-format on */
	};

	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

/* What became of each alert in the delivery. */
static void print_outcomes(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"OUTCOME", "outcome", TABLE_VALUE},
		{"ID", "id", TABLE_VALUE},
		{"FINGERPRINT", "fingerprint", TABLE_VALUE},
		/* clang-format on */
	};

	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
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
