/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/catalogue.h"
#include "tests/unit/test.h"

/* A capture that ran from 100 s to 200 s and got what it asked for: two rings, two segments. */
struct rig {
	struct capture_row capture;
	struct segment_row segments[2];
	struct gap_row gaps[1];
	size_t gap_count;
};

static struct rig good(void)
{
	struct rig rig = {.capture = {.state = CAPTURE_FINISHED,
				      .requested_from = {100 * DUR_S},
				      .requested_until = {200 * DUR_S},
				      .reach_from = {90 * DUR_S},
				      .stop_reason = "released: recovered"}};

	rig.segments[0] = (struct segment_row){.sealed = true,
					       .file_bytes = 1000,
					       .packets = 10,
					       .bytes = 900,
					       .first = {101 * DUR_S},
					       .last = {150 * DUR_S}};
	rig.segments[1] = (struct segment_row){.ring = 1,
					       .file_bytes = 500,
					       .packets = 5,
					       .bytes = 400,
					       .first = {100 * DUR_S},
					       .last = {199 * DUR_S}};
	return rig;
}

static struct coverage compute(const struct rig *rig)
{
	struct coverage coverage;

	coverage_compute(&rig->capture, rig->segments, 2, rig->gaps, rig->gap_count, &coverage);
	return coverage;
}

static void check_verdict(const struct rig *rig, enum completeness completeness, const char *code)
{
	struct coverage coverage = compute(rig);

	check_text(coverage.code, code);
	check_int(coverage.completeness, completeness);
}

static struct rig without_packets(void)
{
	struct rig rig = good();

	for (int i = 0; i < 2; i++) {
		rig.segments[i].packets = rig.segments[i].bytes = 0;
		rig.segments[i].first.ns = rig.segments[i].last.ns = 0;
	}
	return rig;
}

static void numbers_are_sums(void)
{
	struct rig rig = good();
	struct coverage coverage;

	rig.segments[0].loss = (struct capture_loss){1, 2, 3, 4, 5, 6};
	rig.segments[1].loss = (struct capture_loss){10, 20, 30, 40, 50, UINT64_MAX};
	coverage = compute(&rig);
	check_int(coverage.packets, 15);
	check_int(coverage.bytes, 1300);
	check_int(coverage.file_bytes, 1500);
	check_int(coverage.delivered_from.ns, 100 * DUR_S);
	check_int(coverage.delivered_until.ns, 199 * DUR_S);
	check_int(coverage.requested_from.ns, 100 * DUR_S);
	check_int(coverage.requested_until.ns, 200 * DUR_S);
	check_int(coverage.loss.kernel, 11);
	check_int(coverage.loss.nic, 22);
	check_int(coverage.loss.cursor, 33);
	check_int(coverage.loss.torn, 44);
	check_int(coverage.loss.disk, 55);
	check(coverage.loss.restart == UINT64_MAX); /* never wraps to a small number */
}

static void complete_and_running(void)
{
	struct rig rig = good();

	check_verdict(&rig, COMPLETE, "complete");
	rig.segments[0].loss.nic = 7; /* reported, decides nothing */
	check_verdict(&rig, COMPLETE, "complete");
	rig.capture.state = CAPTURE_STOPPING;
	check_verdict(&rig, COMPLETE, "still_running");
	rig.segments[0].loss.torn = 1;
	check_verdict(&rig, PARTIAL, "torn");
	coverage_compute(&rig.capture, NULL, 0, NULL, 0, &(struct coverage){0});
}

static void history_that_did_not_reach(void)
{
	struct rig rig = good();

	rig.capture.reach_from.ns = 102 * DUR_S; /* within a block's span */
	check_verdict(&rig, COMPLETE, "complete");
	rig.capture.reach_from.ns++;
	check_verdict(&rig, PARTIAL, "history_evicted");
	rig.capture.reach_from.ns = 0; /* not known */
	check_verdict(&rig, COMPLETE, "complete");
}

