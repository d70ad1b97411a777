/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jinja/ustr.h"

#define BRACKETS_MAX (2 * JINJA_NESTING_MAX)

struct lexer {
	struct arena *arena;
	struct jinja_error *err;
	const char *p, *end, *start;
	/* where `placed` is, so that places are found in one walk */
	const char *placed;
	uint32_t line, column;
	struct token *tokens;
	size_t count, room;
	char brackets[BRACKETS_MAX]; /* the closing ones that are awaited */
	size_t bracket_count;
	bool failed;
};

/* Moves the place forward to p. */
static void place_at(struct lexer *lexer, const char *p)
{
	for (; lexer->placed < p; lexer->placed++) {
		if (*lexer->placed == '\n') {
			lexer->line++;
			lexer->column = 1;
		} else if (((unsigned char)*lexer->placed & 0xc0) != 0x80) {
			lexer->column++;
		}
	}
}

__attribute__((format(printf, 3, 4))) static void lexer_fail(struct lexer *lexer, const char *at,
							     const char *format, ...)
{
	va_list ap;

	if (lexer->failed)
		return;
	lexer->failed = true;
	place_at(lexer, at);
	lexer->err->fault = JINJA_FAULT_SYNTAX;
	lexer->err->line = lexer->line;
	lexer->err->column = lexer->column;
	va_start(ap, format);
	vsnprintf(lexer->err->text, sizeof(lexer->err->text), format, ap);
	va_end(ap);
}

static struct token *token_add(struct lexer *lexer, enum token_kind kind, const char *at)
{
	struct token *token;

	if (lexer->count == lexer->room) {
		lexer->room = lexer->room ? 2 * lexer->room : 64;
		lexer->tokens = xreallocarray(lexer->tokens, lexer->room, sizeof(*token));
	}
	place_at(lexer, at);
	token = &lexer->tokens[lexer->count++];
	*token = (struct token){.kind = kind, .line = lexer->line, .column = lexer->column};
	return token;
}

static bool starts(const struct lexer *lexer, const char *p, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(lexer->end - p) >= len && !memcmp(p, word, len);
}

static const char *skip_space(const struct lexer *lexer, const char *p)
{
	return p + ustr_space_prefix(p, (size_t)(lexer->end - p));
}

static const char *skip_sign(const struct lexer *lexer, const char *p)
{
	return p < lexer->end && (*p == '-' || *p == '+') ? p + 1 : p;
}

/* ---- text between tags ---- */

/* `sign` is what follows the opening of the tag behind the text: '-' takes the blanks before it. */
static void add_data(struct lexer *lexer, const char *from, const char *until, char sign)
{
	size_t len = (size_t)(until - from);
	struct token *token;

	if (sign == '-')
		len -= ustr_space_suffix(from, len);
	if (!len)
		return;
	token = token_add(lexer, TOKEN_DATA, from);
	token->text = from;
	token->len = (uint32_t)len;
}

/* "{%- raw -%}" at p: what is behind it; NULL if it is something else. */
static const char *match_word_tag(const struct lexer *lexer, const char *p, const char *word)
{
	if (!starts(lexer, p, "{%"))
		return NULL;
	p = skip_space(lexer, skip_sign(lexer, p + 2));
	if (!starts(lexer, p, word))
		return NULL;
	p = skip_space(lexer, p + strlen(word));
	if (starts(lexer, p, "-%}"))
		return skip_space(lexer, p + 3);
	if (starts(lexer, p, "+%}") && word[0] == 'e')
		return p + 3;
	return starts(lexer, p, "%}") ? p + 2 : NULL;
}

static void scan_raw(struct lexer *lexer, const char *opened)
{
	for (const char *p = lexer->p; p < lexer->end; p++) {
		const char *after = *p == '{' ? match_word_tag(lexer, p, "endraw") : NULL;

		if (!after)
			continue;
		add_data(lexer, lexer->p, p, p[2]);
		lexer->p = after;
		return;
	}
	lexer_fail(lexer, opened, "{%% raw %%} is never ended by {%% endraw %%}");
}

