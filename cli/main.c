/* SPDX-License-Identifier: Apache-2.0 */
/* ringbell: a thin client of the probe's API. The table of commands is here. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/help.h"
#include "cli/run.h"
#include "cli/text.h"
#include "cli/token.h"

#define BIT OPTION_BIT
/* which alerts */
#define MATCHER (BIT(OPTION_SOURCE) | BIT(OPTION_POLICY) | BIT(OPTION_OBJECT) | BIT(OPTION_LEVEL))

static const struct command commands[] = {
	{.noun = "status",
	 .run = run_status,
	 .help = "the probe, its NICs, how far their history reaches, what was dropped",
	 .example = "ringbell status"},
	{.noun = "doctor",
	 .run = run_doctor,
	 .help = "looks for what is wrong, or soon will be, and says what to do",
	 .example = "ringbell doctor"},
	{.noun = "alert",
	 .verb = "send",
	 .options = BIT(OPTION_LEVEL) | BIT(OPTION_POLICY) | BIT(OPTION_OBJECT) |
		    BIT(OPTION_STATUS) | BIT(OPTION_TITLE) | BIT(OPTION_TEXT) | BIT(OPTION_RULE) |
		    BIT(OPTION_STARTS_AT) | BIT(OPTION_DELAY),
	 .required = BIT(OPTION_POLICY) | BIT(OPTION_OBJECT),
	 .run = run_alert_send,
	 .help = "report an alert, or its recovery, as any alert sender would",
	 .example = "ringbell alert send --level critical --policy latency --object 10.0.1.5"},
	{.noun = "alert",
	 .verb = "list",
	 .options = BIT(OPTION_LIMIT),
	 .run = run_alert_list,
	 .help = "the newest alerts and what became of each"},
	{.noun = "policy", .verb = "list", .run = run_object_list, .help = "the PCAP policies"},
	{.noun = "policy",
	 .verb = "show",
	 .operand = "NAME",
	 .run = run_policy_show,
	 .help = "one policy, and what holds it on"},
	{.noun = "policy",
	 .verb = "enable",
	 .operand = "NAME",
	 .options = BIT(OPTION_FOR) | BIT(OPTION_NOTE),
	 .run = run_policy_switch,
	 .help = "switch it on by hand, beside any alert",
	 .example = "ringbell policy enable default --for 5m --note 'release 12'"},
	{.noun = "policy",
	 .verb = "disable",
	 .operand = "NAME",
	 .options = BIT(OPTION_FOR) | BIT(OPTION_NOTE),
	 .run = run_policy_switch,
	 .help = "keep it off, whatever alerts come"},
	{.noun = "policy",
	 .verb = "automatic",
	 .operand = "NAME",
	 .options = BIT(OPTION_NOTE),
	 .run = run_policy_switch,
	 .help = "take either back: alerts alone decide"},
	{.noun = "endpoint",
	 .verb = "list",
	 .run = run_object_list,
	 .help = "where alerts go, and how the last push went"},
	{.noun = "endpoint",
	 .verb = "show",
	 .operand = "NAME",
	 .run = run_object_show,
	 .help = "one endpoint; secrets are not shown"},
	{.noun = "endpoint",
	 .verb = "test",
	 .operand = "NAME",
	 .options = BIT(OPTION_MESSAGE),
	 .run = run_endpoint_test,
	 .help = "send a test the way a push goes, and say what the remote answered",
	 .example = "ringbell endpoint test ops"},
	{.noun = "endpoint",
	 .verb = "replay",
	 .operand = "NAME",
	 .run = run_replay,
	 .help = "send all its dead letters again that nothing newer has overtaken"},
	{.noun = "push",
	 .verb = "list",
	 .options = BIT(OPTION_LIMIT) | BIT(OPTION_IN),
	 .run = run_push_list,
	 .help = "the newest dead letters and why; with --in those that are pending, leased, "
		 "delivered or suppressed",
	 .example = "ringbell push list --in pending"},
	{.noun = "push",
	 .verb = "replay",
	 .operand = "ID",
	 .run = run_replay,
	 .help = "send a dead letter again"},
	{.noun = "alert-policy",
	 .verb = "list",
	 .run = run_object_list,
	 .help = "the alert policies, and how many alerts of each are open"},
	{.noun = "alert-policy",
	 .verb = "show",
	 .operand = "NAME",
	 .run = run_object_show,
	 .help = "one alert policy"},
	{.noun = "alert-policy",
	 .verb = "add",
	 .operand = "NAME",
	 .options = BIT(OPTION_LEVEL) | BIT(OPTION_ENDPOINT) | BIT(OPTION_TEAM),
	 .run = run_object_add,
	 .help = "make one: what is known of a rule, and who hears of its alerts"},
	{.noun = "alert-policy",
	 .verb = "remove",
	 .operand = "NAME",
	 .run = run_object_remove,
	 .help = "take it away"},
	{.noun = "route",
	 .verb = "list",
	 .run = run_object_list,
	 .help = "the routes, in their order"},
	{.noun = "route",
	 .verb = "show",
	 .operand = "NAME",
	 .run = run_object_show,
	 .help = "one route"},
	{.noun = "route",
	 .verb = "add",
	 .operand = "NAME",
	 .options = MATCHER | BIT(OPTION_ENDPOINT) | BIT(OPTION_CONTINUE),
	 .run = run_object_add,
	 .help = "make one: alerts that match go to its endpoints",
	 .example =
		 "ringbell route add dc1 --policy 'dc1-*' --level critical,error --endpoint ops"},
	{.noun = "route",
	 .verb = "remove",
	 .operand = "NAME",
	 .run = run_object_remove,
	 .help = "take it away"},
	{.noun = "silence",
	 .verb = "list",
	 .run = run_object_list,
	 .help = "the silences, and which are active"},
	{.noun = "silence",
	 .verb = "show",
	 .operand = "NAME",
	 .run = run_object_show,
	 .help = "one silence"},
	{.noun = "silence",
	 .verb = "add",
	 .operand = "NAME",
	 .options = MATCHER | BIT(OPTION_FOR) | BIT(OPTION_NOTE) | BIT(OPTION_CAPTURES),
	 .run = run_object_add,
	 .help = "make one: alerts that match are not pushed",
	 .example = "ringbell silence add works --object '10.0.7.*' --for 2h --note 'change 4711'"},
	{.noun = "silence",
	 .verb = "remove",
	 .operand = "NAME",
	 .run = run_object_remove,
	 .help = "take it away"},
	{.noun = "explain",
	 .operand = "[ALERT]",
	 .options = BIT(OPTION_SOURCE) | BIT(OPTION_BODY),
	 .run = run_explain,
	 .help = "what an alert would do: a stored one, or what a sender would post",
	 .example = "ringbell explain --source prometheus --body sample.json"},
	{.noun = "capture",
	 .verb = "list",
	 .options = BIT(OPTION_LIMIT) | BIT(OPTION_IN),
	 .run = run_capture_list,
	 .help = "the newest captures, and how complete each is"},
	{.noun = "capture",
	 .verb = "show",
	 .operand = "ID",
	 .run = run_capture_show,
	 .help = "one capture, its coverage and segments (ID: also latest)"},
	{.noun = "capture",
	 .verb = "stop",
	 .operand = "ID",
	 .run = run_capture_stop,
	 .help = "end a running capture: all that holds its policy on is released"},
	{.noun = "capture",
	 .verb = "download",
	 .operand = "ID",
	 .options = BIT(OPTION_OUTPUT) | BIT(OPTION_WAIT) | BIT(OPTION_ALLOW_PARTIAL),
	 .run = run_capture_download,
	 .help = "all segments in one file; goes on from FILE.part, checks each SHA-256",
	 .example = "ringbell capture download latest -w incident.pcapng --wait"},
	{.noun = "capture",
	 .verb = "link",
	 .operand = "ID",
	 .options = BIT(OPTION_FOR),
	 .run = run_capture_link,
	 .help = "an address that opens its download for whoever has it, for an hour or --for",
	 .example = "ringbell capture link latest --for 24h"},
	{.noun = "capture",
	 .options = BIT(OPTION_LAST) | BIT(OPTION_NEXT) | BIT(OPTION_NIC) | BIT(OPTION_FILTER) |
		    BIT(OPTION_REASON),
	 .required = BIT(OPTION_REASON),
	 .run = run_capture_start,
	 .help = "capture the last minutes and the next, without an alert",
	 .example = "ringbell capture --last 5m --next 2m --nic eth0 --filter 'host 10.0.1.5' "
		    "--reason 'ticket 4711'"},
	{.noun = "ring",
	 .options = BIT(OPTION_LAST) | BIT(OPTION_HOST) | BIT(OPTION_PORT) | BIT(OPTION_NIC) |
		    BIT(OPTION_FILTER) | BIT(OPTION_OUTPUT),
	 .required = BIT(OPTION_OUTPUT),
	 .run = run_ring,
	 .help = "packets the rings still remember, without making a capture",
	 .example = "ringbell ring --last 60s --host 10.0.1.5 -w - | tshark -r -"},
	{.noun = "audit",
	 .options = BIT(OPTION_LIMIT),
	 .run = run_audit,
	 .help = "who downloaded what, newest first"},
	{.noun = "verify",
	 .operand = "DIR",
	 .options = BIT(OPTION_KEY),
	 .offline = true,
	 .run = run_verify,
	 .help = "is a capture's folder, or each in a folder, still what the probe signed",
	 .example = "ringbell verify /var/lib/ringbell/captures --key probe.key"},
	{.noun = "key",
	 .run = run_key,
	 .help = "the public key with which the probe signs manifests",
	 .example = "ringbell key > probe.key"},
	{.noun = "help", .operand = "[COMMAND]", .help = "help on everything, or on one command"},
	{0},
};

