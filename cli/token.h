/* SPDX-License-Identifier: Apache-2.0 */
/* The token that opens the API, from a file only: a flag's value or a variable would show up in
 * process lists, histories and core dumps. */
#pragma once

#include "base/error.h"

#define TOKEN_SIZE	    512
#define TOKEN_STATE_DEFAULT "/var/lib/ringbell"

/* Reads the one line of `token_file` if that is not NULL, else member "admin" of tokens.json in
 * folder `state`. Returns 0, or -EINVAL with err (field = the file). */
int token_load(const char *token_file, const char *state, char token[TOKEN_SIZE],
	       struct error *err);
