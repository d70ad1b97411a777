/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/doctor.h"
#include "cli/text.h"

static void print_check(const json_t *check)
{
	CLEANUP_FREE char *name = text_format_member(check, "check");
	CLEANUP_FREE char *object = text_format_member(check, "object");
	CLEANUP_FREE char *level = text_format_member(check, "level");
	CLEANUP_FREE char *finding = text_format_member(check, "finding");
	CLEANUP_FREE char *advice = text_format_member(check, "advice");
	const char *which = strcmp(object, "-") ? object : "";

	printf("%-4s  %s%s%s: %s\n", level, name, *which ? " " : "", which, finding);
	if (strcmp(advice, "-"))
		printf("      %s\n", advice);
}

static void print_report(const struct doctor *doctor, const struct arguments *arguments)
{
	static const char *const levels[] = {"ok", "warn", "fail"};
	const json_t *check;
	size_t i;

	if (run_wants_json(arguments)) {
		CLEANUP_JSON json_t *report = json_pack(
			"{s:s, s:O}", "level", levels[doctor->worst], "checks", doctor->checks);
		CLEANUP_FREE char *text = json_format(report);

		puts(text);
		return;
	}
	json_array_foreach (doctor->checks, i, check)
		print_check(check);
}

/* Is the probe this machine? Then its processes are ours to look at. */
static int is_here(const struct arguments *arguments)
{
	static const char *const hosts[] = {"//localhost", "//127.", "//[::1]"};
	const char *server = arguments->values[OPTION_SERVER];

	for (size_t i = 0; server && i < ARRAY_SIZE(hosts); i++)
		if (strstr(server, hosts[i]))
			return 1;
	return !server;
}

/* What the probe says of itself. Each list that cannot be had is a check that failed. */
static void check_probe(struct doctor *doctor, struct client *client, const json_t *status)
{
	static const struct {
		const char *path;
		void (*check)(struct doctor *doctor, const json_t *list);
	} lists[] = {
		{"endpoints", doctor_check_endpoints},
		{"alerts?open=true&source=ringbell&limit=50", doctor_check_alerts},
	};

	doctor_check_status(doctor, status);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP_ANSWER struct answer answer = ANSWER_INIT;

		if (client_get(client, lists[i].path, &answer))
			doctor_add(doctor, "daemon", lists[i].path, DOCTOR_FAIL,
				   "the line on standard error says what was answered",
				   "cannot be asked for it");
		else
			lists[i].check(doctor, answer.json);
	}
}

enum exit_status run_doctor(struct client *client, const struct arguments *arguments)
{
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	struct doctor doctor;
	enum exit_status r = client ? client_get(client, "status", &answer) : EXIT_NOT_ALLOWED;

	doctor_init(&doctor);
	doctor_add(
		&doctor, "daemon", "", r ? DOCTOR_FAIL : DOCTOR_OK,
		r == EXIT_NOT_ALLOWED
			? "run this as root or as a member of group ringbell, or give --token-file"
			: "is ringbelld running (systemctl status ringbelld)? the line on standard "
			  "error says what was tried",
		r ? "cannot be asked" : "answers and takes us for an administrator");
	if (!r)
		check_probe(&doctor, client, answer.json);
	if (is_here(arguments)) {
		doctor_check_config(&doctor, answer.json);
		doctor_check_nics(&doctor, answer.json);
		doctor_check_machine(&doctor, answer.json);
	}
	print_report(&doctor, arguments);
	if (!r && doctor.worst == DOCTOR_FAIL)
		r = EXIT_FAILED;
	doctor_fini(&doctor);
	return r;
}
