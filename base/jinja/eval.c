/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions. */
#include "base/jinja/filters.h"
#include "base/jinja/lexer.h"
#include "base/jinja/node.h"
#include "base/jinja/render.h"
#include "base/jinja/ustr.h"

static struct value undefined(const char *name, size_t len)
{
	return value_undefined(name, len);
}

static void fail_undefined(struct render *r, struct value v)
{
	render_fail(r, JINJA_FAULT_UNDEFINED, "'%.*s' is undefined", (int)v.len, v.text);
}

struct value render_escape(struct render *r, struct value v)
{
	enum jinja_escape escape = r->options.escape == JINJA_ESCAPE_NONE ? JINJA_ESCAPE_HTML
									  : r->options.escape;
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct value text = value_to_text(r, v);

	if (text.safe)
		return text;
	if (text.len > JINJA_OUTPUT_MAX / 9) /* what one byte can become */
		render_fail(r, JINJA_FAULT_LIMIT, "a text of %u bytes is too long to be escaped",
			    text.len);
	if (r->failed)
		return text;
	render_step(r, text.len / 16);
	jinja_escape(escape, text.text, text.len, &b);
	text = value_take(r, &b);
	text.safe = true;
	return text;
}

/* ---- names and members ---- */

static struct value make_function(struct render *r, struct value self, const char *name, size_t len)
{
	struct function *function = arena_alloc(&r->arena, sizeof(*function));

	*function = (struct function){name, len, self};
	return (struct value){.kind = VALUE_FUNCTION, .function = function};
}

static struct value eval_name(struct render *r, const struct node *node)
{
	const json_t *json;

	for (size_t i = r->scope_count; i-- > 0;)
		if (r->scope[i].len == node->len && r->scope[i].name[0] == node->name[0] &&
		    !memcmp(r->scope[i].name, node->name, node->len))
			return r->scope[i].value;
	if (r->loop && node->len == 4 && !memcmp(node->name, "loop", 4))
		return (struct value){.kind = VALUE_LOOP, .loop = r->loop};
	json = json_object_getn(r->variables, node->name, node->len);
	if (json)
		return value_from_json(r, json);
	if (function_is_global(node->name, node->len))
		return make_function(r, VALUE_NULL, node->name, node->len);
	return undefined(node->name, node->len);
}

static struct value loop_neighbour(struct render *r, const struct loop *loop, size_t index,
				   const char *name)
{
	return index < loop->items->count ? value_at(r, loop->items, index)
					  : undefined(name, strlen(name));
}

enum loop_part {
	LOOP_INDEX,
	LOOP_INDEX0,
	LOOP_REVINDEX,
	LOOP_REVINDEX0,
	LOOP_FIRST,
	LOOP_LAST,
	LOOP_LENGTH,
	LOOP_DEPTH,
	LOOP_DEPTH0,
	LOOP_PREVIOUS,
	LOOP_NEXT,
};

static const char *const loop_parts[] = {
	"index",  "index0", "revindex", "revindex0", "first",	 "last",
	"length", "depth",  "depth0",	"previtem",  "nextitem",
};

static struct value loop_part(struct render *r, const struct loop *loop, enum loop_part part)
{
	int64_t index = (int64_t)loop->index, count = (int64_t)loop->items->count;

	switch (part) {
	case LOOP_INDEX:
		return value_int(index + 1);
	case LOOP_INDEX0:
		return value_int(index);
	case LOOP_REVINDEX:
		return value_int(count - index);
	case LOOP_REVINDEX0:
		return value_int(count - index - 1);
	case LOOP_FIRST:
		return value_bool(index == 0);
	case LOOP_LAST:
		return value_bool(index + 1 == count);
	case LOOP_LENGTH:
		return value_int(count);
	case LOOP_PREVIOUS:
		return loop_neighbour(r, loop, loop->index - 1, "previtem");
	case LOOP_NEXT:
		return loop_neighbour(r, loop, loop->index + 1, "nextitem");
	default: /* loops are never recursive */
		return value_int(part == LOOP_DEPTH);
	}
}

