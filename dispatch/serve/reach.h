/* SPDX-License-Identifier: Apache-2.0 */
/* Does history reach far enough? Alerts come late: a source whose alerts come ten minutes after
 * they began needs a ring that remembers ten minutes. Notes each source's longest delay of late and
 * compares. Pure. */
#pragma once

#include "base/clock.h"

#define REACH_SOURCES	32
#define REACH_NAME_SIZE 64
#define REACH_MEMORY	(6 * DUR_HOUR)	/* a delay that was not seen for so long is forgotten */
#define REACH_DELAY_MAX (24 * DUR_HOUR) /* more is a sender's wrong clock or an old alert */

struct reach_source {
	char name[REACH_NAME_SIZE]; /* "" = free */
	dur_t delay;
	mono_t seen;
};

struct reach {
	struct reach_source sources[REACH_SOURCES];
};

/* An alert of `source` came `delay` after it began. The source seen longest ago makes room. */
void reach_note(struct reach *reach, const char *source, dur_t delay, mono_t now);

/* The source with the longest delay, if that is longer than `back`; else NULL. Forgets old ones. */
const struct reach_source *reach_find_short(struct reach *reach, dur_t back, mono_t now);
