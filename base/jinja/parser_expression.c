/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/filters.h"
#include "base/jinja/parser.h"

typedef struct node *(*parse_fn)(struct parser *);

static struct node *parse_unary(struct parser *parser, bool with_filters);

static struct node *binary(struct parser *parser, enum node_kind kind, int op,
			   const struct token *at, struct node *left, struct node *right)
{
	struct node *node = parser_node(parser, kind, at);

	node->op = op;
	node->a = parser_adopt(parser, node, left);
	node->b = parser_adopt(parser, node, right);
	return node;
}

/* Adds item to the list whose end `last` is. */
static struct node **append(struct parser *parser, struct node *node, struct node **last,
			    struct node *item)
{
	*last = parser_adopt(parser, node, item);
	return item ? &item->next : last;
}

/* ---- operators, loosest first ---- */

static struct node *parse_power(struct parser *parser)
{
	struct node *left = parse_unary(parser, true);
	const struct token *at = parser->token;

	while (parser_skip_op(parser, OPERATOR('*', '*')))
		left = binary(parser, NODE_BINARY, OPERATOR('*', '*'), at, left,
			      parse_unary(parser, true));
	return left;
}

static struct node *parse_product(struct parser *parser)
{
	struct node *left = parse_power(parser);

	for (;;) {
		const struct token *at = parser->token;

		if (!token_is_op(at, '*') && !token_is_op(at, '/') && !token_is_op(at, '%') &&
		    !token_is_op(at, OPERATOR('/', '/')))
			return left;
		parser_next(parser);
		left = binary(parser, NODE_BINARY, at->op, at, left, parse_power(parser));
	}
}

static struct node *parse_concat(struct parser *parser)
{
	const struct token *at = parser->token;
	struct node *first = parse_product(parser), *node, **last;

	if (!token_is_op(parser->token, '~'))
		return first;
	node = parser_node(parser, NODE_CONCAT, at);
	last = append(parser, node, &node->a, first);
	while (parser_skip_op(parser, '~'))
		last = append(parser, node, last, parse_product(parser));
	return node;
}

static struct node *parse_sum(struct parser *parser)
{
	struct node *left = parse_concat(parser);

	for (;;) {
		const struct token *at = parser->token;

		if (!token_is_op(at, '+') && !token_is_op(at, '-'))
			return left;
		parser_next(parser);
		left = binary(parser, NODE_BINARY, at->op, at, left, parse_concat(parser));
	}
}

/* The comparison at the current token, which it moves past; 0 if it is none. */
static int take_comparison(struct parser *parser)
{
	static const int ops[] = {OPERATOR('=', '='),
				  OPERATOR('!', '='),
				  OPERATOR('<', '='),
				  OPERATOR('>', '='),
				  '<',
				  '>'};
	const struct token *at = parser->token;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (parser_skip_op(parser, ops[i]))
			return ops[i];
	if (parser_skip_name(parser, "in"))
		return OP_IN;
	if (!token_is_name(at, "not") || !token_is_name(at + 1, "in"))
		return 0;
	parser_next(parser);
	parser_next(parser);
	return OP_NOT_IN;
}

static struct node *parse_comparison(struct parser *parser)
{
	const struct token *at = parser->token;
	struct node *first = parse_sum(parser), *node = NULL, **last = NULL;

	for (;;) {
		const struct token *sign = parser->token;
		int op = take_comparison(parser);
		struct node *side;

		if (!op)
			return node ? node : first;
		if (!node) {
			node = parser_node(parser, NODE_COMPARE, at);
			node->a = parser_adopt(parser, node, first);
			last = &node->b;
		}
		/* the side is wrapped, so that a bare name's own link stays free */
		side = parser_node(parser, NODE_COMPARE, sign);
		side->op = op;
		side->a = parser_adopt(parser, side, parse_sum(parser));
		last = append(parser, node, last, side);
	}
}

static struct node *parse_not(struct parser *parser)
{
	const struct token *at = parser->token;
	struct node *node;

	if (!parser_skip_name(parser, "not"))
		return parse_comparison(parser);
	if (++parser->nesting > JINJA_DEPTH_MAX)
		parser_fail(parser, at, JINJA_FAULT_LIMIT, "too many operators in a row");
	node = binary(parser, NODE_NOT, 0, at, parse_not(parser), NULL);
	parser->nesting--;
	return node;
}

