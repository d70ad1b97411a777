/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation of small, bounded things: failure aborts (the daemon is crash-only).
 * Sizes that come from a user or the network are bounded by the caller first. */
#pragma once

#include <stddef.h>

__attribute__((malloc, returns_nonnull)) void *xmalloc(size_t size);
__attribute__((malloc, returns_nonnull)) void *xcalloc(size_t count, size_t size);
__attribute__((returns_nonnull)) void *xreallocarray(void *ptr, size_t count, size_t size);
/* A copy of text, or NULL if text is NULL. */
char *xstrdup(const char *text);
__attribute__((malloc, returns_nonnull)) void *xmemdup(const void *data, size_t size);
__attribute__((returns_nonnull, format(printf, 1, 2))) char *xasprintf(const char *format, ...);
