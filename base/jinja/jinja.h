/* SPDX-License-Identifier: Apache-2.0 */
/* A subset of Jinja2 3.1 over JSON values: compile once, render often. Pure: no file, no clock, no
 * environment, no randomness. What is supported, and where it differs on purpose from Jinja2, is in
 * docs/templates.md; tests/differential/jinja compares the two.
 *
 * A template is a person's text and its variables are a stranger's: neither can make a render take
 * more than its limits. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"

#define JINJA_SOURCE_MAX     (64 * 1024)
#define JINJA_OUTPUT_MAX     (1024 * 1024)
#define JINJA_MEMORY_MAX     (4 * 1024 * 1024) /* values a render makes on its way */
#define JINJA_ITERATIONS_MAX 10000	       /* of all loops together */
#define JINJA_NESTING_MAX    32		       /* blocks; brackets and calls in an expression */
#define JINJA_DEPTH_MAX	     200	       /* operators in a chain; values in values */
#define JINJA_STEPS_MAX	     500000	       /* each some 50 ns */

/* What the output is part of, and so how a printed value is made harmless. Literal text of the
 * template is never changed. */
enum jinja_escape {
	JINJA_ESCAPE_NONE,
	JINJA_ESCAPE_HTML,     /* as Jinja2's autoescape */
	JINJA_ESCAPE_JSON,     /* inside a JSON string; true, false, null as JSON writes them */
	JINJA_ESCAPE_URL,      /* one component: all but RFC 3986's unreserved is %XX */
	JINJA_ESCAPE_MARKDOWN, /* chat robots: no markup, link or mention comes from a value */
	JINJA_ESCAPE_SLACK,    /* mrkdwn: &amp; &lt; &gt; */
	JINJA_ESCAPE_HEADER,   /* one line: control characters become blanks */
};

enum jinja_undefined {
	JINJA_UNDEFINED_EMPTY,	/* an unknown name prints as nothing */
	JINJA_UNDEFINED_STRICT, /* using one is an error, except `is defined` and `default` */
};

enum jinja_fault {
	JINJA_FAULT_NONE,
	JINJA_FAULT_SYNTAX,
	JINJA_FAULT_UNSUPPORTED, /* Jinja2 has it, we do not */
	JINJA_FAULT_UNDEFINED,
	JINJA_FAULT_VALUE, /* an operation on a value it is not made for */
	JINJA_FAULT_LIMIT,
};

struct jinja_error {
	enum jinja_fault fault;
	unsigned line, column; /* from 1; column counts characters */
	char text[200];	       /* UTF-8, without the place */
};

struct jinja_options {
	enum jinja_escape escape;
	enum jinja_undefined undefined;
	/* Asked every thousand steps; not 0 ends the render (the caller's deadline). NULL = never.
	 */
	int (*is_over)(void *owner);
	void *owner;
};

/* A compiled template; immutable, may be rendered by several threads at once. */
struct jinja;

/* `source` is UTF-8 and need not outlive the call. 0, or -EINVAL with err. */
int jinja_compile(const char *source, size_t len, struct jinja **ret, struct jinja_error *err);
/* Accepts NULL, returns NULL. */
struct jinja *jinja_free(struct jinja *jinja);
DEFINE_CLEANUP(struct jinja *, jinja_free)
#define CLEANUP_JINJA CLEANUP(jinja_free_ptr)

/* Appends to out what the template gives with the members of `variables` (an object). On failure
 * out is as it was. 0, or -EINVAL with err. */
int jinja_render(const struct jinja *jinja, const json_t *variables,
		 const struct jinja_options *options, struct buf *out, struct jinja_error *err);

/* Appends text (UTF-8), escaped: what printing a value does. */
void jinja_escape(enum jinja_escape escape, const char *text, size_t len, struct buf *out);