static enum exit_status complain_usage(const struct error *err)
{
	text_complain("%s", err->text);
	return EXIT_USAGE;
}

static enum exit_status print_help(const struct arguments *arguments)
{
	int skip = !strcmp(arguments->words[0], "help") && arguments->word_count > 1;
	const char *noun = arguments->words[skip];
	const char *verb = arguments->word_count > skip + 1 ? arguments->words[skip + 1] : NULL;

	if (!strcmp(noun, "help")) {
		help_print(commands, stdout);
		return EXIT_OK;
	}
	if (!help_print_noun(commands, noun, verb, stdout) ||
	    !help_print_noun(commands, noun, NULL, stdout))
		return EXIT_OK;
	text_complain("there is no command \"%s\"; \"ringbell help\" lists them", noun);
	return EXIT_USAGE;
}

static const char *find_state(const struct arguments *arguments)
{
	const char *state = arguments->values[OPTION_STATE];

	if (!state)
		state = getenv("RINGBELL_STATE");
	return state && *state ? state : TOKEN_STATE_DEFAULT;
}

/* Is it the probe whose state folder we were told, or the one on this machine? Only then does its
 * certificate prove anything. */
static int is_own_server(const struct arguments *arguments)
{
	static const char *const hosts[] = {"https://localhost", "https://127.", "https://[::1]"};
	const char *server = arguments->values[OPTION_SERVER];

	if (arguments->values[OPTION_STATE] || getenv("RINGBELL_STATE"))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (!strncasecmp(server, hosts[i], strlen(hosts[i])))
			return 1;
	return 0;
}