static struct value loop_member(struct render *r, struct loop *loop, const char *name, size_t len)
{
	struct value self = {.kind = VALUE_LOOP, .loop = loop};

	for (size_t i = 0; i < ARRAY_SIZE(loop_parts); i++)
		if (loop_parts[i][0] == *name && strlen(loop_parts[i]) == len &&
		    !memcmp(loop_parts[i], name, len))
			return loop_part(r, loop, (enum loop_part)i);
	return function_exists(self, name, len) ? make_function(r, self, name, len)
						: undefined(name, len);
}

struct value render_attribute(struct render *r, struct value of, const char *name, size_t len)
{
	struct value found;

	if (of.kind == VALUE_UNDEFINED) {
		fail_undefined(r, of);
		return of;
	}
	if (of.kind == VALUE_LOOP)
		return loop_member(r, of.loop, name, len);
	if ((of.kind == VALUE_MAP || of.kind == VALUE_NAMESPACE) &&
	    value_map_get(r, of.map, value_text(name, len), &found))
		return found;
	return function_exists(of, name, len) ? make_function(r, of, name, len)
					      : undefined(name, len);
}

static struct value sequence_item(struct render *r, struct value of, int64_t index)
{
	int64_t count = value_length(r, of);
	size_t at, end;
	struct value item;

	if (index < 0)
		index += count;
	if (index < 0 || index >= count)
		return undefined("item", 4);
	if (of.kind != VALUE_TEXT)
		return value_at(r, of.list, (size_t)index);
	at = ustr_offset(of.text, of.len, (size_t)index);
	end = at + ustr_offset(of.text + at, of.len - at, 1);
	item = value_text(of.text + at, end - at);
	item.safe = of.safe;
	return item;
}

struct value render_item(struct render *r, struct value of, struct value key)
{
	struct value found;

	if (of.kind == VALUE_UNDEFINED) {
		fail_undefined(r, of);
		return of;
	}
	if (of.kind == VALUE_MAP && key.kind <= VALUE_TUPLE && key.kind != VALUE_LIST &&
	    value_map_get(r, of.map, key, &found))
		return found;
	if ((value_is_sequence(of) || of.kind == VALUE_TEXT) &&
	    (key.kind == VALUE_INT || key.kind == VALUE_BOOL))
		return sequence_item(r, of, value_whole(key));
	if (key.kind != VALUE_TEXT)
		return undefined("item", 4);
	return render_attribute(r, of, key.text, key.len);
}

struct value render_path(struct render *r, struct value of, struct value path)
{
	const char *p, *end;

	if (path.kind == VALUE_INT)
		return render_item(r, of, path);
	if (path.kind != VALUE_TEXT) {
		render_fail(r, JINJA_FAULT_VALUE, "%s is no name of an attribute",
			    value_kind_name(path));
		return VALUE_NULL;
	}
	p = path.text ? path.text : "";
	end = p + path.len;
	for (;;) {
		const char *dot = memchr(p, '.', (size_t)(end - p));
		size_t len = (size_t)((dot ? dot : end) - p);
		int64_t index;
		bool huge;

		if (len && strspn(p, "0123456789") >= len &&
		    ustr_parse_int(p, len, 10, &index, &huge))
			of = render_item(r, of, value_int(index));
		else
			of = render_item(r, of, value_text(p, len));
		if (!dot || r->failed)
			return of;
		p = dot + 1;
	}
}

/* ---- slices ---- */

struct bounds {
	int64_t start, stop, step;
};

/* Python's slice.indices; false if a bound is no whole number. */
static bool read_bound(struct value v, int64_t *ret)
{
	if (v.kind == VALUE_INT || v.kind == VALUE_BOOL)
		*ret = value_whole(v);
	return v.kind == VALUE_INT || v.kind == VALUE_BOOL || v.kind == VALUE_NONE;
}

