/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound release of locals, and hand-over of what they own.
 *
 * One idiom everywhere: declare with a cleanup attribute, hand over once with take_*().
 * Destructors accept NULL and half-built objects. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines <fn>_ptr(T *), usable as CLEANUP(<fn>_ptr), that calls <fn>(*p) when *p is not NULL. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##_ptr(type *p)                                                       \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

static inline void cleanup_free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_ptr(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)

#define CLEANUP_FREE   CLEANUP(cleanup_free_ptr)
#define CLEANUP_CLOSE  CLEANUP(cleanup_close_ptr)
#define CLEANUP_FCLOSE CLEANUP(fclose_ptr)

/* The value of p; p becomes NULL, so its cleanup does nothing: ownership moves to the caller. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* The same for a descriptor. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
