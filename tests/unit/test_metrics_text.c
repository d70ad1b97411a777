/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/metrics_text.h"

#include "tests/unit/test.h"

static void open_metrics(void)
{
	CLEANUP_BUF struct buf page = BUF_INIT;

	metrics_add_family(&page, "alerts_total", "counter", "All _total of them.");
	metrics_add_count(&page, "alerts_total", "source", "a\"\\\n", 3);
	metrics_add_family(&page, "totals", "gauge", "No counter.");
	metrics_to_open(&page);
	check_text(page.data, "# HELP ringbell_alerts All _total of them.\n"
			      "# TYPE ringbell_alerts counter\n"
			      "ringbell_alerts_total{source=\"a\\\"\\\\\\n\"} 3\n"
			      "# HELP ringbell_totals No counter.\n"
			      "# TYPE ringbell_totals gauge\n"
			      "# EOF\n");
}

static void histogram(void)
{
	struct metrics_histogram h = {0};
	CLEANUP_BUF struct buf page = BUF_INIT;

	metrics_histogram_add(&h, DUR_MS); /* bounds are inclusive */
	metrics_histogram_add(&h, DUR_MS + 1);
	metrics_histogram_add(&h, 11 * DUR_S);
	check_int(h.counts[0], 1);
	check_int(h.counts[1], 1);
	check_int(h.counts[HISTOGRAM_BUCKETS - 1], 1);
	metrics_add_histogram(&page, "t", "loop", "control", &h);
	check(strstr(page.data, "ringbell_t_bucket{loop=\"control\",le=\"0.005\"} 2\n"));
	check(strstr(page.data, "ringbell_t_bucket{loop=\"control\",le=\"+Inf\"} 3\n"));
	check(strstr(page.data, "ringbell_t_count{loop=\"control\"} 3\n"));
}

int main(void)
{
	open_metrics();
	histogram();
	return 0;
}