static struct node *parse_and(struct parser *parser)
{
	struct node *left = parse_not(parser);
	const struct token *at = parser->token;

	while (parser_skip_name(parser, "and"))
		left = binary(parser, NODE_AND, 0, at, left, parse_not(parser));
	return left;
}

static struct node *parse_or(struct parser *parser)
{
	struct node *left = parse_and(parser);
	const struct token *at = parser->token;

	while (parser_skip_name(parser, "or"))
		left = binary(parser, NODE_OR, 0, at, left, parse_and(parser));
	return left;
}

static struct node *parse_conditional(struct parser *parser)
{
	struct node *left = parse_or(parser);
	const struct token *at = parser->token;

	while (parser_skip_name(parser, "if")) {
		left = binary(parser, NODE_CONDITIONAL, 0, at, left, parse_or(parser));
		if (++parser->nesting > JINJA_DEPTH_MAX)
			parser_fail(parser, at, JINJA_FAULT_LIMIT, "too many conditions in a row");
		if (parser_skip_name(parser, "else"))
			left->c = parser_adopt(parser, left, parse_conditional(parser));
		parser->nesting--;
	}
	return left;
}

struct node *parser_expression(struct parser *parser, enum parser_conditional conditional)
{
	struct node *node;

	if (++parser->nesting > JINJA_NESTING_MAX)
		parser_fail(parser, parser->token, JINJA_FAULT_LIMIT,
			    "expressions nest deeper than %d levels", JINJA_NESTING_MAX);
	node = conditional == WITH_CONDITIONAL ? parse_conditional(parser) : parse_or(parser);
	parser->nesting--;
	return node;
}

/* ---- primaries ---- */

static struct node *constant(struct parser *parser, const struct token *at, struct value value)
{
	struct node *node = parser_node(parser, NODE_CONST, at);

	node->value = value;
	return node;
}

static struct node *parse_name(struct parser *parser)
{
	const struct token *at = parser_take(parser, TOKEN_NAME);
	struct node *node;

	if (token_is_name(at, "true") || token_is_name(at, "True"))
		return constant(parser, at, value_bool(true));
	if (token_is_name(at, "false") || token_is_name(at, "False"))
		return constant(parser, at, value_bool(false));
	if (token_is_name(at, "none") || token_is_name(at, "None"))
		return constant(parser, at, VALUE_NULL);
	node = parser_node(parser, NODE_NAME, at);
	node->name = at->text;
	node->len = at->len;
	return node;
}

/* Quoted texts behind each other are one. */
static struct node *parse_text(struct parser *parser)
{
	const struct token *at = parser->token;
	CLEANUP_BUF struct buf b = BUF_INIT;

	if (at[1].kind != TOKEN_TEXT) {
		parser_next(parser);
		return constant(parser, at, value_text(at->text, at->len));
	}
	for (const struct token *t = at; (t = parser_take(parser, TOKEN_TEXT));)
		buf_append(&b, t->text, t->len);
	return constant(parser, at, value_text(arena_copy(parser->arena, b.data, b.len), b.len));
}

/* Items separated by commas, the last of which may be bogus, until `close`. */
static struct node *parse_list(struct parser *parser)
{
	struct node *node = parser_node(parser, NODE_LIST, parser->token), **last = &node->a;

	parser_next(parser);
	while (!token_is_op(parser->token, ']') && !parser->failed) {
		last = append(parser, node, last, parser_expression(parser, WITH_CONDITIONAL));
		if (!token_is_op(parser->token, ']'))
			parser_expect_op(parser, ',');
	}
	parser_expect_op(parser, ']');
	return node;
}

static struct node *parse_map(struct parser *parser)
{
	struct node *node = parser_node(parser, NODE_MAP, parser->token), **last = &node->a;

	parser_next(parser);
	while (!token_is_op(parser->token, '}') && !parser->failed) {
		last = append(parser, node, last, parser_expression(parser, WITH_CONDITIONAL));
		parser_expect_op(parser, ':');
		last = append(parser, node, last, parser_expression(parser, WITH_CONDITIONAL));
		if (!token_is_op(parser->token, '}'))
			parser_expect_op(parser, ',');
	}
	parser_expect_op(parser, '}');
	return node;
}

static struct node *parse_parentheses(struct parser *parser)
{
	const struct token *at = parser->token;
	struct node *node;

