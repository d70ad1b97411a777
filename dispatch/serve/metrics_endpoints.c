/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/metrics_endpoints.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/metrics_text.h"

/* One line of each family. */
struct line {
	const char *name, *kind;
	struct outbox_stats stats;
	struct push_ends ends;
};

static struct line line_of(const struct endpoint *endpoint, const struct outbox_stats stats[],
			   size_t count)
{
	struct line line = {.name = endpoint->name, .kind = endpoint_kind_name(endpoint->kind)};

	for (size_t i = 0; i < count; i++)
		if (!strcmp(stats[i].endpoint, endpoint->id))
			line.stats = stats[i];
	return line;
}

static void sum_up(struct outbox_stats *sum, const struct outbox_stats *stats)
{
	sum->counts.delivered += stats->counts.delivered;
	sum->counts.dead += stats->counts.dead;
	sum->counts.suppressed += stats->counts.suppressed;
	sum->counts.pending += stats->counts.pending;
	if (wall_known(stats->oldest) &&
	    (!wall_known(sum->oldest) || wall_sub(sum->oldest, stats->oldest) > 0))
		sum->oldest = stats->oldest;
	if (wall_sub(stats->last_success, sum->last_success) > 0)
		sum->last_success = stats->last_success;
}

/* Every endpoint that pushes, at first that of what no endpoint has any more. */
static size_t list_lines(const struct control *control, const struct outbox_stats stats[],
			 size_t count, struct line **ret)
{
	const struct engine *engine = control->engine; /* NULL while it is loaded again */
	const struct endpoint *endpoint;
	struct line *lines = xcalloc(1, sizeof(*lines));
	size_t n = 1;

	lines[0] = (struct line){.name = "", .kind = ""};
	for (size_t i = 0; i < count; i++)
		if (engine && !engine_endpoint(engine, stats[i].endpoint))
			sum_up(&lines[0].stats, &stats[i]);
	for (size_t i = 0; engine && (endpoint = engine_endpoint_at(engine, i)); i++) {
		if (endpoint->kind == ENDPOINT_PCAP)
			continue;
		lines = xreallocarray(lines, n + 1, sizeof(*lines));
		lines[n] = line_of(endpoint, stats, count);
		lines[n++].ends = courier_link_ends(&control->courier, endpoint->id);
	}
	*ret = lines;
	return n;
}

static void add_labels(struct buf *out, const char *family, const struct line *line)
{
	buf_printf(out, "ringbell_%s{endpoint=\"", family);
	metrics_add_escaped(out, line->name);
	buf_printf(out, "\",kind=\"%s\"", line->kind);
}

static void add_results(struct buf *out, const char *family, const struct line *line,
			const struct push_ends *ends)
{
	const struct {
		const char *result;
		int64_t n;
	} results[] = {{"delivered", ends->delivered},
		       {"dead", ends->dead},
		       {"suppressed", ends->suppressed}};

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		add_labels(out, family, line);
		buf_printf(out, ",result=\"%s\"} %" PRId64 "\n", results[i].result, results[i].n);
	}
}

static struct push_ends kept_of(const struct line *line)
{
	const struct outbox_counts *counts = &line->stats.counts;

	return (struct push_ends){counts->delivered, counts->dead, counts->suppressed};
}

static double oldest_age(const struct line *line, wall_t now)
{
	dur_t age = wall_known(line->stats.oldest) ? wall_sub(now, line->stats.oldest) : 0;

	return age > 0 ? (double)age / 1e9 : 0; /* the clock may have been set back */
}

void metrics_add_endpoints(struct buf *out, const struct control *control,
			   const struct outbox_stats stats[], size_t count, wall_t now)
{
	CLEANUP_FREE struct line *lines = NULL;
	size_t n = list_lines(control, stats, count, &lines);

	metrics_add_family(out, "dispatch_deliveries_total", "counter",
			   "Pushes that ended since the control process started.");
	for (size_t i = 0; i < n; i++)
		add_results(out, "dispatch_deliveries_total", &lines[i], &lines[i].ends);
	metrics_add_family(out, "dispatch_kept", "gauge", "Pushes that ended and are kept.");
	for (size_t i = 0; i < n; i++) {
		struct push_ends kept = kept_of(&lines[i]);

		add_results(out, "dispatch_kept", &lines[i], &kept);
	}
	metrics_add_family(out, "dispatch_queue_length", "gauge",
			   "Pushes that wait or are on their way.");
	for (size_t i = 0; i < n; i++) {
		add_labels(out, "dispatch_queue_length", &lines[i]);
		buf_printf(out, "} %" PRId64 "\n", lines[i].stats.counts.pending);
	}
	metrics_add_family(out, "dispatch_oldest_age_seconds", "gauge",
			   "How long the oldest of them waits.");
	for (size_t i = 0; i < n; i++) {
		add_labels(out, "dispatch_oldest_age_seconds", &lines[i]);
		buf_printf(out, "} %.3f\n", oldest_age(&lines[i], now));
	}
	metrics_add_family(out, "dispatch_last_success_timestamp_seconds", "gauge",
			   "When one was delivered last, 0 = none was.");
	for (size_t i = 0; i < n; i++) {
		add_labels(out, "dispatch_last_success_timestamp_seconds", &lines[i]);
		buf_printf(out, "} %.3f\n", (double)lines[i].stats.last_success.ns / 1e9);
	}
}
