/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_SERVER] = {"server", 0, "URL",
			   "the probe's address (default: ringbell.sock in the state folder, where "
			   "root and group ringbell need no token, else http://127.0.0.1:8470)"},
	[OPTION_TOKEN_FILE] = {"token-file", 0, "FILE", "file that holds the token"},
	[OPTION_STATE] = {"state", 0, "DIR",
			  "the probe's state folder, whose tokens.json has the token (default "
			  "$RINGBELL_STATE, else /var/lib/ringbell)"},
	[OPTION_CACERT] = {"cacert", 0, "FILE",
			   "certificates that may vouch for an https server (default: the "
			   "system's; on this machine tls.crt in the state folder)"},
	[OPTION_FINGERPRINT] = {"fingerprint", 0, "PRINT",
				"sha256//... of the key an https server must have; nobody need "
				"vouch for it then"},
	[OPTION_JSON] = {"json", 0, NULL, "print what the API answered, unchanged"},
	[OPTION_HELP] = {"help", 'h', NULL, "print help"},
	[OPTION_VERSION] = {"version", 'V', NULL, "print the version"},
	[OPTION_LEVEL] = {"level", 0, "LEVEL",
			  "critical, error, warning, no_data, recovery or info"},
	[OPTION_POLICY] = {"policy", 0, "NAME", "the alert policy: which rule was broken"},
	[OPTION_OBJECT] = {"object", 0, "NAME", "what it was broken by: a host, a service, a link"},
	[OPTION_STATUS] = {"status", 0, "STATUS", "firing (default), recovered or test"},
	[OPTION_TITLE] = {"title", 0, "TEXT", "one line for people"},
	[OPTION_TEXT] = {"text", 0, "TEXT", "more for people"},
	[OPTION_RULE] = {"rule", 0, "NAME", "metric or signature; part of the alert's identity"},
	[OPTION_STARTS_AT] = {"starts-at", 0, "TIME", "when it began (RFC 3339 with zone)"},
	[OPTION_DELAY] = {"delay", 0, "SPAN",
			  "how long before --starts-at it really began (30s, 5m)"},
	[OPTION_FOR] = {"for", 0, "SPAN", "how long (5m, 2h); without it until told otherwise"},
	[OPTION_MESSAGE] = {"message", 0, "TEXT", "what the test says instead of its own text"},
	[OPTION_SOURCE] = {"source", 0, "NAME", "a source of alerts, by its name"},
	[OPTION_ENDPOINT] = {"endpoint", 0, "NAMES", "endpoints, by name, comma-separated"},
	[OPTION_TEAM] = {"team", 0, "NAME", "whose it is"},
	[OPTION_CAPTURES] = {"captures", 0, NULL, "keep captures from being switched on, too"},
	[OPTION_CONTINUE] = {"continue", 0, NULL, "the routes behind it are looked at as well"},
	[OPTION_BODY] = {"body", 0, "FILE", "what a sender would post (- for standard input)"},
	[OPTION_NOTE] = {"note", 0, "TEXT", "why; kept with the switch"},
	[OPTION_LIMIT] = {"limit", 0, "N", "at most so many rows"},
	[OPTION_IN] = {"in", 0, "STATE", "only those in this state"},
	[OPTION_OUTPUT] = {"output", 'w', "FILE",
			   "where to write (- for standard output; default <capture id>.pcapng)"},
	[OPTION_LAST] = {"last", 0, "SPAN", "how far back it begins (30s, 5m)"},
	[OPTION_NEXT] = {"next", 0, "SPAN", "how long it goes on from now"},
	[OPTION_NIC] = {"nic", 0, "NICS", "only these NICs, comma-separated (default: all)"},
	[OPTION_FILTER] = {"filter", 0, "BPF", "only these packets, in tcpdump's words"},
	[OPTION_REASON] = {"reason", 0, "TEXT", "why; kept with the capture"},
	[OPTION_HOST] = {"host", 0, "HOSTS", "only these addresses or networks, comma-separated"},
	[OPTION_PORT] = {"port", 0, "PORTS", "only these ports, comma-separated"},
	[OPTION_WAIT] = {"wait", 0, NULL, "wait until the capture is finished"},
	[OPTION_ALLOW_PARTIAL] = {"allow-partial", 0, NULL,
				  "exit 0 even if the capture lacks something"},
	[OPTION_KEY] = {"key", 0, "KEY",
			"the probe's public key, or a file with it (ringbell key prints it)"},
};

