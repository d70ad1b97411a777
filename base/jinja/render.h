/* SPDX-License-Identifier: Apache-2.0 */
/* One render: where it stands, what it may still use, and its first fault.
 *
 * A fault does not unwind: the function that meets it calls render_fail and returns something
 * harmless; loops look at `failed`. Only the first fault is kept. */
#pragma once

#include <string.h>

#include "base/jinja/arena.h"
#include "base/jinja/jinja.h"
#include "base/jinja/value.h"

struct node;

struct variable {
	const char *name;
	uint32_t len;
	struct value value;
};

struct loop {
	const struct list *items;
	size_t index;	      /* from 0 */
	struct value changed; /* what loop.changed was last told */
};

struct render {
	const json_t *variables;
	struct jinja_options options;
	struct jinja_error *err;
	struct arena arena;
	struct buf *out;
	const struct node *node; /* the innermost with a place */
	struct variable *scope;	 /* a stack; scopes are ranges of it */
	size_t scope_count, scope_room, scope_base;
	struct loop *loop;
	struct value captured; /* the set block whose filters run */
	unsigned depth;	       /* of values inside values */
	uint32_t steps, next_check;
	uint32_t iterations;
	bool failed;
};

__attribute__((format(printf, 3, 4))) void render_fail(struct render *r, enum jinja_fault fault,
						       const char *format, ...);
/* For render_step: a limit may have been reached. */
void render_check(struct render *r);

/* Uses up n steps. */
static inline void render_step(struct render *r, size_t n)
{
	r->steps += n < JINJA_STEPS_MAX ? (uint32_t)n : JINJA_STEPS_MAX;
	if (r->steps >= r->next_check)
		render_check(r);
}

/* NULL, with a fault, if that is more than the render may have; up to 512 bytes are always given.
 */
void *render_alloc(struct render *r, size_t size);
/* Appends within the limits. */
void render_put(struct render *r, struct buf *b, const char *text, size_t len);

static inline void render_put_text(struct render *r, struct buf *b, const char *text)
{
	render_put(r, b, text, strlen(text));
}

/* The value as escaped text: unchanged if it is safe already. */
struct value render_escape(struct render *r, struct value v);

struct value render_eval(struct render *r, const struct node *node);
struct value render_binary(struct render *r, int op, struct value a, struct value b);
/* a.name, and a[key]. */
struct value render_attribute(struct render *r, struct value of, const char *name, size_t len);
struct value render_item(struct render *r, struct value of, struct value key);
/* A filter's `attribute`: "a.b" or a number. */
struct value render_path(struct render *r, struct value of, struct value path);
