/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/metrics_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

void metrics_add_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP ringbell_%s %s\n# TYPE ringbell_%s %s\n", name, help, name, type);
}

/* Of a line "# HELP name text" or "# TYPE name kind": where "_total" of the name begins, or NULL.
 */
static const char *find_total(const char *line)
{
	const char *end;

	if (strncmp(line, "# HELP ", 7) && strncmp(line, "# TYPE ", 7))
		return NULL;
	end = strchrnul(line + 7, ' ');
	return end - line > 13 && !strncmp(end - 6, "_total", 6) ? end - 6 : NULL;
}

void metrics_to_open(struct buf *page)
{
	CLEANUP_FREE char *text = buf_take(page);

	for (const char *line = text, *end; *line; line = end) {
		const char *total = find_total(line);

		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (total) {
			buf_append(page, line, (size_t)(total - line));
			line = total + strlen("_total");
		}
		buf_append(page, line, (size_t)(end - line));
	}
	buf_append_text(page, "# EOF\n");
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
	histogram->counts[histogram_bucket(took)]++;
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
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += histogram->counts[i];
		buf_printf(out, "ringbell_%s_bucket{%s%sle=\"", name, label ? labels.data : "",
			   label ? "," : "");
		if (i < HISTOGRAM_BOUNDS)
			buf_printf(out, "%g\"} %" PRIu64 "\n", (double)histogram_bounds[i] / 1e9,
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
