/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, scopes and limits. */
#include "base/jinja/render.h"

#include <errno.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "base/jinja/node.h"

#define SMALL_BYTES   512
#define CHECK_EVERY   1024 /* steps between two questions about the deadline */
#define TEXT_PER_STEP 64   /* bytes appended for one step */

/* ---- limits ---- */

void render_fail(struct render *r, enum jinja_fault fault, const char *format, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	*r->err = (struct jinja_error){.fault = fault, .line = 1, .column = 1};
	if (r->node) {
		r->err->line = r->node->line;
		r->err->column = r->node->column;
	}
	va_start(ap, format);
	vsnprintf(r->err->text, sizeof(r->err->text), format, ap);
	va_end(ap);
}

void render_check(struct render *r)
{
	if (r->steps > JINJA_STEPS_MAX) {
		r->steps = JINJA_STEPS_MAX;
		render_fail(r, JINJA_FAULT_LIMIT, "the template takes more than %d steps",
			    JINJA_STEPS_MAX);
	} else if (r->options.is_over && r->options.is_over(r->options.owner)) {
		render_fail(r, JINJA_FAULT_LIMIT, "the template takes too long");
	}
	r->next_check = r->steps + CHECK_EVERY;
	if (r->next_check > JINJA_STEPS_MAX)
		r->next_check = JINJA_STEPS_MAX + 1;
}

void *render_alloc(struct render *r, size_t size)
{
	if (size > SMALL_BYTES) {
		if (size > JINJA_MEMORY_MAX || r->arena.used + size > JINJA_MEMORY_MAX) {
			render_fail(r, JINJA_FAULT_LIMIT,
				    "the template makes values of more than %d bytes",
				    JINJA_MEMORY_MAX);
			return NULL;
		}
		render_step(r, size / TEXT_PER_STEP);
	}
	/* small ones are bounded by the steps they come with */
	return arena_alloc(&r->arena, size);
}

void render_put(struct render *r, struct buf *b, const char *text, size_t len)
{
	if (len > JINJA_OUTPUT_MAX || b->len + len > JINJA_OUTPUT_MAX)
		render_fail(r, JINJA_FAULT_LIMIT, "the text becomes longer than %d bytes",
			    JINJA_OUTPUT_MAX);
	if (r->failed)
		return;
	if (len >= TEXT_PER_STEP)
		render_step(r, len / TEXT_PER_STEP);
	if (b->cap - b->len <= len) {
		buf_append(b, text, len);
		return;
	}
	/* the usual case, short texts into a buffer that has room */
	memcpy(b->data + b->len, text, len);
	b->len += len;
	b->data[b->len] = '\0';
}

/* ---- scopes ---- */

static void set_name(struct render *r, const struct node *name, struct value value)
{
	for (size_t i = r->scope_base; i < r->scope_count; i++)
		if (r->scope[i].len == name->len && r->scope[i].name[0] == name->name[0] &&
		    !memcmp(r->scope[i].name, name->name, name->len)) {
			r->scope[i].value = value;
			return;
		}
	if (r->scope_count == r->scope_room) {
		r->scope_room = r->scope_room ? 2 * r->scope_room : 16;
		r->scope = xreallocarray(r->scope, r->scope_room, sizeof(*r->scope));
	}
	r->scope[r->scope_count++] = (struct variable){name->name, name->len, value};
}

static void set_member(struct render *r, const struct node *target, struct value value)
{
	for (size_t i = r->scope_count; i-- > 0;) {
		const struct variable *v = &r->scope[i];

		if (v->len != target->len || memcmp(v->name, target->name, v->len))
			continue;
		if (v->value.kind != VALUE_NAMESPACE)
			break;
		value_map_set(r, v->value.map, target->value, value);
		return;
	}
	render_fail(r, JINJA_FAULT_VALUE, "'%.*s' is no namespace, so its members cannot be set",
		    (int)target->len, target->name);
}

static void assign(struct render *r, const struct node *target, struct value value)
{
	const struct list *items;
	const struct node *item = target->a;
	size_t i = 0;

	if (target->kind == NODE_NAME) {
		set_name(r, target, value);
		return;
	}
	if (target->kind == NODE_NAMESPACE) {
		set_member(r, target, value);
		return;
	}
	items = value_iterate(r, value);
	for (; item && i < items->count; item = item->next)
		assign(r, item, value_at(r, items, i++));
	if (item || i < items->count)
		render_fail(r, JINJA_FAULT_VALUE, "%zu values for another number of names",
			    items->count);
}

/* ---- statements ---- */

static void run(struct render *r, const struct node *node);

static void print_value(struct render *r, struct value v)
{
	enum jinja_escape escape = r->options.escape;

	if (escape == JINJA_ESCAPE_NONE || v.kind == VALUE_INT) {
		value_put_text(r, r->out, v);
		return;
	}
	if (escape == JINJA_ESCAPE_JSON && (v.kind == VALUE_NONE || v.kind == VALUE_BOOL)) {
		value_put_json(r, r->out, v, -1);
		return;
	}
	/* short texts are most of them: escaped where they go, without a copy */
	if (v.kind == VALUE_TEXT && !v.safe && v.len < SMALL_BYTES) {
		render_put(r, r->out, "", 0);
		jinja_escape(escape, v.text, v.len, r->out);
		render_step(r, v.len / 16);
		render_put(r, r->out, "", 0);
		return;
	}
	value_put_text(r, r->out, render_escape(r, v));
}