static void scan_comment(struct lexer *lexer, const char *opened)
{
	const char *p = memmem(lexer->p, (size_t)(lexer->end - lexer->p), "#}", 2);

	if (!p) {
		lexer_fail(lexer, opened, "comment {# is never ended by #}");
		return;
	}
	lexer->p = p[-1] == '-' && p > lexer->p ? skip_space(lexer, p + 2) : p + 2;
}

/* ---- inside tags ---- */

static const char *scan_digits(const struct lexer *lexer, const char *p, int (*is)(int))
{
	while (p < lexer->end && (is((unsigned char)*p) ||
				  (*p == '_' && p + 1 < lexer->end && is((unsigned char)p[1]))))
		p++;
	return p;
}

static int is_octal(int c)
{
	return c >= '0' && c <= '7';
}

static int is_binary(int c)
{
	return c == '0' || c == '1';
}

/* Digits without the underscores. */
static const char *plain_digits(struct lexer *lexer, const char *from, const char *until)
{
	char *text = arena_alloc(lexer->arena, (size_t)(until - from) + 1), *out = text;

	for (; from < until; from++)
		if (*from != '_')
			*out++ = *from;
	*out = '\0';
	return text;
}

/* Where a float ends that begins at p; NULL if it is none. */
static const char *float_end(const struct lexer *lexer, const char *p)
{
	const char *exponent;
	bool fraction = false;

	if (p > lexer->start && p[-1] == '.')
		return NULL;
	p = scan_digits(lexer, p, isdigit);
	if (p + 1 < lexer->end && *p == '.' && isdigit((unsigned char)p[1])) {
		p = scan_digits(lexer, p + 1, isdigit);
		fraction = true;
	}
	exponent = p;
	if (p < lexer->end && (*p == 'e' || *p == 'E')) {
		exponent = skip_sign(lexer, p + 1);
		if (exponent < lexer->end && isdigit((unsigned char)*exponent))
			return scan_digits(lexer, exponent, isdigit);
	}
	return fraction ? p : NULL;
}

static const char *integer_end(const struct lexer *lexer, const char *p, int *base)
{
	static const struct {
		char letter;
		int base;
		int (*is)(int);
	} prefixes[] = {{'x', 16, isxdigit}, {'o', 8, is_octal}, {'b', 2, is_binary}};
	const char *end;

	*base = 10;
	if (*p != '0')
		return scan_digits(lexer, p, isdigit);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (p + 2 >= lexer->end || tolower((unsigned char)p[1]) != prefixes[i].letter)
			continue;
		end = scan_digits(lexer, p + 2, prefixes[i].is);
		if (end == p + 2)
			continue;
		*base = prefixes[i].base;
		return end;
	}
	for (end = p + 1; end < lexer->end; end++) {
		if (*end == '_' && end + 1 < lexer->end && end[1] == '0')
			end++;
		else if (*end != '0')
			break;
	}
	return end;
}

static void scan_number(struct lexer *lexer)
{
	const char *from = lexer->p, *end = float_end(lexer, from);
	struct token *token = token_add(lexer, end ? TOKEN_FLOAT : TOKEN_INTEGER, from);
	int base;

	if (end) {
		token->real = strtod(plain_digits(lexer, from, end), NULL);
		lexer->p = end;
		return;
	}
	end = integer_end(lexer, from, &base);
	errno = 0;
	token->number = strtoll(plain_digits(lexer, from + (base == 10 ? 0 : 2), end), NULL, base);
	if (errno)
		lexer_fail(lexer, from, "whole numbers have at most 63 bits");
	lexer->p = end;
}

static void scan_name(struct lexer *lexer)
{
	const char *from = lexer->p;
	struct token *token = token_add(lexer, TOKEN_NAME, from);

	while (lexer->p < lexer->end &&
	       (isalnum((unsigned char)*lexer->p) || *lexer->p == '_' || *lexer->p & 0x80))
		lexer->p++;
	token->text = from;
	token->len = (uint32_t)(lexer->p - from);
	/* beyond ASCII: whatever can be seen */
	for (const char *p = from; p < lexer->p;) {
		uint32_t c = ustr_next(&p, lexer->p);

		if (!ustr_is_printable(c))
			lexer_fail(lexer, from, "invalid character in a name");
	}
}

