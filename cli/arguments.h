/* SPDX-License-Identifier: Apache-2.0 */
/* The words after `ringbell`, read by one table of options and one of commands. The same tables
 * print the help, and a test holds the man page against that. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/exit.h"

enum option {
	OPTION_SERVER,
	OPTION_TOKEN_FILE,
	OPTION_STATE,
	OPTION_CACERT,
	OPTION_FINGERPRINT,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_LEVEL,
	OPTION_POLICY,
	OPTION_OBJECT,
	OPTION_STATUS,
	OPTION_TITLE,
	OPTION_TEXT,
	OPTION_RULE,
	OPTION_STARTS_AT,
	OPTION_DELAY,
	OPTION_FOR,
	OPTION_NOTE,
	OPTION_MESSAGE,
	OPTION_SOURCE,
	OPTION_ENDPOINT,
	OPTION_TEAM,
	OPTION_CAPTURES,
	OPTION_CONTINUE,
	OPTION_BODY,
	OPTION_LIMIT,
	OPTION_IN,
	OPTION_OUTPUT,
	OPTION_LAST,
	OPTION_NEXT,
	OPTION_NIC,
	OPTION_FILTER,
	OPTION_REASON,
	OPTION_HOST,
	OPTION_PORT,
	OPTION_WAIT,
	OPTION_ALLOW_PARTIAL,
	OPTION_KEY,
	OPTION_COUNT,
};

typedef uint64_t option_set; /* bit `option` set = option is in */
#define OPTION_BIT(option) (UINT64_C(1) << (option))
#define OPTIONS_GLOBAL	   (OPTION_BIT(OPTION_LEVEL) - 1) /* those before it */

struct option_row {
	const char *name;
	char letter;	   /* 0 = none */
	const char *value; /* what its value is called; NULL = a flag */
	const char *help;
};

struct arguments;
struct client;

struct command {
	const char *noun;
	const char *verb;    /* NULL = the noun is all */
	const char *operand; /* what it is called; NULL = takes none; in [] = may be left out */
	option_set options;  /* beside the global ones */
	option_set required;
	bool offline; /* asks no probe: run gets no client */
	enum exit_status (*run)(struct client *client, const struct arguments *arguments);
	const char *help;
	const char *example;
};

#define WORDS_MAX 3 /* noun, verb, operand */

struct arguments {
	const char *words[WORDS_MAX]; /* borrowed from argv */
	int word_count;
	const char *values[OPTION_COUNT]; /* "" for a flag, NULL if not given */
	const struct command *command;	  /* NULL: only help or version was asked for */
	const char *operand;
};

extern const struct option_row option_rows[OPTION_COUNT];

/* Reads argv[1…]; `commands` ends with a row whose noun is NULL. Returns 0 or -EINVAL with err.
 * With
 * --help or --version, or no word at all, nothing is required. */
int arguments_parse(int argc, char *const argv[], const struct command commands[],
		    struct arguments *ret, struct error *err);