static enum exit_status open_remote(const struct arguments *arguments, const char *state,
				    struct client **ret)
{
	CLEANUP_FREE char *certificate = xasprintf("%s/tls.crt", state);
	struct client_options options = {
		.server = arguments->values[OPTION_SERVER],
		.cacert = arguments->values[OPTION_CACERT],
		.fingerprint = arguments->values[OPTION_FINGERPRINT],
	};
	char token[TOKEN_SIZE];
	struct error err;
	enum exit_status r;

	if (token_load(arguments->values[OPTION_TOKEN_FILE], state, token, &err) < 0) {
		text_complain("%s", err.text);
		return EXIT_NOT_ALLOWED;
	}
	options.token = token;
	if (!options.server)
		options.server = CLIENT_SERVER_DEFAULT;
	else if (!options.cacert && !options.fingerprint && is_own_server(arguments) &&
		 !access(certificate, R_OK))
		options.certificate = certificate;
	r = client_open(&options, ret);
	explicit_bzero(token, sizeof(token));
	return r;
}

/* Without --server and --token-file the probe's socket is asked, which knows who we are. The client
 * stays NULL if there is no token or the address is wrong. */
static enum exit_status open_client(const struct arguments *arguments, struct client **ret)
{
	const char *state = find_state(arguments);
	CLEANUP_FREE char *socket = xasprintf("%s/ringbell.sock", state);
	struct client_options options = {.server = "http://localhost", .socket = socket};

	if (arguments->values[OPTION_SERVER] || arguments->values[OPTION_TOKEN_FILE] ||
	    access(socket, R_OK | W_OK))
		return open_remote(arguments, state, ret);
	return client_open(&options, ret);
}

static enum exit_status run_command(const struct arguments *arguments)
{
	struct client *client = NULL;
	enum exit_status r = arguments->command->offline ? EXIT_OK
							 : open_client(arguments, &client);

	if (!r || arguments->command->run == run_doctor)
		r = arguments->command->run(client, arguments);
	client_close(client);
	return r;
}

static enum exit_status run(const struct arguments *arguments)
{
	if (arguments->values[OPTION_VERSION]) {
		printf("ringbell %s\n", RINGBELL_VERSION);
		return EXIT_OK;
	}
	if (!arguments->word_count) {
		int asked = arguments->values[OPTION_HELP] != NULL;

		help_print(commands, asked ? stdout : stderr);
		return asked ? EXIT_OK : EXIT_USAGE;
	}
	if (arguments->values[OPTION_HELP] || !arguments->command->run)
		return print_help(arguments);
	return run_command(arguments);
}

int main(int argc, char *argv[])
{
	struct arguments arguments;
	enum exit_status r;
	struct error err;

	/* what the API says is UTF-8, wherever we run; numbers stay in the C locale's form */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (arguments_parse(argc, argv, commands, &arguments, &err) < 0)
		return complain_usage(&err);
	r = run(&arguments);
	if (fflush(stdout) || ferror(stdout)) {
		text_complain("standard output could not be written");
		return r ? r : EXIT_FAILED;
	}
	return r;
}
