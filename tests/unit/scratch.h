/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of one's own below /tmp, for one test program. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct scratch {
	char path[64];
};

static inline void scratch_init(struct scratch *scratch)
{
	snprintf(scratch->path, sizeof(scratch->path), "/tmp/ringbell-test.XXXXXX");
	check(mkdtemp(scratch->path));
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int what,
				     struct FTW *ftw)
{
	(void)st;
	(void)what;
	(void)ftw;
	return remove(path);
}

static inline void scratch_fini(struct scratch *scratch)
{
	check(!nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS));
}

/* "<folder>/<name>"; the text is overwritten by the fifth call after this one. */
static inline const char *scratch_path(const struct scratch *scratch, const char *name)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch->path, name);
	return path;
}
