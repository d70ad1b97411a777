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
/* The first byte of text[0..len) that does not belong to valid UTF-8 (RFC 3629), or len. */
size_t utf8_valid(const char *text, size_t len);
/* A heap copy, NUL-terminated, with each byte that is no UTF-8 replaced by U+FFFD; *ret_len is its
 * length: up to 3 * len. */
char *utf8_repair(const char *text, size_t len, size_t *ret_len);
