/* SPDX-License-Identifier: Apache-2.0 */
/* Help, printed from the tables the words are read with. */
#pragma once

#include <stdio.h>

#include "cli/arguments.h"

/* All commands and the global options. */
void help_print(const struct command commands[], FILE *file);
/* The commands of one noun, in full; of one verb, if that is not NULL. Returns 0, or -ENOENT if
 * there is no such command. */
int help_print_noun(const struct command commands[], const char *noun, const char *verb,
		    FILE *file);
