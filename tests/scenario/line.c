/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void line_fail(const struct line *line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", line->file, line->number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Takes the next token from *rest in place: quotes vanish, blanks inside them stay. */
static char *take_token(char **rest)
{
	char *in = *rest + strspn(*rest, " \t\n"), *out = in, *token = in;
	bool quoted = false;

	if (!*in || *in == '#')
		return NULL;
	for (; *in && (quoted || !strchr(" \t\n", *in)); in++) {
		if (*in == '"')
			quoted = !quoted;
		else
			*out++ = *in;
	}
	*rest = *in ? in + 1 : in;
	*out = '\0';
	return token;
}

void line_parse(struct line *line, const char *text)
{
	char *rest = line->text, *token;

	snprintf(line->text, sizeof(line->text), "%s", text);
	line->count = line->pair_count = 0;
	while ((token = take_token(&rest))) {
		char *equals = strchr(token, '=');

		if (line->count == LINE_WORDS_MAX || line->pair_count == LINE_WORDS_MAX)
			line_fail(line, "too many words");
		if (!equals) {
			line->words[line->count++] = token;
			continue;
		}
		*equals = '\0';
		line->pairs[line->pair_count].key = token;
		line->pairs[line->pair_count].value = equals + 1;
		line->pairs[line->pair_count++].used = false;
	}
	line->words[line->count] = NULL;
}

const char *line_word(const struct line *line, size_t index)
{
	if (index >= line->count)
		line_fail(line, "word %zu is missing", index + 1);
	return line->words[index];
}

const char *line_value(struct line *line, const char *key)
{
	for (size_t i = 0; i < line->pair_count; i++) {
		if (!strcmp(line->pairs[i].key, key)) {
			line->pairs[i].used = true;
			return line->pairs[i].value;
		}
	}
	return NULL;
}

dur_t line_parse_span(const struct line *line, const char *text)
{
	bool negative = *text == '-';
	dur_t span;

	if (dur_parse(text + (*text == '-' || *text == '+'), &span))
		line_fail(line, "\"%s\" is no span like -90s", text);
	return negative ? -span : span;
}

dur_t line_span(struct line *line, const char *key, dur_t absent)
{
	const char *value = line_value(line, key);

	return value ? line_parse_span(line, value) : absent;
}

void line_check_used(const struct line *line)
{
	for (size_t i = 0; i < line->pair_count; i++)
		if (!line->pairs[i].used)
			line_fail(line, "nobody knows \"%s\" here", line->pairs[i].key);
}
