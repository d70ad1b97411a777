/* SPDX-License-Identifier: Apache-2.0 */
/* The coverage statement of a capture, from its rows alone.
 *
 * Numbers are sums over all segments whose file is there, sealed or open. Completeness is
 *   empty     no packet can be read from it,
 *   partial   packets can be read, and some that were asked for are known or feared to be missing,
 *   complete  nothing asked for is known to be missing (a running capture: so far).
 *
 * One code is told, that of the gravest cause; all others are in the rows. Grave is what ended or
 * removed data as a whole, then what lost packets inside, then what was never there:
 *
 *   failed > disk_full > segment_missing > interface_down > limit_bytes >
 *   dropped_disk > restarted > dropped_kernel > dropped_cursor > torn > history_evicted
 *
 * Without any of these: still_running while it runs, else nothing_matched (empty) or complete. The
 * interface's own drop counter (loss.nic) is reported and decides nothing: it also counts frames
 * that never were for a tap, such as unknown protocols. */
#include <string.h>

#include "base/error.h"
#include "storage/catalogue.h"

/* How far reach may fall short of the request: history is found by whole ring blocks, and a block
 * spans up to one retire interval (1 s). */
#define REACH_TOLERANCE (2 * DUR_S)

enum cause { /* gravest first */
	     CAUSE_FAILED,
	     CAUSE_DISK_FULL,
	     CAUSE_SEGMENT_MISSING,
	     CAUSE_INTERFACE_DOWN,
	     CAUSE_LIMIT_BYTES,
	     CAUSE_DROPPED_DISK,
	     CAUSE_RESTARTED,
	     CAUSE_DROPPED_KERNEL,
	     CAUSE_DROPPED_CURSOR,
	     CAUSE_TORN,
	     CAUSE_HISTORY_EVICTED,
	     CAUSE_NONE,
};

static const char *const cause_codes[] = {
	[CAUSE_FAILED] = "failed",
	[CAUSE_DISK_FULL] = "disk_full",
	[CAUSE_SEGMENT_MISSING] = "segment_missing",
	[CAUSE_INTERFACE_DOWN] = "interface_down",
	[CAUSE_LIMIT_BYTES] = "limit_bytes",
	[CAUSE_DROPPED_DISK] = "dropped_disk",
	[CAUSE_RESTARTED] = "restarted",
	[CAUSE_DROPPED_KERNEL] = "dropped_kernel",
	[CAUSE_DROPPED_CURSOR] = "dropped_cursor",
	[CAUSE_TORN] = "torn",
	[CAUSE_HISTORY_EVICTED] = "history_evicted",
};

static void blame(enum cause *worst, enum cause cause)
{
	if (cause < *worst)
		*worst = cause;
}

/* --- sums --- */

/* Counters come from another process: they may be any number, but never wrap. */
static void add_count(uint64_t *sum, uint64_t count)
{
	if (__builtin_add_overflow(*sum, count, sum))
		*sum = UINT64_MAX;
}

static void add_loss(struct capture_loss *sum, const struct capture_loss *loss)
{
	add_count(&sum->kernel, loss->kernel);
	add_count(&sum->nic, loss->nic);
	add_count(&sum->cursor, loss->cursor);
	add_count(&sum->torn, loss->torn);
	add_count(&sum->disk, loss->disk);
	add_count(&sum->restart, loss->restart);
}

static void add_segment(struct coverage *coverage, const struct segment_row *segment)
{
	add_loss(&coverage->loss, &segment->loss);
	if (segment->missing)
		return;
	add_count(&coverage->file_bytes, segment->file_bytes);
	add_count(&coverage->packets, segment->packets);
	add_count(&coverage->bytes, segment->bytes);
	if (wall_known(segment->first) && (!wall_known(coverage->delivered_from) ||
					   segment->first.ns < coverage->delivered_from.ns))
		coverage->delivered_from = segment->first;
	if (segment->last.ns > coverage->delivered_until.ns)
		coverage->delivered_until = segment->last;
}

/* --- causes --- */

/* A reason is "<code>: text". */
static bool has_code(const char *reason, const char *code)
{
	size_t len = strlen(code);

	return !strncmp(reason, code, len) && (reason[len] == ':' || !reason[len]);
}

static void blame_reasons(enum cause *worst, const struct capture_row *capture)
{
	const char *problem = capture->problem;

	if (has_code(capture->stop_reason, "limit_bytes"))
		blame(worst, CAUSE_LIMIT_BYTES);
	if (!problem[0])
		return;
	if (has_code(problem, "disk_full"))
		blame(worst, CAUSE_DISK_FULL);
	else if (has_code(problem, "interface_absent") || has_code(problem, "interface_down"))
		blame(worst, CAUSE_INTERFACE_DOWN);
	else if (has_code(problem, "limit_bytes"))
		blame(worst, CAUSE_LIMIT_BYTES);
	else
		blame(worst, CAUSE_FAILED);
}

