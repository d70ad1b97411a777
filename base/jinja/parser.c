/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/parser.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

/* ---- tools ---- */

void parser_fail(struct parser *parser, const struct token *at, enum jinja_fault fault,
		 const char *format, ...)
{
	va_list ap;

	if (!parser->failed) {
		parser->failed = true;
		*parser->err = (struct jinja_error){fault, at->line, at->column, ""};
		va_start(ap, format);
		vsnprintf(parser->err->text, sizeof(parser->err->text), format, ap);
		va_end(ap);
	}
	while (parser->token->kind != TOKEN_END)
		parser->token++;
}

/* What a token looks like to who wrote it. */
static const char *describe(const struct token *token, char *text, size_t size)
{
	static const char *const names[] = {
		[TOKEN_END] = "the end of the template",
		[TOKEN_DATA] = "text",
		[TOKEN_VARIABLE_BEGIN] = "{{",
		[TOKEN_VARIABLE_END] = "}}",
		[TOKEN_BLOCK_BEGIN] = "{%",
		[TOKEN_BLOCK_END] = "%}",
		[TOKEN_INTEGER] = "a number",
		[TOKEN_FLOAT] = "a number",
		[TOKEN_TEXT] = "a quoted text",
	};

	if (token->kind != TOKEN_NAME && token->kind != TOKEN_OPERATOR)
		return names[token->kind];
	snprintf(text, size, "'%.*s'", token->len < 40 ? (int)token->len : 40, token->text);
	return text;
}

void parser_expected(struct parser *parser, const char *what)
{
	char text[64];

	parser_fail(parser, parser->token, JINJA_FAULT_SYNTAX, "expected %s, got %s", what,
		    describe(parser->token, text, sizeof(text)));
}

struct node *parser_node(struct parser *parser, enum node_kind kind, const struct token *at)
{
	struct node *node = arena_calloc(parser->arena, sizeof(*node));

	node->kind = (uint8_t)kind;
	node->line = at->line;
	node->column = at->column;
	return node;
}

struct node *parser_adopt(struct parser *parser, struct node *node, struct node *child)
{
	if (child && child->depth >= node->depth)
		node->depth = (uint16_t)(child->depth + 1);
	if (node->depth > JINJA_DEPTH_MAX)
		parser_fail(parser, parser->token, JINJA_FAULT_LIMIT,
			    "more than %d operators depend on each other", JINJA_DEPTH_MAX);
	return child;
}

void parser_next(struct parser *parser)
{
	if (parser->token->kind != TOKEN_END)
		parser->token++;
}

const struct token *parser_take(struct parser *parser, enum token_kind kind)
{
	const struct token *token = parser->token;

	if (token->kind != kind)
		return NULL;
	parser_next(parser);
	return token;
}

bool parser_skip_op(struct parser *parser, int op)
{
	bool is = token_is_op(parser->token, op);

	if (is)
		parser_next(parser);
	return is;
}

bool parser_skip_name(struct parser *parser, const char *name)
{
	bool is = token_is_name(parser->token, name);

	if (is)
		parser_next(parser);
	return is;
}

void parser_expect_op(struct parser *parser, int op)
{
	char what[8];

	if (parser_skip_op(parser, op))
		return;
	snprintf(what, sizeof(what), "'%c'", op);
	parser_expected(parser, what);
}

static void expect_block_end(struct parser *parser)
{
	if (!parser_take(parser, TOKEN_BLOCK_END))
		parser_expected(parser, "%}");
}

/* ---- statements ---- */

static struct node *parse_body(struct parser *parser, const char *const ends[]);

/* A body behind a block's opening tag, until one of the words in `ends`, which is current then. */
static struct node *parse_statements(struct parser *parser, const struct token *opening,
				     const char *const ends[])
{
	struct node *body;

	parser_skip_op(parser, ':');
	expect_block_end(parser);
	if (++parser->blocks > JINJA_NESTING_MAX)
		parser_fail(parser, opening, JINJA_FAULT_LIMIT, "blocks nest deeper than %d levels",
			    JINJA_NESTING_MAX);
	body = parse_body(parser, ends);
	parser->blocks--;
	if (parser->token->kind == TOKEN_END)
		parser_fail(parser, opening, JINJA_FAULT_SYNTAX,
			    "{%% %.*s %%} is never ended by {%% end%.*s %%}", (int)opening->len,
			    opening->text, (int)opening->len, opening->text);
	return body;
}