static int64_t clamp(int64_t i, int64_t count, int64_t low, int64_t high)
{
	if (i < 0)
		i += count;
	return i < low ? low : i > high ? high : i;
}

static bool read_bounds(const struct value v[3], int64_t count, struct bounds *ret)
{
	int64_t low, high;

	*ret = (struct bounds){0, 0, 1};
	if (!read_bound(v[2], &ret->step) || !ret->step)
		return false;
	low = ret->step > 0 ? 0 : -1;
	high = ret->step > 0 ? count : count - 1;
	if (!read_bound(v[0], &ret->start) || !read_bound(v[1], &ret->stop))
		return false;
	ret->start = v[0].kind == VALUE_NONE ? (ret->step > 0 ? low : high)
					     : clamp(ret->start, count, low, high);
	ret->stop = v[1].kind == VALUE_NONE ? (ret->step > 0 ? high : low)
					    : clamp(ret->stop, count, low, high);
	return true;
}

static size_t bounds_count(const struct bounds *b)
{
	int64_t span = b->step > 0 ? b->stop - b->start : b->start - b->stop;
	uint64_t step = b->step > 0 ? (uint64_t)b->step : 0 - (uint64_t)b->step;

	return span <= 0 ? 0 : (size_t)(((uint64_t)span - 1) / step + 1);
}

static struct value slice_list(struct render *r, struct value of, const struct bounds *b)
{
	struct list *list = value_new_list(r, bounds_count(b));

	render_step(r, list->count);
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = value_at(r, of.list, (size_t)(b->start + (int64_t)i * b->step));
	return value_list(list, (enum value_kind)of.kind);
}

static struct value slice_text(struct render *r, struct value of, const struct bounds *b)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	size_t count = bounds_count(b);
	struct value v;

	if (b->step == 1) {
		size_t at = ustr_offset(of.text, of.len, (size_t)b->start);

		v = value_text(of.text + at, ustr_offset(of.text + at, of.len - at, count));
	} else {
		for (size_t i = 0; i < count && !r->failed; i++) {
			v = sequence_item(r, of, b->start + (int64_t)i * b->step);
			render_step(r, of.len / 64);
			render_put(r, &text, v.text, v.len);
		}
		v = value_take(r, &text);
	}
	v.safe = of.safe;
	return v;
}

static struct value eval_slice(struct render *r, const struct node *node)
{
	struct value of = render_eval(r, node->a), v[3];
	const struct node *parts[] = {node->b, node->c, node->d};
	struct bounds bounds = {0, 0, 1};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		v[i] = parts[i] ? render_eval(r, parts[i]) : VALUE_NULL;
	r->node = node;
	if (of.kind == VALUE_UNDEFINED)
		fail_undefined(r, of);
	if (!value_is_sequence(of) && of.kind != VALUE_TEXT)
		render_fail(r, JINJA_FAULT_VALUE, "%s has no slices", value_kind_name(of));
	if ((v[2].kind == VALUE_INT || v[2].kind == VALUE_BOOL) && !value_whole(v[2]))
		render_fail(r, JINJA_FAULT_VALUE, "the step of a slice cannot be 0");
	else if (!r->failed && !read_bounds(v, value_length(r, of), &bounds))
		render_fail(r, JINJA_FAULT_VALUE, "the bounds of a slice are whole numbers");
	if (r->failed)
		return VALUE_NULL;
	return of.kind == VALUE_TEXT ? slice_text(r, of, &bounds) : slice_list(r, of, &bounds);
}

/* ---- literals, joins ---- */

static size_t count_nodes(const struct node *item)
{
	size_t n = 0;

	for (; item; item = item->next)
		n++;
	return n;
}

