/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/deadline.h"

#include <stdlib.h>

#include "base/alloc.h"

void deadline_heap_fini(struct deadline_heap *heap)
{
	free(heap->items);
	*heap = (struct deadline_heap){0};
}

static bool is_before(const struct deadline *a, const struct deadline *b)
{
	return mono_sub(a->at, b->at) < 0;
}

static void put(struct deadline_heap *heap, size_t place, struct deadline *deadline)
{
	heap->items[place - 1] = deadline;
	deadline->place = place;
}

static void rise(struct deadline_heap *heap, struct deadline *deadline)
{
	size_t place = deadline->place;

	while (place > 1 && is_before(deadline, heap->items[place / 2 - 1])) {
		put(heap, place, heap->items[place / 2 - 1]);
		place /= 2;
	}
	put(heap, place, deadline);
}

static void sink(struct deadline_heap *heap, struct deadline *deadline)
{
	size_t place = deadline->place;

	for (size_t child; (child = 2 * place) <= heap->count; place = child) {
		if (child < heap->count && is_before(heap->items[child], heap->items[child - 1]))
			child++;
		if (!is_before(heap->items[child - 1], deadline))
			break;
		put(heap, place, heap->items[child - 1]);
	}
	put(heap, place, deadline);
}

void deadline_set(struct deadline_heap *heap, struct deadline *deadline, int kind, mono_t at)
{
	deadline->kind = kind;
	deadline->at = at;
	if (!deadline->place) {
		if (heap->count == heap->capacity) {
			heap->capacity = heap->capacity ? 2 * heap->capacity : 16;
			heap->items =
				xreallocarray(heap->items, heap->capacity, sizeof(heap->items[0]));
		}
		put(heap, ++heap->count, deadline);
	}
	rise(heap, deadline);
	sink(heap, deadline);
}

void deadline_clear(struct deadline_heap *heap, struct deadline *deadline)
{
	size_t place = deadline->place;
	struct deadline *last;

	if (!place)
		return;
	deadline->place = 0;
	last = heap->items[--heap->count];
	if (last == deadline)
		return;
	put(heap, place, last);
	rise(heap, last);
	sink(heap, last);
}

struct deadline *deadline_first(const struct deadline_heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}
