/* SPDX-License-Identifier: Apache-2.0 */
/* How fast each source may deliver: a bucket per source that fills at its rate and holds ten
 * seconds' worth, so that a burst passes and a flood does not. One source never slows another
 * (TCT-11). Pure.
 */
#pragma once

#include "base/clock.h"
#include "base/ident.h"

#define INTAKE_RATE_SOURCES 256

struct intake_rates {
	struct intake_bucket {
		char source[IDENT_SIZE]; /* "" = free */
		mono_t filled_at;
		double level;
	} buckets[INTAKE_RATE_SOURCES];
};

/* Takes one delivery at `rate` per second (0 = no limit). Returns 0, or the time until the next one
 * passes. With more sources than buckets, the one that was quiet longest starts anew. */
dur_t intake_rate_take(struct intake_rates *rates, const char *source, uint32_t rate, mono_t now);
