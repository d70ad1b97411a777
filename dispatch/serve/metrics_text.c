/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/metrics_text.h"

#include <inttypes.h>

void metrics_add_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP ringbell_%s %s\n# TYPE ringbell_%s %s\n", name, help, name, type);
}

void metrics_add_escaped(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_append_text(out, "\\n");
		else if (*value == '\\' || *value == '"')
			buf_printf(out, "\\%c", *value);
		else
			buf_append(out, value, 1);
	}
}

void metrics_add_labelled(struct buf *out, const char *name, const char *label, const char *value)
{
	buf_printf(out, "ringbell_%s{%s=\"", name, label);
	metrics_add_escaped(out, value);
	buf_append_text(out, "\"} ");
}

void metrics_add_count(struct buf *out, const char *name, const char *label, const char *value,
		       uint64_t n)
{
	metrics_add_labelled(out, name, label, value);
	buf_printf(out, "%" PRIu64 "\n", n);
}

void metrics_histogram_add(struct metrics_histogram *histogram, dur_t took)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS && took > metrics_bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += took;
}

void metrics_add_histogram(struct buf *out, const char *name, const char *label, const char *value,
			   const struct metrics_histogram *histogram)
{
	CLEANUP_BUF struct buf labels = BUF_INIT;
	uint64_t count = 0;

	if (label) {
		buf_printf(&labels, "%s=\"", label);
		metrics_add_escaped(&labels, value);
		buf_append_text(&labels, "\"");
	}
	for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
		count += histogram->counts[i];
		buf_printf(out, "ringbell_%s_bucket{%s%sle=\"", name, label ? labels.data : "",
			   label ? "," : "");
		if (i < METRICS_BUCKETS)
			buf_printf(out, "%g\"} %" PRIu64 "\n", (double)metrics_bounds[i] / 1e9,
				   count);
		else
			buf_printf(out, "+Inf\"} %" PRIu64 "\n", count);
	}
	buf_printf(out, "ringbell_%s_sum", name);
	buf_printf(out, label ? "{%s} " : "%s ", label ? labels.data : "");
	buf_printf(out, "%.6f\n", (double)histogram->sum / 1e9);
	buf_printf(out, "ringbell_%s_count", name);
	buf_printf(out, label ? "{%s} " : "%s ", label ? labels.data : "");
	buf_printf(out, "%" PRIu64 "\n", count);
}
