/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a scenario: words, and key=value pairs whose values may be quoted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#define LINE_WORDS_MAX 32

struct line {
	const char *file;
	int number;
	char text[1024];
	char *words[LINE_WORDS_MAX + 1]; /* the plain words; NULL-terminated */
	size_t count;
	struct {
		char *key;
		char *value;
		bool used;
	} pairs[LINE_WORDS_MAX];
	size_t pair_count;
};

/* Ends the program, naming the line. */
__attribute__((noreturn, format(printf, 2, 3))) void line_fail(const struct line *line,
							       const char *format, ...);

/* Splits text; # begins a comment. */
void line_parse(struct line *line, const char *text);

/* Word `index`, or the program ends. */
const char *line_word(const struct line *line, size_t index);
/* The value at key, or NULL. */
const char *line_value(struct line *line, const char *key);
/* The value at key, or the word "index" if it is not NULL, as a span with sign; `absent` without.
 */
dur_t line_span(struct line *line, const char *key, dur_t absent);
dur_t line_parse_span(const struct line *line, const char *text);
/* Fails on pairs that nobody asked for. */
void line_check_used(const struct line *line);