static const char *const if_ends[] = {"elif", "else", "endif", NULL};
static const char *const endif_end[] = {"endif", NULL};
static const char *const for_ends[] = {"else", "endfor", NULL};
static const char *const endfor_end[] = {"endfor", NULL};
static const char *const endset_end[] = {"endset", NULL};

/* Behind "if" or "elif"; an elif is an if in the else of the one before. */
static struct node *parse_if(struct parser *parser, const struct token *opening)
{
	struct node *first = parser_node(parser, NODE_IF, opening), *node = first;

	for (;;) {
		node->a =
			parser_adopt(parser, node, parser_tuple(parser, WITHOUT_CONDITIONAL, NULL));
		node->b = parse_statements(parser, opening, if_ends);
		if (!parser_skip_name(parser, "elif"))
			break;
		node->c = parser_node(parser, NODE_IF, parser->token);
		node = node->c;
	}
	if (parser_skip_name(parser, "else"))
		node->c = parse_statements(parser, opening, endif_end);
	parser_next(parser);
	return first;
}

static bool target_is_loop(const struct node *target)
{
	if (target->kind == NODE_NAME)
		return target->len == 4 && !memcmp(target->name, "loop", 4);
	for (const struct node *item = target->a; item; item = item->next)
		if (target_is_loop(item))
			return true;
	return false;
}

static struct node *parse_for(struct parser *parser, const struct token *opening)
{
	struct node *node = parser_node(parser, NODE_FOR, opening);

	node->a = parser_targets(parser, "in");
	if (!parser->failed && target_is_loop(node->a))
		parser_fail(parser, opening, JINJA_FAULT_SYNTAX,
			    "'loop' is the loop itself and cannot be its variable");
	if (!parser_skip_name(parser, "in"))
		parser_expected(parser, "'in'");
	node->b =
		parser_adopt(parser, node, parser_tuple(parser, WITHOUT_CONDITIONAL, "recursive"));
	if (parser_skip_name(parser, "if"))
		node->e = parser_adopt(parser, node, parser_expression(parser, WITH_CONDITIONAL));
	if (token_is_name(parser->token, "recursive"))
		parser_fail(parser, parser->token, JINJA_FAULT_UNSUPPORTED,
			    "recursive loops are not supported");
	node->c = parse_statements(parser, opening, for_ends);
	if (parser_skip_name(parser, "else"))
		node->d = parse_statements(parser, opening, endfor_end);
	parser_next(parser);
	return node;
}

/* "ns.name" before "=": an attribute of a namespace. */
static struct node *parse_set_target(struct parser *parser)
{
	const struct token *name = parser->token, *member;
	struct node *node;

	if (name->kind != TOKEN_NAME || !token_is_op(name + 1, '.'))
		return parser_targets(parser, NULL);
	node = parser_node(parser, NODE_NAMESPACE, name);
	node->name = name->text;
	node->len = name->len;
	parser_next(parser);
	parser_next(parser);
	member = parser_take(parser, TOKEN_NAME);
	if (!member)
		parser_expected(parser, "a name");
	else
		node->value = value_text(member->text, member->len);
	return node;
}

static struct node *parse_set(struct parser *parser, const struct token *opening)
{
	struct node *node = parser_node(parser, NODE_SET, opening);

	node->a = parse_set_target(parser);
	if (parser_skip_op(parser, '=')) {
		node->b = parser_adopt(parser, node, parser_tuple(parser, WITH_CONDITIONAL, NULL));
		return node;
	}
	node->kind = NODE_SET_BLOCK;
	if (token_is_op(parser->token, '|'))
		node->c = parser_adopt(
			parser, node,
			parser_filters(parser, parser_node(parser, NODE_CAPTURED, opening)));
	node->b = parse_statements(parser, opening, endset_end);
	parser_next(parser);
	return node;
}