/* \xhh, \uhhhh, \Uhhhhhhhh: `digits` of them at p. */
static bool unescape_hex(struct lexer *lexer, const char *p, int digits, struct buf *b)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++) {
		if (p + i >= lexer->end || !isxdigit((unsigned char)p[i]))
			return false;
		c = c << 4 | (uint32_t)(isdigit((unsigned char)p[i]) ? p[i] - '0'
								     : (p[i] | 0x20) - 'a' + 10);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return false;
	ustr_put(b, c);
	return true;
}

static const char *unescape_octal(const char *p, const char *end, struct buf *b)
{
	uint32_t c = 0;

	for (int i = 0; i < 3 && p < end && is_octal(*p); i++)
		c = c << 3 | (uint32_t)(*p++ - '0');
	ustr_put(b, c);
	return p;
}

/* One escape of Python's string literals; p is behind the backslash. Returns what is behind it. */
static const char *unescape_one(struct lexer *lexer, const char *p, const char *end, struct buf *b)
{
	static const char names[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
	const char *name = *p ? strchr(names, *p) : NULL;
	int digits = *p == 'x' ? 2 : *p == 'u' ? 4 : *p == 'U' ? 8 : 0;

	if (*p == '\n')
		return p + 1;
	if (name) {
		buf_append(b, &values[name - names], 1);
		return p + 1;
	}
	if (is_octal(*p))
		return unescape_octal(p, end, b);
	if (digits || *p == 'N') {
		if (!digits || !unescape_hex(lexer, p + 1, digits, b))
			lexer_fail(lexer, p - 1, "\\%c is no character here", *p);
		return p + 1 + digits < end ? p + 1 + digits : end;
	}
	buf_append(b, p - 1, 2);
	return p + 1;
}

static void scan_text(struct lexer *lexer)
{
	const char *from = lexer->p, *p = from + 1;
	struct token *token = token_add(lexer, TOKEN_TEXT, from);
	CLEANUP_BUF struct buf b = BUF_INIT;

	while (p < lexer->end && *p != *from && !lexer->failed) {
		if (*p == '\\' && p + 1 < lexer->end) {
			p = unescape_one(lexer, p + 1, lexer->end, &b);
		} else {
			buf_append(&b, p, 1);
			p++;
		}
	}
	if (p >= lexer->end)
		lexer_fail(lexer, from, "text is never ended by %c", *from);
	token->len = (uint32_t)b.len;
	token->text = arena_copy(lexer->arena, b.data, b.len);
	lexer->p = p + 1;
}

/* Keeps account of brackets. */
static void check_bracket(struct lexer *lexer, char c)
{
	const char *opening = strchr("([{", c);
	char want;

	if (opening) {
		if (lexer->bracket_count == BRACKETS_MAX)
			lexer_fail(lexer, lexer->p, "brackets nest deeper than %d", BRACKETS_MAX);
		else
			lexer->brackets[lexer->bracket_count++] = ")]}"[opening - "([{"];
		return;
	}
	if (!strchr(")]}", c))
		return;
	if (!lexer->bracket_count) {
		lexer_fail(lexer, lexer->p, "unexpected '%c'", c);
		return;
	}
	want = lexer->brackets[--lexer->bracket_count];
	if (want != c)
		lexer_fail(lexer, lexer->p, "unexpected '%c', expected '%c'", c, want);
}

static void scan_operator(struct lexer *lexer)
{
	static const char *const pairs[] = {"**", "//", "==", "!=", ">=", "<="};
	const char *p = lexer->p;
	struct token *token;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!starts(lexer, p, pairs[i]))
			continue;
		token = token_add(lexer, TOKEN_OPERATOR, p);
		token->op = OPERATOR(p[0], p[1]);
		token->text = p;
		token->len = 2;
		lexer->p += 2;
		return;
	}
	if (!*p || !strchr("+-/*%~[](){}><=.:|,;", *p)) {
		const char *q = p;
		uint32_t c = ustr_next(&q, lexer->end);

		lexer_fail(lexer, p, "unexpected character '%.*s' (U+%04X)",
			   c > 0x20 && c != 0x7f ? (int)(q - p) : 0, p, c);
		return;
	}
	token = token_add(lexer, TOKEN_OPERATOR, p);
	token->op = *p;
	token->text = p;
	token->len = 1;
	check_bracket(lexer, *p);
	lexer->p++;
}