static struct value eval_list(struct render *r, const struct node *node)
{
	struct list *list = value_new_list(r, count_nodes(node->a));
	const struct node *item = node->a;

	for (size_t i = 0; i < list->count && !r->failed; i++, item = item->next)
		list->items[i] = render_eval(r, item);
	if (r->failed)
		list->count = 0;
	return value_list(list, node->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE);
}

static struct value eval_map(struct render *r, const struct node *node)
{
	struct map *map = value_new_map(r, count_nodes(node->a) / 2);

	for (const struct node *item = node->a; item && item->next && !r->failed;
	     item = item->next->next) {
		struct value key = render_eval(r, item);

		value_map_set(r, map, key, render_eval(r, item->next));
	}
	return value_map(map, VALUE_MAP);
}

static struct value eval_concat(struct render *r, const struct node *node)
{
	CLEANUP_BUF struct buf b = BUF_INIT;
	struct value list = eval_list(r, node), text;
	bool safe = false;

	for (size_t i = 0; i < list.list->count; i++)
		safe |= list.list->items[i].kind == VALUE_TEXT && list.list->items[i].safe;
	safe &= r->options.escape != JINJA_ESCAPE_NONE;
	for (size_t i = 0; i < list.list->count && !r->failed; i++)
		value_put_text(r, &b,
			       safe ? render_escape(r, list.list->items[i]) : list.list->items[i]);
	text = value_take(r, &b);
	text.safe = safe;
	return text;
}

/* ---- calls ---- */

/* Evaluates positional arguments into args[ARGUMENTS_MAX]. Returns how many. */
static size_t eval_arguments(struct render *r, const struct node *item, struct value *args)
{
	size_t n = 0;

	for (size_t i = 0; i < ARGUMENTS_MAX; i++)
		args[i] = VALUE_MISSING;
	for (; item && n < ARGUMENTS_MAX; item = item->next)
		args[n++] = render_eval(r, item);
	return n;
}

static struct value eval_filter(struct render *r, const struct node *node)
{
	struct value of = render_eval(r, node->a), args[ARGUMENTS_MAX];

	eval_arguments(r, node->b, args);
	for (const struct node *keyword = node->c; keyword; keyword = keyword->next)
		args[keyword->op] = render_eval(r, keyword->a);
	r->node = node;
	return r->failed ? of : node->filter->run(r, of, args);
}

static struct value eval_test(struct render *r, const struct node *node)
{
	struct value of = render_eval(r, node->a), args[ARGUMENTS_MAX];

	eval_arguments(r, node->b, args);
	r->node = node;
	return value_bool(!r->failed && node->predicate->holds(r, of, args));
}

static struct value eval_call(struct render *r, const struct node *node)
{
	struct value callee = render_eval(r, node->a), args[ARGUMENTS_MAX];
	struct keyword keywords[ARGUMENTS_MAX];
	struct call call = {.args = args, .keywords = keywords};

	call.count = eval_arguments(r, node->b, args);
	for (const struct node *item = node->c; item; item = item->next)
		keywords[call.keyword_count++] =
			(struct keyword){item->name, item->len, render_eval(r, item->a)};
	r->node = node;
	if (callee.kind == VALUE_UNDEFINED)
		fail_undefined(r, callee);
	else if (callee.kind != VALUE_FUNCTION)
		render_fail(r, JINJA_FAULT_VALUE, "%s cannot be called", value_kind_name(callee));
	return r->failed ? VALUE_NULL : function_call(r, callee.function, &call);
}

/* ---- operators ---- */

static bool compare(struct render *r, int op, struct value a, struct value b)
{
	bool unordered;
	int order;

	switch (op) {
	case OPERATOR('=', '='):
		return value_equal(r, a, b);
	case OPERATOR('!', '='):
		return !value_equal(r, a, b);
	case OP_IN:
		return value_contains(r, b, a);
	case OP_NOT_IN:
		return !value_contains(r, b, a);
	}
	order = value_compare(r, a, b, &unordered);
	if (unordered)
		return false;
	return op == '<'		  ? order < 0
	       : op == '>'		  ? order > 0
	       : op == OPERATOR('<', '=') ? order <= 0
					  : order >= 0;
}

