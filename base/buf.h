/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer.
 *
 * `data` is NULL or NUL-terminated at `len`, so text can be read at any moment. Start from BUF_INIT
 * (or zero). The caller bounds what users can make it grow to. */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

#define BUF_INIT ((struct buf){0})

void buf_fini(struct buf *b);
#define CLEANUP_BUF CLEANUP(buf_fini)

void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_text(struct buf *b, const char *text);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);
void buf_clear(struct buf *b);
/* The text ("" if nothing was written), owned by the caller (free); b is empty again. */
char *buf_take(struct buf *b);
