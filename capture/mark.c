/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/mark.h"

#include <stdio.h>
#include <string.h>

static int is_used(struct shared_cursor *c)
{
	return atomic_load_explicit(&c->used, memory_order_acquire) != 0;
}

struct shared_cursor *mark_find(struct shared *shared, const char *capture, uint32_t ring)
{
	for (int i = 0; i < SHARED_CURSORS_MAX; i++) {
		struct shared_cursor *c = &shared->cursors[i];

		if (is_used(c) && c->ring == ring &&
		    !strncmp(c->capture, capture, sizeof(c->capture)))
			return c;
	}
	return NULL;
}

static struct shared_cursor *find_free(struct shared *shared)
{
	for (int i = 0; i < SHARED_CURSORS_MAX; i++)
		if (!is_used(&shared->cursors[i]))
			return &shared->cursors[i];
	return NULL;
}

struct shared_cursor *mark_add(struct shared *shared, const char *capture, uint32_t ring,
			       const struct shared_mark *mark)
{
	struct shared_cursor *c = mark_find(shared, capture, ring);

	if (c) {
		mark_save(c, mark);
		return c;
	}
	c = find_free(shared);
	if (!c)
		return NULL;
	c->ring = ring;
	snprintf(c->capture, sizeof(c->capture), "%s", capture);
	c->copies[0] = *mark;
	atomic_store_explicit(&c->version, 0, memory_order_relaxed);
	/* last: a slot that is used is whole */
	atomic_store_explicit(&c->used, 1, memory_order_release);
	return c;
}

void mark_remove(struct shared_cursor *cursor)
{
	if (cursor)
		atomic_store_explicit(&cursor->used, 0, memory_order_release);
}

/* The copy that is not valid is written, then made valid by one store of the version. */
void mark_save(struct shared_cursor *cursor, const struct shared_mark *mark)
{
	uint64_t version;

	if (!cursor)
		return;
	version = atomic_load_explicit(&cursor->version, memory_order_relaxed) + 2;
	cursor->copies[version / 2 % 2] = *mark;
	atomic_store_explicit(&cursor->version, version, memory_order_release);
}

void mark_load(struct shared_cursor *cursor, struct shared_mark *ret)
{
	uint64_t version = atomic_load_explicit(&cursor->version, memory_order_acquire);

	*ret = cursor->copies[version / 2 % 2];
}
