/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets of every histogram of durations, from 1 ms to 10 s. Pure. */
#pragma once

#include <stddef.h>

#include "base/clock.h"

#define HISTOGRAM_BOUNDS 9
static const dur_t histogram_bounds[HISTOGRAM_BOUNDS] = {DUR_MS,      5 * DUR_MS,   10 * DUR_MS,
							 50 * DUR_MS, 100 * DUR_MS, 500 * DUR_MS,
							 DUR_S,	      5 * DUR_S,    10 * DUR_S};
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1) /* the last one has no bound */

/* The bucket `took` belongs to: bounds are inclusive, as Prometheus' "le". */
static inline size_t histogram_bucket(dur_t took)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && took > histogram_bounds[i])
		i++;
	return i;
}
