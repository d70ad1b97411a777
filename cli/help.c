/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

static void print_usage(const struct command *c, FILE *file)
{
	fprintf(file, "  ringbell %s%s%s%s%s\n", c->noun, c->verb ? " " : "",
		c->verb ? c->verb : "", c->operand ? " " : "", c->operand ? c->operand : "");
}

static void print_options(option_set options, FILE *file)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		CLEANUP_FREE char *left = NULL;

		if (!(options & OPTION_BIT(i)))
			continue;
		left = xasprintf("--%s%s%s", row->name, row->value ? " " : "",
				 row->value ? row->value : "");
		if (row->letter)
			fprintf(file, "  -%c, %-20s  %s\n", row->letter, left, row->help);
		else
			fprintf(file, "      %-20s  %s\n", left, row->help);
	}
}

void help_print(const struct command commands[], FILE *file)
{
	fprintf(file, "ringbell: the command line of the Ringbell packet-capture appliance\n\n"
		      "Examples:\n");
	for (const struct command *c = commands; c->noun; c++)
		if (c->example)
			fprintf(file, "  %s\n", c->example);
	fprintf(file, "\nCommands:\n");
	for (const struct command *c = commands; c->noun; c++) {
		print_usage(c, file);
		fprintf(file, "        %s\n", c->help);
	}
	fprintf(file, "\nOptions of every command:\n");
	print_options(OPTIONS_GLOBAL, file);
	fprintf(file,
		"\n\"ringbell NOUN VERB --help\" has the rest; ringbell(1) the exit statuses.\n");
}

static void print_command(const struct command *c, FILE *file)
{
	print_usage(c, file);
	fprintf(file, "        %s\n", c->help);
	if (c->example)
		fprintf(file, "        %s\n", c->example);
	print_options(c->options, file);
}

int help_print_noun(const struct command commands[], const char *noun, const char *verb, FILE *file)
{
	int found = 0;

	for (const struct command *c = commands; c->noun; c++) {
		if (strcmp(c->noun, noun) || (verb && (!c->verb || strcmp(c->verb, verb))))
			continue;
		print_command(c, file);
		found = 1;
	}
	return found ? 0 : -ENOENT;
}