	parser_next(parser);
	node = token_is_op(parser->token, ')') ? parser_node(parser, NODE_TUPLE, at)
					       : parser_tuple(parser, WITH_CONDITIONAL, NULL);
	parser_expect_op(parser, ')');
	return node;
}

struct node *parser_primary(struct parser *parser)
{
	const struct token *at = parser->token;

	switch (at->kind) {
	case TOKEN_NAME:
		return parse_name(parser);
	case TOKEN_TEXT:
		return parse_text(parser);
	case TOKEN_INTEGER:
		parser_next(parser);
		return constant(parser, at, value_int(at->number));
	case TOKEN_FLOAT:
		parser_next(parser);
		return constant(parser, at, value_float(at->real));
	default:
		break;
	}
	if (token_is_op(at, '('))
		return parse_parentheses(parser);
	if (token_is_op(at, '['))
		return parse_list(parser);
	if (token_is_op(at, '{'))
		return parse_map(parser);
	parser_expected(parser, "a value");
	return parser_node(parser, NODE_CONST, at);
}

/* ---- tuples ---- */

static bool is_tuple_end(const struct parser *parser, const char *end)
{
	const struct token *token = parser->token;

	return token->kind == TOKEN_VARIABLE_END || token->kind == TOKEN_BLOCK_END ||
	       token->kind == TOKEN_END || token_is_op(token, ')') ||
	       (end && token_is_name(token, end));
}

static struct node *parse_items(struct parser *parser, const char *end, parse_fn parse)
{
	const struct token *at = parser->token;
	struct node *first, *node, **last;

	if (is_tuple_end(parser, end)) {
		parser_expected(parser, "a value");
		return parser_node(parser, NODE_TUPLE, at);
	}
	first = parse(parser);
	if (!token_is_op(parser->token, ','))
		return first;
	node = parser_node(parser, NODE_TUPLE, at);
	last = append(parser, node, &node->a, first);
	while (parser_skip_op(parser, ',') && !is_tuple_end(parser, end))
		last = append(parser, node, last, parse(parser));
	return node;
}

static struct node *parse_with_conditional(struct parser *parser)
{
	return parser_expression(parser, WITH_CONDITIONAL);
}

static struct node *parse_without_conditional(struct parser *parser)
{
	return parser_expression(parser, WITHOUT_CONDITIONAL);
}

struct node *parser_tuple(struct parser *parser, enum parser_conditional conditional,
			  const char *end)
{
	return parse_items(parser, end,
			   conditional == WITH_CONDITIONAL ? parse_with_conditional
							   : parse_without_conditional);
}

static bool is_target(const struct node *node)
{
	if (node->kind != NODE_TUPLE)
		return node->kind == NODE_NAME;
	for (const struct node *item = node->a; item; item = item->next)
		if (!is_target(item))
			return false;
	return true;
}

struct node *parser_targets(struct parser *parser, const char *end)
{
	const struct token *at = parser->token;
	struct node *node = parse_items(parser, end, parser_primary);

	if (!parser->failed && !is_target(node))
		parser_fail(parser, at, JINJA_FAULT_SYNTAX,
			    "only names can be assigned to, alone or with commas");
	return node;
}

/* ---- arguments ---- */

/* "(a, b, c=d)" into node->b and node->c; keywords are looked up by the caller. */
static void parse_arguments(struct parser *parser, struct node *node)
{
	struct node **last = &node->b, **last_keyword = &node->c;

	parser_next(parser);
	while (!token_is_op(parser->token, ')') && !parser->failed) {
		const struct token *at = parser->token;

		if (token_is_op(at, '*') || token_is_op(at, OPERATOR('*', '*'))) {
			parser_fail(parser, at, JINJA_FAULT_UNSUPPORTED,
				    "* and ** before arguments are not supported");
		} else if (at->kind == TOKEN_NAME && token_is_op(at + 1, '=')) {
			struct node *keyword = parser_node(parser, NODE_KEYWORD, at);

			keyword->name = at->text;
			keyword->len = at->len;
			parser_next(parser);
			parser_next(parser);
			keyword->a = parser_adopt(parser, keyword,
						  parser_expression(parser, WITH_CONDITIONAL));
			last_keyword = append(parser, node, last_keyword, keyword);
		} else if (node->c) {
			parser_fail(parser, at, JINJA_FAULT_SYNTAX,
				    "arguments without a name stand before those with one");
		} else {
			last = append(parser, node, last,
				      parser_expression(parser, WITH_CONDITIONAL));
		}
		if (!token_is_op(parser->token, ')'))
			parser_expect_op(parser, ',');
	}
	parser_expect_op(parser, ')');
}

