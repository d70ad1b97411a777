/* SPDX-License-Identifier: Apache-2.0 */
/* Moments to come, the earliest first: a binary heap of deadlines that live inside their owners.
 * Setting, moving and clearing one is O(log n); nothing is allocated per deadline. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* Zeroed = not set. Must not move in memory while it is set. */
struct deadline {
	mono_t at;
	size_t place; /* in the heap, from 1; 0 = not set */
	int kind;     /* the owner's word for what is due, and so for what the deadline is inside */
};

struct deadline_heap {
	struct deadline **items; /* items[0] is place 1 */
	size_t count;
	size_t capacity;
};

void deadline_heap_fini(struct deadline_heap *heap);

/* Sets it, or moves it if it is set. */
void deadline_set(struct deadline_heap *heap, struct deadline *deadline, int kind, mono_t at);
/* Does nothing if it is not set. */
void deadline_clear(struct deadline_heap *heap, struct deadline *deadline);
static inline bool deadline_is_set(const struct deadline *deadline)
{
	return deadline->place;
}

/* The earliest; NULL if none is set. It stays set. */
struct deadline *deadline_first(const struct deadline_heap *heap);
