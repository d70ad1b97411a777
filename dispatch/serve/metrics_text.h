/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format 0.0.4, line by line, and OpenMetrics (its specification 1.0). Names are
 * without the prefix "ringbell_". Pure. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"

/* HELP and TYPE; `type` is "counter", "gauge" or "histogram". */
void metrics_add_family(struct buf *out, const char *name, const char *type, const char *help);
/* A whole page becomes OpenMetrics 1.0: there a counter's family has no "_total", and the page has
 * an end. */
void metrics_to_open(struct buf *page);
/* A label's value, escaped. */
void metrics_add_escaped(struct buf *out, const char *value);
/* The name and one label, up to the blank. */
void metrics_add_labelled(struct buf *out, const char *name, const char *label, const char *value);
/* One line: name, one label, number. */
void metrics_add_count(struct buf *out, const char *name, const char *label, const char *value,
		       uint64_t n);

/* How long something took. */
struct metrics_histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	dur_t sum;
};

void metrics_histogram_add(struct metrics_histogram *histogram, dur_t took);
/* label NULL = none. */
void metrics_add_histogram(struct buf *out, const char *name, const char *label, const char *value,
			   const struct metrics_histogram *histogram);
