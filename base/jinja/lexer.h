/* SPDX-License-Identifier: Apache-2.0 */
/* A template's text → tokens, by the rules of Jinja2's lexer with its default delimiters. */
#pragma once

#include <stdint.h>

#include "base/jinja/arena.h"
#include "base/jinja/jinja.h"

enum token_kind {
	TOKEN_END,
	TOKEN_DATA, /* text between tags */
	TOKEN_VARIABLE_BEGIN,
	TOKEN_VARIABLE_END,
	TOKEN_BLOCK_BEGIN,
	TOKEN_BLOCK_END,
	TOKEN_NAME,
	TOKEN_TEXT, /* unescaped */
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_OPERATOR,
};

/* Operators are their own characters; the two-character ones: */
#define OPERATOR(a, b) ((a) << 8 | (b))

struct token {
	enum token_kind kind;
	int op;
	uint32_t line, column;
	const char *text; /* in the arena */
	uint32_t len;
	union {
		int64_t number;
		double real;
	};
};

/* The tokens of source, the last one TOKEN_END, in the arena; NULL with err. */
const struct token *lexer_scan(struct arena *arena, const char *source, size_t len,
			       struct jinja_error *err);