static void blame_loss(enum cause *worst, const struct capture_loss *loss)
{
	if (loss->disk)
		blame(worst, CAUSE_DROPPED_DISK);
	if (loss->restart)
		blame(worst, CAUSE_RESTARTED);
	if (loss->kernel)
		blame(worst, CAUSE_DROPPED_KERNEL);
	if (loss->cursor)
		blame(worst, CAUSE_DROPPED_CURSOR);
	if (loss->torn)
		blame(worst, CAUSE_TORN);
}

/* A gap in which nothing was lost is no gap; what it says is in the loss already, but for segments
 * whose recorder died before it could tell. */
static void blame_gap(enum cause *worst, const struct gap_row *gap)
{
	static const struct {
		const char *name;
		enum cause cause;
	} causes[] = {
		{"kernel", CAUSE_DROPPED_KERNEL},
		{"cursor", CAUSE_DROPPED_CURSOR},
		{"torn", CAUSE_TORN},
		{"restart", CAUSE_RESTARTED},
		{"disk", CAUSE_DROPPED_DISK},
		{"nic_down", CAUSE_INTERFACE_DOWN},
	};

	if (!strcmp(gap->cause, "nic_down"))
		blame(worst, CAUSE_INTERFACE_DOWN); /* nobody counts what a dead link did not say */
	if (!gap->packets && !gap->unknown)
		return;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (!strcmp(gap->cause, causes[i].name))
			blame(worst, causes[i].cause);
}

static bool history_evicted(const struct capture_row *capture)
{
	return wall_known(capture->reach_from) && wall_known(capture->requested_from) &&
	       wall_sub(capture->reach_from, capture->requested_from) > REACH_TOLERANCE;
}

static enum cause find_cause(const struct capture_row *capture, const struct capture_loss *loss,
			     const struct segment_row segments[], size_t segment_count,
			     const struct gap_row gaps[], size_t gap_count)
{
	enum cause worst = CAUSE_NONE;

	blame_reasons(&worst, capture);
	blame_loss(&worst, loss);
	for (size_t i = 0; i < segment_count; i++)
		if (segments[i].missing)
			blame(&worst, CAUSE_SEGMENT_MISSING);
	for (size_t i = 0; i < gap_count; i++)
		blame_gap(&worst, &gaps[i]);
	if (history_evicted(capture))
		blame(&worst, CAUSE_HISTORY_EVICTED);
	return worst;
}

/* Of an empty capture: history that begins too late explains nothing, unless it begins after the
 * end of what was asked for. */
static const char *code_empty(const struct capture_row *capture, enum cause cause)
{
	bool running = capture->state != CAPTURE_FINISHED;
	bool all_evicted = wall_known(capture->requested_until) &&
			   capture->reach_from.ns > capture->requested_until.ns;

	if (cause < CAUSE_HISTORY_EVICTED || (cause == CAUSE_HISTORY_EVICTED && all_evicted))
		return cause_codes[cause];
	return running ? "still_running" : "nothing_matched";
}

void coverage_compute(const struct capture_row *capture, const struct segment_row segments[],
		      size_t segment_count, const struct gap_row gaps[], size_t gap_count,
		      struct coverage *ret)
{
	enum cause cause;

	*ret = (struct coverage){.requested_from = capture->requested_from,
				 .requested_until = capture->requested_until};
	for (size_t i = 0; i < segment_count; i++)
		add_segment(ret, &segments[i]);
	cause = find_cause(capture, &ret->loss, segments, segment_count, gaps, gap_count);
	if (!ret->packets) {
		ret->completeness = EMPTY;
		ret->code = code_empty(capture, cause);
	} else if (cause != CAUSE_NONE) {
		ret->completeness = PARTIAL;
		ret->code = cause_codes[cause];
	} else {
		ret->completeness = COMPLETE;
		ret->code = capture->state == CAPTURE_FINISHED ? "complete" : "still_running";
	}
}

const char *coverage_completeness_name(enum completeness completeness)
{
	static const char *const names[] = {
		[COMPLETE] = "complete",
		[PARTIAL] = "partial",
		[EMPTY] = "empty",
	};

	bug_on((size_t)completeness >= sizeof(names) / sizeof(names[0]));
	return names[completeness];
}
