/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled template: a tree in one arena, never changed after the parser is done. */
#pragma once

#include "base/jinja/arena.h"
#include "base/jinja/value.h"

struct filter;
struct predicate;

enum node_kind {
	/* statements, linked by next */
	NODE_DATA,	/* value */
	NODE_PRINT,	/* a */
	NODE_IF,	/* a = condition, b = body, c = else */
	NODE_FOR,	/* a = target, b = iterable, c = body, d = else, e = condition or NULL */
	NODE_SET,	/* a = target, b = expression */
	NODE_SET_BLOCK, /* a = target, b = body, c = filters around NODE_CAPTURED, or NULL */
	/* expressions */
	NODE_CONST,	/* value */
	NODE_NAME,	/* name */
	NODE_ATTRIBUTE, /* a, name */
	NODE_ITEM,	/* a, b */
	NODE_SLICE,	/* a; b, c, d or NULL */
	NODE_LIST,	/* list of a, by next */
	NODE_TUPLE,
	NODE_MAP,    /* keys and values in turn */
	NODE_UNARY,  /* op, a */
	NODE_BINARY, /* op, a, b */
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_COMPARE, /* a; then by b's next: op, right side */
	NODE_CONCAT,
	NODE_CONDITIONAL, /* a if b else c (or NULL) */
	NODE_FILTER,	  /* a, filter, arguments b, named c */
	NODE_TEST,	  /* a, predicate, b */
	NODE_CALL,	  /* a, b, c */
	NODE_KEYWORD,	  /* name = a */
	NODE_CAPTURED,	  /* the text of a set block */
	NODE_NAMESPACE,	  /* target: name.value */
};

/* Operators beyond what a token has. */
enum {
	OP_IN = 1,
	OP_NOT_IN,
};

struct node {
	uint8_t kind;
	uint16_t depth; /* of the tree below */
	uint32_t line, column;
	int op;
	uint32_t len; /* of name */
	const char *name;
	struct node *next;
	struct node *a, *b, *c, *d, *e;
	union {
		const struct filter *filter;
		const struct predicate *predicate;
	};
	struct value value;
};

struct jinja {
	struct arena arena;
	struct node *body;
};