static int count_items(const struct node *item)
{
	int n = 0;

	for (; item; item = item->next)
		n++;
	return n;
}

/* Each keyword gets its place; too many and too few arguments are refused. */
static void bind_filter(struct parser *parser, struct node *node, const struct token *at)
{
	const struct filter *filter = node->filter;
	int count = count_items(node->b), places = filters_positional(filter);
	unsigned given = count < 32 ? (1u << count) - 1 : ~0u;

	if (count > places)
		parser_fail(parser, at, JINJA_FAULT_SYNTAX,
			    "filter '%s' has %d arguments, %d are given", filter->name, places,
			    count);
	for (struct node *keyword = node->c; keyword && !parser->failed; keyword = keyword->next) {
		keyword->op = filters_parameter(filter, keyword->name, keyword->len);
		if (keyword->op < 0 || given & 1u << keyword->op)
			parser_fail(parser, at, JINJA_FAULT_SYNTAX,
				    "filter '%s' has no argument '%.*s' left", filter->name,
				    keyword->len < 40 ? (int)keyword->len : 40, keyword->name);
		else
			given |= 1u << keyword->op;
	}
	if ((given & ((1u << filter->required) - 1)) != (1u << filter->required) - 1)
		parser_fail(parser, at, JINJA_FAULT_SYNTAX, "filter '%s' needs %u arguments",
			    filter->name, filter->required);
}

static struct node *parse_filter(struct parser *parser, struct node *of)
{
	const struct token *at = parser_take(parser, TOKEN_NAME);
	struct node *node;

	if (!at) {
		parser_expected(parser, "the name of a filter");
		return of;
	}
	node = parser_node(parser, NODE_FILTER, at);
	node->a = parser_adopt(parser, node, of);
	node->filter = filters_find(at->text, at->len);
	/* "a|b.c" is a filter b.c, not the member c of what b gives */
	if (!node->filter || token_is_op(parser->token, '.')) {
		parser_fail(parser, at, JINJA_FAULT_UNSUPPORTED, "there is no filter '%.*s'",
			    at->len < 60 ? (int)at->len : 60, at->text);
		return node;
	}
	if (token_is_op(parser->token, '('))
		parse_arguments(parser, node);
	if (!parser->failed)
		bind_filter(parser, node, at);
	return node;
}

struct node *parser_filters(struct parser *parser, struct node *node)
{
	while (parser_skip_op(parser, '|'))
		node = parse_filter(parser, node);
	return node;
}

/* ---- what stands behind a primary ---- */

static struct node *parse_call(struct parser *parser, struct node *of)
{
	struct node *node = parser_node(parser, NODE_CALL, parser->token);

	node->a = parser_adopt(parser, node, of);
	parse_arguments(parser, node);
	if (!parser->failed && count_items(node->b) > ARGUMENTS_MAX)
		parser_fail(parser, parser->token, JINJA_FAULT_LIMIT,
			    "a call has at most %d arguments", ARGUMENTS_MAX);
	if (!parser->failed && count_items(node->c) > ARGUMENTS_MAX)
		parser_fail(parser, parser->token, JINJA_FAULT_LIMIT,
			    "a call has at most %d named arguments", ARGUMENTS_MAX);
	return node;
}

static struct node *parse_member(struct parser *parser, struct node *of, const struct token *at)
{
	const struct token *member = parser->token;
	struct node *node = parser_node(parser, NODE_ATTRIBUTE, at);

	node->a = parser_adopt(parser, node, of);
	if (parser_take(parser, TOKEN_NAME)) {
		node->name = member->text;
		node->len = member->len;
	} else if (parser_take(parser, TOKEN_INTEGER)) {
		node->kind = NODE_ITEM;
		node->b = constant(parser, member, value_int(member->number));
	} else {
		parser_expected(parser, "a name or a number behind '.'");
	}
	return node;
}

/* One part of a slice, or NULL if it is left out. */
static struct node *parse_bound(struct parser *parser, struct node *node)
{
	if (token_is_op(parser->token, ':') || token_is_op(parser->token, ']'))
		return NULL;
	return parser_adopt(parser, node, parser_expression(parser, WITH_CONDITIONAL));
}

static struct node *parse_subscript(struct parser *parser, struct node *of, const struct token *at)
{
	struct node *node = parser_node(parser, NODE_ITEM, at);

