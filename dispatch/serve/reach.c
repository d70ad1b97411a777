/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/reach.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static struct reach_source *find(struct reach *reach, const char *name)
{
	struct reach_source *oldest = &reach->sources[0];

	for (size_t i = 0; i < ARRAY_SIZE(reach->sources); i++) {
		struct reach_source *source = &reach->sources[i];

		if (!strncmp(source->name, name, sizeof(source->name) - 1))
			return source;
		if (mono_sub(source->seen, oldest->seen) < 0)
			oldest = source;
	}
	*oldest = (struct reach_source){0};
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

void reach_note(struct reach *reach, const char *name, dur_t delay, mono_t now)
{
	struct reach_source *source;

	if (delay <= 0 || delay > REACH_DELAY_MAX)
		return;
	source = find(reach, name);
	if (delay < source->delay && mono_sub(now, source->seen) <= REACH_MEMORY)
		return;
	source->delay = delay;
	source->seen = now;
}

const struct reach_source *reach_find_short(struct reach *reach, dur_t back, mono_t now)
{
	const struct reach_source *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(reach->sources); i++) {
		struct reach_source *source = &reach->sources[i];

		if (source->name[0] && mono_sub(now, source->seen) > REACH_MEMORY)
			*source = (struct reach_source){0};
		if (source->name[0] && source->delay > back &&
		    (!found || source->delay > found->delay))
			found = source;
	}
	return found;
}