static struct value eval_comparison(struct render *r, const struct node *node)
{
	struct value left = render_eval(r, node->a);

	for (const struct node *side = node->b; side && !r->failed; side = side->next) {
		struct value right = render_eval(r, side->a);

		r->node = side;
		if (!compare(r, side->op, left, right))
			return value_bool(false);
		left = right;
	}
	return value_bool(true);
}

static struct value eval_unary(struct render *r, const struct node *node)
{
	struct value v = render_eval(r, node->a);

	r->node = node;
	if (v.kind == VALUE_UNDEFINED)
		fail_undefined(r, v);
	else if (!value_is_number(v))
		render_fail(r, JINJA_FAULT_VALUE, "%s has no sign", value_kind_name(v));
	else if (v.kind == VALUE_INT && v.number == INT64_MIN)
		render_fail(r, JINJA_FAULT_LIMIT, "whole numbers have at most 63 bits");
	if (r->failed)
		return VALUE_NULL;
	if (v.kind == VALUE_FLOAT)
		return value_float(node->op == '-' ? -v.real : v.real);
	return value_int(node->op == '-' ? -value_whole(v) : value_whole(v));
}

static struct value eval_conditional(struct render *r, const struct node *node)
{
	static const char name[] = "the value of an if without else";
	struct value nothing = undefined(name, sizeof(name) - 1);

	if (value_truth(r, render_eval(r, node->b)))
		return render_eval(r, node->a);
	nothing.safe = true; /* in Jinja2 too this one may be printed in strict mode */
	return node->c ? render_eval(r, node->c) : nothing;
}

/* `and` and `or` give one of their sides. */
static struct value eval_choice(struct render *r, const struct node *node)
{
	struct value left = render_eval(r, node->a);

	if (value_truth(r, left) == (node->kind == NODE_OR))
		return left;
	return render_eval(r, node->b);
}

static struct value eval_binary(struct render *r, const struct node *node)
{
	struct value a = render_eval(r, node->a), b = render_eval(r, node->b);

	r->node = node;
	return r->failed ? VALUE_NULL : render_binary(r, node->op, a, b);
}

struct value render_eval(struct render *r, const struct node *node)
{
	struct value of;

	render_step(r, 1);
	if (r->failed)
		return VALUE_NULL;
	switch ((enum node_kind)node->kind) {
	case NODE_CONST:
		return node->value;
	case NODE_NAME:
		return eval_name(r, node);
	case NODE_ATTRIBUTE:
		of = render_eval(r, node->a);
		r->node = node;
		return render_attribute(r, of, node->name, node->len);
	case NODE_ITEM:
		of = render_eval(r, node->a);
		return render_item(r, of, render_eval(r, node->b));
	case NODE_SLICE:
		return eval_slice(r, node);
	case NODE_LIST:
	case NODE_TUPLE:
		return eval_list(r, node);
	case NODE_MAP:
		return eval_map(r, node);
	case NODE_UNARY:
		return eval_unary(r, node);
	case NODE_BINARY:
		return eval_binary(r, node);
	case NODE_AND:
	case NODE_OR:
		return eval_choice(r, node);
	case NODE_NOT:
		return value_bool(!value_truth(r, render_eval(r, node->a)));
	case NODE_COMPARE:
		return eval_comparison(r, node);
	case NODE_CONCAT:
		return eval_concat(r, node);
	case NODE_CONDITIONAL:
		return eval_conditional(r, node);
	case NODE_FILTER:
		return eval_filter(r, node);
	case NODE_TEST:
		return eval_test(r, node);
	case NODE_CALL:
		return eval_call(r, node);
	default:
		return r->captured;
	}
}
