/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a bounded number of bytes that never end inside a character. Pure. */
#pragma once

#include <stddef.h>

/* How many bytes of text (valid UTF-8) fit into max without cutting a character. */
size_t utf8_fit(const char *text, size_t max);
/* A heap copy of at most max bytes. */
char *utf8_copy(const char *text, size_t max);
/* Fills a fixed array of `size` bytes, NUL included. */
void utf8_put(char *ret, size_t size, const char *text);
