/* SPDX-License-Identifier: Apache-2.0 */
/* Text as Python sees it: characters, not bytes. Texts are valid UTF-8 with a length. Pure.
 * Tables: ustr_table.c, made by ustr_table.py from Python's unicodedata. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* The character at *p, which moves behind it; *p < end. A bad byte counts as U+FFFD. */
uint32_t ustr_next(const char **p, const char *end);
void ustr_put(struct buf *b, uint32_t c);

bool ustr_is_space(uint32_t c);
/* What Python's repr() shows as itself. */
bool ustr_is_printable(uint32_t c);

/* Bytes of blanks at the beginning, at the end. */
size_t ustr_space_prefix(const char *text, size_t len);
size_t ustr_space_suffix(const char *text, size_t len);

size_t ustr_count(const char *text, size_t len);
/* The byte where character `index` begins; len if there are fewer. */
size_t ustr_offset(const char *text, size_t len, size_t index);

/* Appends text in the other case. */
void ustr_put_upper(struct buf *b, const char *text, size_t len);
void ustr_put_lower(struct buf *b, const char *text, size_t len);
/* The first character as at the beginning of a word, the rest in lower case. */
void ustr_put_capital(struct buf *b, const char *text, size_t len);
/* All letters that have two cases are in this one, and there is one. */
bool ustr_is_lower(const char *text, size_t len);
bool ustr_is_upper(const char *text, size_t len);

/* str.splitlines: the line at *p, without its end; *p moves on. False at the end. */
bool ustr_line(const char **p, const char *end, const char **line, size_t *len);

/* A whole number in `text`, which is not NUL-terminated. Returns its length. */
#define USTR_WHOLE_SIZE 21
size_t ustr_whole(int64_t number, char text[USTR_WHOLE_SIZE]);

/* The same for Python's repr() of a float. */
#define USTR_FLOAT_SIZE 40
size_t ustr_float(double real, char text[USTR_FLOAT_SIZE]);

/* int(text, base) and float(text): false if Python would raise ValueError. A whole number of more
 * than 63 bits is false with *huge set. */
bool ustr_parse_int(const char *text, size_t len, int base, int64_t *ret, bool *huge);
bool ustr_parse_float(const char *text, size_t len, double *ret);
