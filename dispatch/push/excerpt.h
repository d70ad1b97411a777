/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's bytes as one bounded line of text that is safe to store, print and put into JSON.
 * Pure. */
#pragma once

#include <stddef.h>

#define EXCERPT_MARK "…" /* what is cut off ends in this */

/* Writes data as valid UTF-8 without control characters into text (size ≥ 8, always terminated):
 * whole characters stay, line ends and other blanks become one space, everything else \xNN. What
 * does not fit is cut at a whole character and marked with "…". Returns text. */
char *excerpt_format(const void *data, size_t len, char *text, size_t size);
