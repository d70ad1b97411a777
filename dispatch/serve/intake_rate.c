/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/intake_rate.h"

#include <stdio.h>
#include <string.h>

#define BURST_S 10

static struct intake_bucket *find_bucket(struct intake_rates *rates, const char *source,
					 uint32_t rate, mono_t now)
{
	struct intake_bucket *quiet = &rates->buckets[0];

	for (size_t i = 0; i < INTAKE_RATE_SOURCES; i++) {
		struct intake_bucket *bucket = &rates->buckets[i];

		if (!strcmp(bucket->source, source))
			return bucket;
		if (!bucket->source[0] || mono_sub(bucket->filled_at, quiet->filled_at) < 0)
			quiet = bucket;
		if (!bucket->source[0])
			break;
	}
	snprintf(quiet->source, sizeof(quiet->source), "%s", source);
	quiet->filled_at = now;
	quiet->level = (double)rate * BURST_S;
	return quiet;
}

dur_t intake_rate_take(struct intake_rates *rates, const char *source, uint32_t rate, mono_t now)
{
	struct intake_bucket *bucket;
	double full = (double)rate * BURST_S;

	if (!rate)
		return 0;
	bucket = find_bucket(rates, source, rate, now);
	bucket->level += (double)rate * (double)mono_sub(now, bucket->filled_at) / (double)DUR_S;
	if (bucket->level > full)
		bucket->level = full;
	bucket->filled_at = now;
	if (bucket->level < 1)
		return (dur_t)((1 - bucket->level) / (double)rate * (double)DUR_S) + 1;
	bucket->level -= 1;
	return 0;
}