static void run_if(struct render *r, const struct node *node)
{
	for (; node && node->kind == NODE_IF; node = node->c) {
		struct value condition = render_eval(r, node->a);

		render_step(r, 1);
		r->node = node;
		if (value_truth(r, condition)) {
			run(r, node->b);
			return;
		}
		/* an else that begins with an if is no elif: it may have statements behind it */
		if (node->c && (node->c->kind != NODE_IF || node->c->next))
			break;
	}
	if (node)
		run(r, node->c);
}

static bool keeps_item(struct render *r, const struct node *node, struct value item)
{
	size_t base = r->scope_base, count = r->scope_count;
	bool keeps;

	render_step(r, 1);
	r->scope_base = r->scope_count;
	assign(r, node->a, item);
	keeps = value_truth(r, render_eval(r, node->e));
	r->scope_base = base;
	r->scope_count = count;
	return keeps;
}

/* The items a loop's own condition leaves. */
static const struct list *filter_items(struct render *r, const struct node *node,
				       const struct list *items)
{
	struct list *kept = value_new_list(r, items->count);
	size_t n = 0;

	for (size_t i = 0; i < kept->count && !r->failed; i++) {
		struct value item = value_at(r, items, i);

		if (keeps_item(r, node, item))
			kept->items[n++] = item;
	}
	kept->count = n;
	return kept;
}

static void run_iteration(struct render *r, const struct node *node, struct loop *loop)
{
	size_t base = r->scope_base, count = r->scope_count;

	if (++r->iterations > JINJA_ITERATIONS_MAX) {
		r->node = node;
		render_fail(r, JINJA_FAULT_LIMIT, "loops run more than %d times",
			    JINJA_ITERATIONS_MAX);
		return;
	}
	render_step(r, 1);
	r->scope_base = r->scope_count;
	assign(r, node->a, value_at(r, loop->items, loop->index));
	run(r, node->c);
	r->scope_base = base;
	r->scope_count = count;
}

static void run_for(struct render *r, const struct node *node)
{
	struct loop *outer = r->loop, *loop = arena_calloc(&r->arena, sizeof(*loop));
	struct value iterable = render_eval(r, node->b);

	r->node = node;
	loop->items = value_iterate(r, iterable);
	loop->changed = VALUE_MISSING;
	if (node->e)
		loop->items = filter_items(r, node, loop->items);
	r->loop = loop;
	for (; loop->index < loop->items->count && !r->failed; loop->index++)
		run_iteration(r, node, loop);
	r->loop = outer;
	if (!loop->items->count && node->d && !r->failed) {
		size_t base = r->scope_base, count = r->scope_count;

		r->scope_base = count;
		run(r, node->d);
		r->scope_base = base;
		r->scope_count = count;
	}
}

static void run_set_block(struct render *r, const struct node *node)
{
	CLEANUP_BUF struct buf captured = BUF_INIT;
	struct buf *outer = r->out;
	size_t base = r->scope_base, count = r->scope_count;
	struct value text;

	r->out = &captured;
	r->scope_base = count;
	run(r, node->b);
	r->out = outer;
	r->scope_base = base;
	r->scope_count = count;
	text = value_take(r, &captured);
	text.safe = r->options.escape != JINJA_ESCAPE_NONE;
	if (node->c) {
		r->captured = text;
		text = render_eval(r, node->c);
		if (r->options.escape != JINJA_ESCAPE_NONE) {
			text = value_to_text(r, text); /* whatever the filter made of it */
			text.safe = true;
		}
	}
	assign(r, node->a, text);
}

static void run_one(struct render *r, const struct node *node)
{
	struct value v;

	switch ((enum node_kind)node->kind) {
	case NODE_DATA:
		render_put(r, r->out, node->value.text, node->value.len);
		break;
	case NODE_PRINT:
		v = render_eval(r, node->a);
		r->node = node;
		print_value(r, v);
		break;
	case NODE_IF:
		run_if(r, node);
		break;
	case NODE_FOR:
		run_for(r, node);
		break;
	case NODE_SET:
		v = render_eval(r, node->b);
		r->node = node;
		assign(r, node->a, v);
		break;
	default:
		run_set_block(r, node);
	}
}

static void run(struct render *r, const struct node *node)
{
	for (; node && !r->failed; node = node->next) {
		render_step(r, 1);
		run_one(r, node);
	}
}

/* ---- the whole ---- */

int jinja_render(const struct jinja *jinja, const json_t *variables,
		 const struct jinja_options *options, struct buf *out, struct jinja_error *err)
{
	size_t before = out->len;
	struct render r = {
		.variables = variables,
		.options = *options,
		.err = err,
		.out = out,
		.next_check = CHECK_EVERY,
	};

	*err = (struct jinja_error){0};
	run(&r, jinja->body);
	arena_fini(&r.arena);
	free(r.scope);
	if (!r.failed)
		return 0;
	out->len = before;
	if (out->data)
		out->data[before] = '\0';
	return -EINVAL;
}
