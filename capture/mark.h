/* SPDX-License-Identifier: Apache-2.0 */
/* Marks in shared memory (struct shared_cursor): stored so that a SIGKILL at any instruction leaves
 * the old one or the new one, and found again by a successor. One thread writes a cursor. */
#pragma once

#include "capture/shared.h"

/* The slot of this capture on this ring, or a free one made its own with mark as first; NULL if all
 * are taken. Only the recorder's main thread. */
struct shared_cursor *mark_add(struct shared *shared, const char *capture, uint32_t ring,
			       const struct shared_mark *mark);
struct shared_cursor *mark_find(struct shared *shared, const char *capture, uint32_t ring);
/* The track is over. Accepts NULL. */
void mark_remove(struct shared_cursor *cursor);

/* Accept cursor == NULL: nothing is stored. */
void mark_save(struct shared_cursor *cursor, const struct shared_mark *mark);
void mark_load(struct shared_cursor *cursor, struct shared_mark *ret);