	node->a = parser_adopt(parser, node, of);
	if (token_is_op(parser->token, ']'))
		parser_expected(parser, "an index");
	node->b = parse_bound(parser, node);
	if (parser_skip_op(parser, ':')) {
		node->kind = NODE_SLICE;
		node->c = parse_bound(parser, node);
		if (parser_skip_op(parser, ':'))
			node->d = parse_bound(parser, node);
	} else if (token_is_op(parser->token, ',')) {
		parser_fail(parser, parser->token, JINJA_FAULT_UNSUPPORTED,
			    "several indexes at once are not supported");
	}
	parser_expect_op(parser, ']');
	return node;
}

static struct node *parse_postfix(struct parser *parser, struct node *node)
{
	for (;;) {
		const struct token *at = parser->token;

		if (parser_skip_op(parser, '.'))
			node = parse_member(parser, node, at);
		else if (parser_skip_op(parser, '['))
			node = parse_subscript(parser, node, at);
		else if (token_is_op(at, '('))
			node = parse_call(parser, node);
		else
			return node;
	}
}

static bool starts_argument(const struct token *token)
{
	switch (token->kind) {
	case TOKEN_NAME:
		return !token_is_name(token, "else") && !token_is_name(token, "or") &&
		       !token_is_name(token, "and");
	case TOKEN_TEXT:
	case TOKEN_INTEGER:
	case TOKEN_FLOAT:
		return true;
	default:
		return token_is_op(token, '[') || token_is_op(token, '{');
	}
}

static void parse_test_arguments(struct parser *parser, struct node *node, const struct token *at)
{
	const struct predicate *predicate = node->predicate;
	int count;

	if (token_is_op(parser->token, '(')) {
		parse_arguments(parser, node);
	} else if (token_is_name(parser->token, "is")) {
		parser_fail(parser, parser->token, JINJA_FAULT_SYNTAX,
			    "tests with 'is' cannot be chained");
	} else if (starts_argument(parser->token)) {
		if (++parser->nesting > JINJA_NESTING_MAX)
			parser_fail(parser, at, JINJA_FAULT_LIMIT, "too many tests in tests");
		node->b = parser_adopt(parser, node, parse_postfix(parser, parser_primary(parser)));
		parser->nesting--;
	}
	count = count_items(node->b);
	if (!parser->failed &&
	    (count < (int)predicate->min || count > (int)predicate->max || node->c))
		parser_fail(parser, at, JINJA_FAULT_SYNTAX, "test '%s' has %u arguments",
			    predicate->name, predicate->max);
}

static struct node *parse_test(struct parser *parser, struct node *of)
{
	const struct token *is = parser->token, *at;
	struct node *node = parser_node(parser, NODE_TEST, is);
	bool negated;

	parser_next(parser);
	negated = parser_skip_name(parser, "not");
	at = parser_take(parser, TOKEN_NAME);
	node->a = parser_adopt(parser, node, of);
	if (!at) {
		parser_expected(parser, "the name of a test");
		return node;
	}
	node->predicate = predicate_find(at->text, at->len);
	if (!node->predicate) {
		parser_fail(parser, at, JINJA_FAULT_UNSUPPORTED, "there is no test '%.*s'",
			    at->len < 60 ? (int)at->len : 60, at->text);
		return node;
	}
	parse_test_arguments(parser, node, at);
	return negated ? binary(parser, NODE_NOT, 0, is, node, NULL) : node;
}

static struct node *parse_unary(struct parser *parser, bool with_filters)
{
	const struct token *at = parser->token;
	struct node *node;

	if (parser_skip_op(parser, '-') || parser_skip_op(parser, '+')) {
		if (++parser->nesting > JINJA_DEPTH_MAX)
			parser_fail(parser, at, JINJA_FAULT_LIMIT, "too many signs in a row");
		node = binary(parser, NODE_UNARY, at->op, at, parse_unary(parser, false), NULL);
		parser->nesting--;
	} else {
		node = parser_primary(parser);
	}
	node = parse_postfix(parser, node);
	while (with_filters) {
		if (parser_skip_op(parser, '|'))
			node = parse_filter(parser, node);
		else if (token_is_name(parser->token, "is"))
			node = parse_test(parser, node);
		else if (token_is_op(parser->token, '('))
			node = parse_call(parser, node);
		else
			break;
	}
	return node;
}
