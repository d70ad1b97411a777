/* SPDX-License-Identifier: Apache-2.0 */
/* Values found in a sender's JSON by expressions. Pure.
 *
 * An expression is a list of alternatives separated by '|'; the first that gives a text which is
 * not empty is taken. An alternative is
 *
 *   /a/b/0       a JSON pointer (RFC 6901); a string, number or boolean there is its text
 *   {/a}:{/b}    a text with pointers in braces; it counts only if each of them gives something
 *   word         a text without braces stands for itself */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"

/* The value at a JSON pointer ("" = json itself), borrowed; NULL if there is none. */
json_t *value_find(const json_t *json, const char *pointer);

/* The expression's text, cut at max bytes; NULL if no alternative gives one. The caller frees it.
 */
char *value_read(const json_t *json, const char *expression, size_t max);

/* What is wrong with an expression a person wrote; NULL if nothing. */
const char *value_check(const char *expression);

/* A scalar as text, cut at max bytes; NULL if json is none (null, list, object). */
char *value_text(const json_t *json, size_t max);

/* A time as senders write it: RFC 3339; "2026-01-31 12:00:00" (also with T, dots or slashes), with
 * a fraction and a zone ("+0100", "+01:00", "Z", "UTC") or without: then it is zone_minutes east of
 * UTC; seconds, ms, µs or ns since 1970 by their size. "0" is not known. Returns 0 or -EINVAL. */
int value_parse_time(const char *text, int zone_minutes, wall_t *ret);

/* Is word one of the comma-separated words? In any case (ASCII). */
int value_in_words(const char *words, const char *word);
