/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens → tree. parser.c has the statements, parser_expression.c the expressions. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "base/jinja/lexer.h"
#include "base/jinja/node.h"

struct parser {
	struct arena *arena;
	const struct token *token; /* the current one; TOKEN_END is never passed */
	struct jinja_error *err;
	unsigned nesting;
	unsigned blocks;
	bool failed;
};

/* The body of a whole template; NULL with err if there is a fault (and for an empty one). */
struct node *parser_run(struct parser *parser);

/* Keeps the first fault; goes to the last token, so that all loops end. */
__attribute__((format(printf, 4, 5))) void parser_fail(struct parser *parser,
						       const struct token *at,
						       enum jinja_fault fault, const char *format,
						       ...);
/* "expected …, got …" */
void parser_expected(struct parser *parser, const char *what);

struct node *parser_node(struct parser *parser, enum node_kind kind, const struct token *at);
/* Makes child part of node (for the depth) and returns it. */
struct node *parser_adopt(struct parser *parser, struct node *node, struct node *child);

void parser_next(struct parser *parser);
/* The token, moved past; NULL, without moving, if the current one is something else. */
const struct token *parser_take(struct parser *parser, enum token_kind kind);
bool parser_skip_op(struct parser *parser, int op);
bool parser_skip_name(struct parser *parser, const char *name);
void parser_expect_op(struct parser *parser, int op);

static inline bool token_is_op(const struct token *token, int op)
{
	return token->kind == TOKEN_OPERATOR && token->op == op;
}

static inline bool token_is_name(const struct token *token, const char *name)
{
	return token->kind == TOKEN_NAME && token->len == strlen(name) &&
	       !memcmp(token->text, name, token->len);
}

enum parser_conditional { WITHOUT_CONDITIONAL, WITH_CONDITIONAL };

struct node *parser_expression(struct parser *parser, enum parser_conditional conditional);
struct node *parser_primary(struct parser *parser);
/* One expression, or several with commas: then a tuple. `end` is a word behind it, or NULL. */
struct node *parser_tuple(struct parser *parser, enum parser_conditional conditional,
			  const char *end);
/* The same for the targets of an assignment: names, and tuples of them. */
struct node *parser_targets(struct parser *parser, const char *end);
/* "|b(c)|d" behind node. */
struct node *parser_filters(struct parser *parser, struct node *node);