static void empty_says_why(void)
{
	struct rig rig = without_packets();

	check_verdict(&rig, EMPTY, "nothing_matched");
	rig.capture.state = CAPTURE_RECORDING;
	check_verdict(&rig, EMPTY, "still_running");
	rig.capture.state = CAPTURE_FINISHED;
	rig.capture.reach_from.ns = 110 * DUR_S; /* the rest was there, and nothing in it */
	check_verdict(&rig, EMPTY, "nothing_matched");
	rig.capture.reach_from.ns = 201 * DUR_S; /* none of it was there */
	check_verdict(&rig, EMPTY, "history_evicted");
	rig.segments[0].loss.kernel = 1;
	check_verdict(&rig, EMPTY, "dropped_kernel");
	snprintf(rig.capture.problem, sizeof(rig.capture.problem), "%s",
		 "interface_absent: no such interface \"eth7\"");
	check_verdict(&rig, EMPTY, "interface_down");
}

/* Causes are added from the least grave to the gravest: each must take over. */
static void gravest_cause_is_told(void)
{
	struct rig rig = good();

	rig.capture.reach_from.ns = 150 * DUR_S;
	check_verdict(&rig, PARTIAL, "history_evicted");
	rig.segments[0].loss.torn = 1;
	check_verdict(&rig, PARTIAL, "torn");
	rig.segments[1].loss.cursor = 1;
	check_verdict(&rig, PARTIAL, "dropped_cursor");
	rig.segments[0].loss.kernel = 1;
	check_verdict(&rig, PARTIAL, "dropped_kernel");
	rig.segments[0].loss.restart = 1;
	check_verdict(&rig, PARTIAL, "restarted");
	rig.segments[0].loss.disk = 1;
	check_verdict(&rig, PARTIAL, "dropped_disk");
	snprintf(rig.capture.stop_reason, sizeof(rig.capture.stop_reason), "%s",
		 "limit_bytes: the policy's budget is used up");
	check_verdict(&rig, PARTIAL, "limit_bytes");
	rig.gap_count = 1;
	snprintf(rig.gaps[0].cause, sizeof(rig.gaps[0].cause), "%s", "nic_down");
	check_verdict(&rig, PARTIAL, "interface_down");
	rig.segments[0].missing = true;
	check_verdict(&rig, PARTIAL, "segment_missing");
	snprintf(rig.capture.problem, sizeof(rig.capture.problem), "%s",
		 "disk_full: no space left");
	check_verdict(&rig, PARTIAL, "disk_full");
	snprintf(rig.capture.problem, sizeof(rig.capture.problem), "%s",
		 "disk_fuller: not that code");
	check_verdict(&rig, PARTIAL, "failed");
}

static void gaps_count_where_no_segment_could_tell(void)
{
	static const struct {
		const char *cause, *code;
	} rows[] = {
		{"kernel", "dropped_kernel"}, {"cursor", "dropped_cursor"}, {"torn", "torn"},
		{"restart", "restarted"},     {"disk", "dropped_disk"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig rig = good();

		rig.gap_count = 1;
		snprintf(rig.gaps[0].cause, sizeof(rig.gaps[0].cause), "%s", rows[i].cause);
		check_verdict(&rig, COMPLETE, "complete"); /* nothing was lost in it */
		rig.gaps[0].packets = 1;
		check_verdict(&rig, PARTIAL, rows[i].code);
		rig.gaps[0].packets = 0;
		rig.gaps[0].unknown = true;
		check_verdict(&rig, PARTIAL, rows[i].code);
	}
}

static void missing_files_deliver_nothing(void)
{
	struct rig rig = good();
	struct coverage coverage;

	rig.segments[0].missing = true;
	coverage = compute(&rig);
	check_int(coverage.packets, 5);
	check_int(coverage.file_bytes, 500);
	check_int(coverage.delivered_from.ns, 100 * DUR_S);
	rig.segments[1].missing = true;
	check_verdict(&rig, EMPTY, "segment_missing");
}

int main(void)
{
	numbers_are_sums();
	complete_and_running();
	history_that_did_not_reach();
	empty_says_why();
	gravest_cause_is_told();
	gaps_count_where_no_segment_could_tell();
	missing_files_deliver_nothing();
	check_text(coverage_completeness_name(PARTIAL), "partial");
	return 0;
}
