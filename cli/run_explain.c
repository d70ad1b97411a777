/* SPDX-License-Identifier: Apache-2.0 */
/* What would this alert do? Nothing is changed or stored. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"

static void print_programs(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"FILTER OF", "of", TABLE_VALUE},
		{"INSTRUCTIONS", "instructions", TABLE_VALUE},
		{"NOTE", "note", TABLE_VALUE},
		{"BPF", "bpf", TABLE_VALUE},
		/* clang-format on */
	};

	if (json_array_size(list))
		table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_alert(const json_t *effect)
{
	static const char *const members[] = {
		/* clang-format off */
		"level",        "alert.level",
		"status",       "alert.status",
		"policy",       "alert.policy.id",
		"object",       "alert.object.id",
		"hints",        "alert.hints",
		"outcome",      "outcome",
		"alert policy", "alert_policy.name",
		"silence",      "silence.name",
		"defaults",     "default",
		NULL,
		/* clang-format on */
	};
	static const struct table_column pushes[] = {
		/* clang-format off */
		{"ENDPOINT", "endpoint.name", TABLE_VALUE},
		{"PUSH", "push", TABLE_VALUE},
		{"REASON", "reason", TABLE_VALUE},
		/* clang-format on */
	};
	static const struct table_column switches[] = {
		/* clang-format off */
		{"PCAP POLICY", "policy.name", TABLE_VALUE},
		{"ACTION", "action", TABLE_VALUE},
		{"REASON", "reason", TABLE_VALUE},
		{"OBSTACLE", "obstacle", TABLE_VALUE},
		{"FROM", "from", TABLE_VALUE},
		/* clang-format on */
	};
	const json_t *list = json_object_get(effect, "switches"), *item;
	size_t i;

	run_print_members(effect, members);
	putchar('\n');
	table_print_list(json_object_get(effect, "pushes"), pushes, ARRAY_SIZE(pushes), stdout);
	putchar('\n');
	table_print_list(list, switches, ARRAY_SIZE(switches), stdout);
	json_array_foreach (list, i, item)
		print_programs(json_object_get(item, "programs"));
}

/* What a sender would post, from a file or standard input ("-"). */
static json_t *read_sample(const char *path)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_CLOSE int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(0);
	char piece[4096];
	ssize_t n = -1;
	json_t *sample;

	while (fd >= 0 && text.len <= JSON_BYTES_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		buf_append(&text, piece, (size_t)n);
	if (n < 0) {
		text_complain("%s: %s", path, strerrordesc_np(errno));
		return NULL;
	}
	sample = json_stringn(text.data ? text.data : "", text.len);
	if (!sample)
		text_complain("%s is not UTF-8 text", path);
	return sample;
}

static json_t *format_question(const struct arguments *arguments)
{
	const char *source = arguments->values[OPTION_SOURCE];
	const char *body = arguments->values[OPTION_BODY];
	json_t *sample;

	if (arguments->operand && !body)
		return json_pack("{s:s}", "alert", arguments->operand);
	if (arguments->operand || !body) {
		text_complain("say the id of an alert, or --body FILE with --source NAME");
		return NULL;
	}
	sample = read_sample(body);
	return sample ? json_pack("{s:s, s:o}", "source", source ? source : "native", "body",
				  sample)
		      : NULL;
}

enum exit_status run_explain(struct client *client, const struct arguments *arguments)
{
	CLEANUP_JSON json_t *question = format_question(arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = question ? client_post(client, "explain", question, &answer)
				      : EXIT_USAGE;
	const json_t *effect;
	size_t i;

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	json_array_foreach (json_object_get(answer.json, "alerts"), i, effect) {
		if (i)
			putchar('\n');
		print_alert(effect);
	}
	return EXIT_OK;
}