/* The end of the tag at p, if no bracket is open: what is behind it, else NULL. */
static const char *match_end(const struct lexer *lexer, enum token_kind end)
{
	const char *p = lexer->p, *mark = end == TOKEN_BLOCK_END ? "%}" : "}}";

	if (lexer->bracket_count)
		return NULL;
	if (starts(lexer, p, mark))
		return p + 2;
	if (p < lexer->end && *p == '-' && starts(lexer, p + 1, mark))
		return skip_space(lexer, p + 3);
	if (end == TOKEN_BLOCK_END && p < lexer->end && *p == '+' && starts(lexer, p + 1, mark))
		return p + 3;
	return NULL;
}

static void scan_inner(struct lexer *lexer)
{
	unsigned char c = (unsigned char)*lexer->p;
	const char *p = skip_space(lexer, lexer->p);

	if (p > lexer->p)
		lexer->p = p;
	else if (isdigit(c))
		scan_number(lexer);
	else if (isalpha(c) || c == '_' || c & 0x80)
		scan_name(lexer);
	else if (c == '"' || c == '\'')
		scan_text(lexer);
	else
		scan_operator(lexer);
}

static void scan_tag(struct lexer *lexer, enum token_kind end)
{
	while (lexer->p < lexer->end && !lexer->failed) {
		const char *after = match_end(lexer, end);

		if (after) {
			token_add(lexer, end, lexer->p);
			lexer->p = after;
			return;
		}
		scan_inner(lexer);
	}
}

/* ---- the whole ---- */

static const char *find_tag(const struct lexer *lexer)
{
	for (const char *p = lexer->p; p + 1 < lexer->end; p++) {
		p = memchr(p, '{', (size_t)(lexer->end - p) - 1);
		if (!p)
			return NULL;
		if (p[1] == '{' || p[1] == '%' || p[1] == '#')
			return p;
	}
	return NULL;
}

static void scan_piece(struct lexer *lexer)
{
	const char *tag = find_tag(lexer), *after;

	if (!tag) {
		add_data(lexer, lexer->p, lexer->end, 0);
		lexer->p = lexer->end;
		return;
	}
	add_data(lexer, lexer->p, tag, tag + 2 < lexer->end ? tag[2] : 0);
	lexer->p = skip_sign(lexer, tag + 2);
	after = match_word_tag(lexer, tag, "raw");
	if (after) {
		lexer->p = after;
		scan_raw(lexer, tag);
	} else if (tag[1] == '#') {
		scan_comment(lexer, tag);
	} else if (tag[1] == '%') {
		token_add(lexer, TOKEN_BLOCK_BEGIN, tag);
		scan_tag(lexer, TOKEN_BLOCK_END);
	} else {
		token_add(lexer, TOKEN_VARIABLE_BEGIN, tag);
		scan_tag(lexer, TOKEN_VARIABLE_END);
	}
}

/* All line ends become \n, and the last one goes. */
static size_t normalise(const char *source, size_t len, char *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (source[i] == '\r' && i + 1 < len && source[i + 1] == '\n')
			continue;
		ret[n++] = source[i] == '\r' ? '\n' : source[i];
	}
	if (n && ret[n - 1] == '\n')
		n--;
	return n;
}

const struct token *lexer_scan(struct arena *arena, const char *source, size_t len,
			       struct jinja_error *err)
{
	char *text = arena_alloc(arena, len + 1);
	size_t n = normalise(source, len, text);
	struct lexer lexer = {
		.arena = arena,
		.err = err,
		.p = text,
		.start = text,
		.end = text + n,
		.placed = text,
		.line = 1,
		.column = 1,
	};
	struct token *tokens;

	text[n] = '\0';
	while (lexer.p < lexer.end && !lexer.failed)
		scan_piece(&lexer);
	token_add(&lexer, TOKEN_END, lexer.end);
	tokens = arena_alloc(arena, lexer.count * sizeof(*tokens));
	memcpy(tokens, lexer.tokens, lexer.count * sizeof(*tokens));
	free(lexer.tokens);
	return lexer.failed ? NULL : tokens;
}