#define NO_OPTION (-1)

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

#define WORD_MAX 24

/* Edits that turn a into b (Levenshtein); far too many if a word is long. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t replace = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min_size(replace, min_size(row[j], row[j - 1]) + 1);
		}
	}
	return row[lb];
}

struct guess {
	const char *text;
	size_t distance;
};

static void guess_add(struct guess *guess, const char *typed, const char *candidate)
{
	size_t d = distance(typed, candidate);

	if (d < guess->distance) {
		guess->distance = d;
		guess->text = candidate;
	}
}

#define GUESS_INIT ((struct guess){NULL, 3}) /* more than two edits is another word */

static int complain_option(const char *typed, struct error *err)
{
	struct guess guess = GUESS_INIT;
	const char *dashes = "--";

	for (int i = 0; i < OPTION_COUNT; i++)
		guess_add(&guess, typed + strspn(typed, "-"), option_rows[i].name);
	if (!guess.text)
		return error_set(err, "unknown_option", typed, "there is no option \"%s\"", typed);
	return error_set(err, "unknown_option", typed,
			 "there is no option \"%s\"; did you mean \"%s%s\"?", typed, dashes,
			 guess.text);
}

/* `typed` is "--name", "--name=value" or "-x". Returns the option or NO_OPTION. */
static int find_option(const char *typed)
{
	size_t len = strcspn(typed, "=");

	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];

		if (typed[1] != '-' && typed[1] == row->letter && !typed[2])
			return i;
		if (typed[1] == '-' && strlen(row->name) == len - 2 &&
		    !strncmp(typed + 2, row->name, len - 2))
			return i;
	}
	return NO_OPTION;
}

/* Reads the option at argv[*at], with its value; *at moves to its last word. */
static int parse_option(int argc, char *const argv[], int *at, struct arguments *ret,
			struct error *err)
{
	const char *typed = argv[*at], *equals = strchr(typed, '=');
	int option = find_option(typed);
	const struct option_row *row = &option_rows[option < 0 ? 0 : option];

	if (option < 0)
		return complain_option(typed, err);
	if (ret->values[option])
		return error_set(err, "repeated_option", row->name, "--%s is given twice",
				 row->name);
	if (!row->value && equals)
		return error_set(err, "unexpected_value", row->name, "--%s takes no value",
				 row->name);
	if (!row->value)
		ret->values[option] = "";
	else if (equals)
		ret->values[option] = equals + 1;
	else if (*at + 1 < argc)
		ret->values[option] = argv[++*at];
	else
		return error_set(err, "missing_value", row->name, "--%s needs a value: %s",
				 row->name, row->value);
	return 0;
}

static int parse_words(int argc, char *const argv[], struct arguments *ret, struct error *err)
{
	bool options = true;

	for (int i = 1; i < argc; i++) {
		if (options && !strcmp(argv[i], "--")) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(argc, argv, &i, ret, err) < 0)
				return -EINVAL;
		} else if (ret->word_count == WORDS_MAX) {
			return error_set(err, "unexpected_word", "", "\"%s\" is one word too many",
					 argv[i]);
		} else {
			ret->words[ret->word_count++] = argv[i];
		}
	}
	return 0;
}

static bool noun_is(const struct command *c, const char *noun)
{
	return !strcmp(c->noun, noun);
}

