/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given back all at once. */
#pragma once

#include <stddef.h>

struct arena_chunk;

/* Zero-initialised; `used` counts bytes handed out. */
struct arena {
	struct arena_chunk *chunks;
	size_t room; /* bytes left in the newest chunk */
	size_t used;
};

/* Aligned for any type, not cleared. The caller bounds what users can make it grow to. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t size);
/* A copy of len bytes with a NUL behind. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
void arena_fini(struct arena *arena);
