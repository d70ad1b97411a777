/* SPDX-License-Identifier: Apache-2.0 */
/* Which captures are being downloaded: their files must stay. Loop thread. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/ident.h"

struct reading {
	LIST_ENTRY(reading) next;
	char capture[IDENT_SIZE];
};
LIST_HEAD(readings, reading);

static inline void reading_start(struct readings *list, struct reading *reading,
				 const char *capture)
{
	snprintf(reading->capture, sizeof(reading->capture), "%s", capture);
	LIST_INSERT_HEAD(list, reading, next);
}

static inline void reading_stop(struct reading *reading)
{
	LIST_REMOVE(reading, next);
}

static inline bool reading_find(const struct readings *list, const char *capture)
{
	const struct reading *reading;

	LIST_FOREACH (reading, list, next)
		if (!strcmp(reading->capture, capture))
			return true;
	return false;
}
