/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format 0.0.4, line by line. Names are without the prefix "ringbell_". Pure. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

/* HELP and TYPE; `type` is "counter", "gauge" or "histogram". */
void metrics_add_family(struct buf *out, const char *name, const char *type, const char *help);
/* A label's value, escaped. */
void metrics_add_escaped(struct buf *out, const char *value);
/* The name and one label, up to the blank. */
void metrics_add_labelled(struct buf *out, const char *name, const char *label, const char *value);
/* One line: name, one label, number. */
void metrics_add_count(struct buf *out, const char *name, const char *label, const char *value,
		       uint64_t n);

/* How long something took, in buckets from 1 ms to 10 s. */
#define METRICS_BUCKETS 9
static const dur_t metrics_bounds[METRICS_BUCKETS] = {DUR_MS,	   5 * DUR_MS,	 10 * DUR_MS,
						      50 * DUR_MS, 100 * DUR_MS, 500 * DUR_MS,
						      DUR_S,	   5 * DUR_S,	 10 * DUR_S};

struct metrics_histogram {
	uint64_t counts[METRICS_BUCKETS + 1];
	dur_t sum;
};

void metrics_histogram_add(struct metrics_histogram *histogram, dur_t took);
/* label NULL = none. */
void metrics_add_histogram(struct buf *out, const char *name, const char *label, const char *value,
			   const struct metrics_histogram *histogram);