static struct node *fail_statement(struct parser *parser, const struct token *opening)
{
	static const char *const known[] = {"block", "extends", "print",      "macro", "include",
					    "from",  "import",	"with",	      "call",  "filter",
					    "do",    "trans",	"autoescape", "break", "continue"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (token_is_name(opening, known[i])) {
			parser_fail(parser, opening, JINJA_FAULT_UNSUPPORTED,
				    "{%% %s %%} is not supported", known[i]);
			return NULL;
		}
	parser_fail(parser, opening, JINJA_FAULT_SYNTAX,
		    "unknown tag '%.*s': if, for, set or raw expected",
		    opening->len < 60 ? (int)opening->len : 60, opening->text);
	return NULL;
}

static struct node *parse_statement(struct parser *parser)
{
	const struct token *opening = parser_take(parser, TOKEN_NAME);

	if (!opening) {
		parser_expected(parser, "the name of a tag");
		return NULL;
	}
	if (token_is_name(opening, "if"))
		return parse_if(parser, opening);
	if (token_is_name(opening, "for"))
		return parse_for(parser, opening);
	if (token_is_name(opening, "set"))
		return parse_set(parser, opening);
	return fail_statement(parser, opening);
}

/* ---- bodies ---- */

static struct node *parse_data(struct parser *parser)
{
	const struct token *token = parser->token;
	struct node *node = parser_node(parser, NODE_DATA, token);

	node->value = value_text(token->text, token->len);
	parser_next(parser);
	return node;
}

static struct node *parse_print(struct parser *parser)
{
	const struct token *opening = parser_take(parser, TOKEN_VARIABLE_BEGIN);
	struct node *node = parser_node(parser, NODE_PRINT, opening);

	node->a = parser_adopt(parser, node, parser_tuple(parser, WITH_CONDITIONAL, NULL));
	if (!parser_take(parser, TOKEN_VARIABLE_END))
		parser_expected(parser, "}}");
	return node;
}

static bool is_one_of(const struct token *token, const char *const words[])
{
	for (; words && *words; words++)
		if (token_is_name(token, *words))
			return true;
	return false;
}

static struct node *parse_block(struct parser *parser)
{
	struct node *node;

	parser_next(parser);
	node = parse_statement(parser);
	expect_block_end(parser);
	return node;
}

static struct node *parse_body(struct parser *parser, const char *const ends[])
{
	struct node *first = NULL, **last = &first;

	while (parser->token->kind != TOKEN_END) {
		if (parser->token->kind == TOKEN_DATA) {
			*last = parse_data(parser);
		} else if (parser->token->kind == TOKEN_VARIABLE_BEGIN) {
			*last = parse_print(parser);
		} else if (is_one_of(parser->token + 1, ends)) {
			parser_next(parser);
			break;
		} else {
			*last = parse_block(parser);
		}
		if (!*last)
			break;
		last = &(*last)->next;
	}
	return first;
}

struct node *parser_run(struct parser *parser)
{
	struct node *body = parse_body(parser, NULL);

	return parser->failed ? NULL : body;
}

/* ---- the template ---- */

static bool is_utf8(const char *source, size_t len)
{
	json_t *json = json_stringn(source, len);
	bool valid = json != NULL;

	json_decref(json);
	return valid;
}

int jinja_compile(const char *source, size_t len, struct jinja **ret, struct jinja_error *err)
{
	CLEANUP_JINJA struct jinja *jinja = xcalloc(1, sizeof(*jinja));
	struct parser parser = {.arena = &jinja->arena, .err = err};

	*err = (struct jinja_error){.fault = JINJA_FAULT_LIMIT, .line = 1, .column = 1};
	if (len > JINJA_SOURCE_MAX) {
		snprintf(err->text, sizeof(err->text), "template of %zu bytes, at most %d expected",
			 len, JINJA_SOURCE_MAX);
		return -EINVAL;
	}
	err->fault = JINJA_FAULT_SYNTAX;
	if (!is_utf8(source, len)) {
		snprintf(err->text, sizeof(err->text), "the template is not UTF-8");
		return -EINVAL;
	}
	parser.token = lexer_scan(&jinja->arena, source, len, err);
	if (!parser.token)
		return -EINVAL;
	jinja->body = parser_run(&parser);
	if (parser.failed)
		return -EINVAL;
	*err = (struct jinja_error){0};
	*ret = take_ptr(jinja);
	return 0;
}

struct jinja *jinja_free(struct jinja *jinja)
{
	if (jinja)
		arena_fini(&jinja->arena);
	free(jinja);
	return NULL;
}
