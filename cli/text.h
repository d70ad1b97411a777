/* SPDX-License-Identifier: Apache-2.0 */
/* What the API says, as text for a terminal: without control characters, aligned by the columns the
 * characters take. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_BYTES_SIZE 24 /* room for text_format_bytes */

/* A copy without control characters (C0, DEL, C1, the ones that turn text's direction) and without
 * bytes that are not UTF-8: nothing a stranger wrote can move the cursor. The caller frees it. */
char *text_format_clean(const char *text);

/* Columns that clean text takes in a terminal. */
size_t text_width(const char *text);

/* "1.5 GiB". Returns text. */
const char *text_format_bytes(uint64_t bytes, char text[TEXT_BYTES_SIZE]);

/* The member at `path`, which goes through objects with dots ("coverage.code"); NULL if absent. */
const json_t *text_find_member(const json_t *object, const char *path);

/* A member as one clean line, "-" if absent, null or "": texts as they are, times to the second,
 * numbers, "yes"/"no", arrays of texts joined with commas. The caller frees it. */
char *text_format_member(const json_t *object, const char *path);

/* One complaint on standard error: "ringbell: …" in one clean line. */
__attribute__((format(printf, 1, 2))) void text_complain(const char *format, ...);
