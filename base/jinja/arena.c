/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jinja/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK_BYTES 4000

struct arena_chunk {
	struct arena_chunk *next;
	char *free;
	alignas(max_align_t) char bytes[];
};

static void add_chunk(struct arena *arena, size_t size)
{
	size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
	struct arena_chunk *chunk = xmalloc(sizeof(*chunk) + room);

	chunk->next = arena->chunks;
	chunk->free = chunk->bytes;
	arena->chunks = chunk;
	arena->room = room;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p;

	size = ((size ? size : 1) + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > arena->room)
		add_chunk(arena, size);
	p = arena->chunks->free;
	arena->chunks->free += size;
	arena->room -= size;
	arena->used += size;
	return p;
}

void *arena_calloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void arena_fini(struct arena *arena)
{
	struct arena_chunk *next;

	for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*arena = (struct arena){0};
}