static bool knows_noun(const struct command commands[], const char *noun)
{
	for (const struct command *c = commands; c->noun; c++)
		if (noun_is(c, noun))
			return true;
	return false;
}

static int complain_noun(const char *typed, const struct command commands[], struct error *err)
{
	struct guess guess = GUESS_INIT;

	for (const struct command *c = commands; c->noun; c++)
		guess_add(&guess, typed, c->noun);
	if (guess.text)
		return error_set(err, "unknown_command", "",
				 "there is no command \"%s\"; did you mean \"%s\"?", typed,
				 guess.text);
	return error_set(err, "unknown_command", "",
			 "there is no command \"%s\"; \"ringbell help\" lists them", typed);
}

static int complain_verb(const char *noun, const char *typed, const struct command commands[],
			 struct error *err)
{
	struct guess guess = GUESS_INIT;

	for (const struct command *c = commands; c->noun; c++)
		if (typed && c->verb && noun_is(c, noun))
			guess_add(&guess, typed, c->verb);
	if (guess.text)
		return error_set(err, "unknown_command", "",
				 "\"%s\" has no \"%s\"; did you mean \"%s\"?", noun, typed,
				 guess.text);
	return error_set(err, "unknown_command", "", "say what to do; see \"ringbell help %s\"",
			 noun);
}

static int find_command(const struct command commands[], struct arguments *ret, struct error *err)
{
	const char *noun = ret->words[0], *verb = ret->words[1];

	for (const struct command *c = commands; c->noun; c++) {
		if (!noun_is(c, noun))
			continue;
		if (c->verb && (!verb || strcmp(c->verb, verb)))
			continue;
		if (!c->verb && verb && c > commands && noun_is(c - 1, noun))
			continue; /* none of its verbs */
		ret->command = c;
		return 0;
	}
	return knows_noun(commands, noun) ? complain_verb(noun, verb, commands, err)
					  : complain_noun(noun, commands, err);
}

static int check_operand(struct arguments *ret, struct error *err)
{
	const struct command *c = ret->command;
	int used = c->verb ? 2 : 1;

	if (c->operand && ret->word_count > used)
		ret->operand = ret->words[used++];
	else if (c->operand && c->operand[0] != '[')
		return error_set(err, "missing_operand", c->operand,
				 "%s is missing: ringbell %s %s %s", c->operand, c->noun,
				 c->verb ? c->verb : "", c->operand);
	/* help takes a noun and a verb */
	if (ret->word_count > used && c->operand && c->operand[0] == '[')
		used++;
	if (ret->word_count > used)
		return error_set(err, "unexpected_word", "", "\"%s\" is one word too many",
				 ret->words[used]);
	return 0;
}

static int check_options(const struct arguments *ret, struct error *err)
{
	const struct command *c = ret->command;

	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *name = option_rows[i].name;

		if (ret->values[i] && !((OPTIONS_GLOBAL | c->options) & OPTION_BIT(i)))
			return error_set(err, "unexpected_option", name,
					 "--%s does not belong to \"%s%s%s\"", name, c->noun,
					 c->verb ? " " : "", c->verb ? c->verb : "");
		if (!ret->values[i] && c->required & OPTION_BIT(i))
			return error_set(err, "missing_option", name, "--%s %s is missing", name,
					 option_rows[i].value);
	}
	return 0;
}

int arguments_parse(int argc, char *const argv[], const struct command commands[],
		    struct arguments *ret, struct error *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = parse_words(argc, argv, ret, err);
	if (r < 0 || ret->values[OPTION_VERSION] || !ret->word_count)
		return r;
	r = find_command(commands, ret, err);
	if (ret->values[OPTION_HELP] && knows_noun(commands, ret->words[0]))
		return 0; /* help about the noun, if there is no such verb */
	if (r < 0)
		return r;
	r = check_operand(ret, err);
	return r < 0 ? r : check_options(ret, err);
}
