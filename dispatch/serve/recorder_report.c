/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/recorder_report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/announce.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/history_job.h"
#include "dispatch/serve/narrow.h"

/* ---- acknowledgement after the commit ---- */

struct ack {
	struct control *control;
	uint64_t generation; /* of the link the report came over */
	uint64_t report;
};

static void on_durable(void *owner, struct decision *decision, int result)
{
	struct ack *ack = owner;
	struct rec_ack message = {.report = ack->report};
	struct recorder_link *recorder = &ack->control->recorder;

	(void)decision;
	if (result == 0 && recorder->generation == ack->generation)
		ipc_link_send(recorder->link, REC_ACK, &message, sizeof(message), -1);
	free(ack);
}

static void commit_report(struct decision *decision, const struct rec_report_head *head)
{
	struct ack *ack = xcalloc(1, sizeof(*ack));

	ack->control = decision->control;
	ack->generation = decision->control->recorder.generation;
	ack->report = head->report;
	decision_commit(decision, on_durable, ack);
}

/* ---- the end of a capture ---- */

void recorder_report_failed(struct live_capture *capture, struct live_track *track,
			    const char *reason)
{
	track->state = TRACK_OVER;
	track->end = REC_END_BAD_FILTER;
	live_fail(capture, reason);
}

static bool ended_by_limit(const struct live_capture *capture)
{
	for (size_t i = 0; i < capture->track_count; i++)
		if (capture->tracks[i].state == TRACK_OVER &&
		    capture->tracks[i].end == REC_END_LIMIT)
			return true;
	return false;
}

/* What passed between a failure and `until` was not recorded, and nobody counted it. */
static void close_hole(struct decision *decision, const struct live_capture *capture,
		       struct live_track *track, wall_t until)
{
	struct gap_row gap = {.unknown = true, .at_most = true, .from = track->hole_from};

	track->hole_from = (wall_t){0};
	if (!wall_known(gap.from) || wall_sub(until, gap.from) <= 0)
		return;
	gap.to = until;
	memcpy(gap.capture, capture->row.id, sizeof(gap.capture));
	memcpy(gap.nic, track->nic, sizeof(gap.nic));
	memcpy(gap.cause, track->hole_cause, sizeof(gap.cause));
	fact_add_gap(&decision->facts, &gap);
}

static void finish(struct decision *decision, struct live_capture *capture)
{
	struct capture_row *row = &capture->row;
	struct announce announce;
	char policy[IDENT_SIZE];

	row->state = CAPTURE_FINISHED;
	row->finished_at = decision->now.wall;
	if (!wall_known(row->requested_until))
		row->requested_until = decision->now.wall;
	for (size_t i = 0; i < capture->track_count; i++)
		close_hole(decision, capture, &capture->tracks[i], row->requested_until);
	fact_add_capture(&decision->facts, row);
	announce_gather(decision->control, &announce);
	fact_add_finished(&decision->facts, row->id, &announce);
	fact_add_note(&decision->facts, decision->now.wall, "capture", row->id, "",
		      "capture finished: %s", row->stop_reason);
	decision_note_clock(decision, row->id);
	log_info("control", "capture %s: finished: %s%s%s", row->id, row->stop_reason,
		 row->alert[0] ? ", alert " : "", row->alert);
	narrow_forget(decision, capture);
	memcpy(policy, row->policy, sizeof(policy));
	live_remove(capture);
	decision_drop_spent(decision, policy);
}

static void end_by_limit(struct decision *decision, struct live_capture *capture)
{
	snprintf(capture->row.stop_reason, sizeof(capture->row.stop_reason),
		 "limit_bytes: the policy's budget per capture is used up");
	engine_on_capture_limit(decision->control->engine, capture->row.id, decision->now,
				&decision->actions);
	finish(decision, capture);
}

/* The engine keeps a failed capture and tries it again while something holds its policy. */
static void end_by_failure(struct decision *decision, struct live_capture *capture)
{
	struct engine *engine = decision->control->engine;
	struct capture_row *row = &capture->row;
	const struct policy_run *run;

	live_fail(capture, "stopped: the recorder ended the capture by itself");
	capture->failed = true;
	row->state = CAPTURE_STARTING;
	log_error("control", "capture %s: failed: %s", row->id, capture->failure);
	engine_on_capture_failed(engine, row->id, capture->failure, decision->now,
				 &decision->actions);
	fact_add_note(&decision->facts, decision->now.wall, "capture", row->id, "", "failed: %s",
		      capture->failure);
	run = engine_run(engine, row->policy);
	if (run && !strcmp(run->capture, row->id)) {
		fact_add_capture(&decision->facts, row);
		return;
	}
	snprintf(row->stop_reason, sizeof(row->stop_reason), "%s", capture->failure);
	finish(decision, capture);
}

void recorder_report_settle(struct control *control, struct live_capture *capture)
{
	bool stopping = capture->row.state == CAPTURE_STOPPING;
	struct decision *decision;

	if (!live_is_over(capture) || (capture->failed && !stopping))
		return;
	decision = decision_new(control);
	if (stopping)
		finish(decision, capture);
	else if (ended_by_limit(capture))
		end_by_limit(decision, capture);
	else
		end_by_failure(decision, capture);
	decision_commit(decision, NULL, NULL);
}

/* ---- one function per report ---- */

/* What a report is about, found once. capture and track are NULL if we do not know them any more.
 */
struct subject {
	struct control *control;
	const struct rec_report_head *head;
	struct live_capture *capture;
	struct live_track *track;
	struct decision *decision;
};

static void take_started(struct subject *subject, const struct rec_started *report)
{
	struct live_capture *capture = subject->capture;
	struct decision *decision = subject->decision;
	char reach[WALL_TEXT_SIZE];

	if (!subject->track)
		return;
	subject->track->state = TRACK_RECORDING;
	if (!report->resumed && !wall_known(subject->track->hole_from) &&
	    report->reach_wall_ns > capture->row.reach_from.ns)
		capture->row.reach_from.ns = report->reach_wall_ns;
	close_hole(decision, capture, subject->track, (wall_t){report->reach_wall_ns});
	if (capture->failed) {
		capture->failed = false;
		capture->failure[0] = '\0';
	}
	if (capture->row.state == CAPTURE_STARTING) {
		capture->row.state = CAPTURE_RECORDING;
		engine_on_capture_started(subject->control->engine, capture->row.id, decision->now,
					  &decision->actions);
	}
	if (subject->track->history && !report->resumed)
		history_job_start(subject->control, capture, subject->track,
				  (wall_t){report->reach_wall_ns});
	subject->track->history = false;
	fact_add_capture(&decision->facts, &capture->row);
	fact_add_note(&decision->facts, decision->now.wall, "capture", capture->row.id, "",
		      "%s: %s, history reaches back to %s", subject->track->nic,
		      report->resumed ? "resumed" : "recording",
		      wall_format((wall_t){report->reach_wall_ns}, reach));
}

static struct capture_loss loss_of(const struct rec_loss *loss)
{
	return (struct capture_loss){loss->kernel, loss->nic,  loss->cursor,
				     loss->torn,   loss->disk, loss->restart};
}

/* The NIC of a report: of its track, or of the ring now at its index. */
static void subject_nic(const struct subject *subject, char nic[16])
{
	struct ring_view ring;

	nic[0] = '\0';
	if (subject->track)
		memcpy(nic, subject->track->nic, 16);
	else if (control_ring(subject->control, subject->head->ring, &ring))
		memcpy(nic, ring.nic, 16);
}

/* The last line of an alert's life: what is on disk because of it. */
static void log_segment(const struct subject *subject, const struct segment_row *row)
{
	const char *alert = subject->capture ? subject->capture->row.alert : "";

	log_info("control", "capture %s: segment \"%s\" sealed, %" PRIu64 " packets%s%s",
		 row->capture, row->name, row->packets, *alert ? ", alert " : "", alert);
}

static void take_segment(struct subject *subject, const struct rec_segment *report)
{
	struct live_track *track = subject->track;
	struct segment_row row = {.ring = subject->head->ring,
				  .number = report->segment,
				  .sealed = report->state == SEGMENT_SEALED,
				  .file_bytes = report->file_bytes,
				  .packets = report->packets,
				  .bytes = report->bytes,
				  .first = {report->first_wall_ns},
				  .last = {report->last_wall_ns},
				  .loss = loss_of(&report->loss)};

	memcpy(row.capture, subject->head->capture, sizeof(row.capture));
	subject_nic(subject, row.nic);
	snprintf(row.name, sizeof(row.name), "%s", report->name);
	if (track) {
		if (report->segment >= track->next_segment)
			track->next_segment = report->segment + 1;
		if (report->last_wall_ns > track->last.ns)
			track->last.ns = report->last_wall_ns;
		if (row.sealed && track->progress.segment <= report->segment)
			track->progress.name[0] = '\0';
	}
	if (row.sealed)
		log_segment(subject, &row);
	fact_add_segment(&subject->decision->facts, &row);
}

static const char *gap_cause(uint32_t cause)
{
	static const char *const names[] = {
		[GAP_KERNEL] = "kernel",   [GAP_CURSOR] = "cursor", [GAP_TORN] = "torn",
		[GAP_RESTART] = "restart", [GAP_DISK] = "disk",	    [GAP_NIC_DOWN] = "nic_down",
	};

	return cause < ARRAY_SIZE(names) ? names[cause] : NULL;
}

static void take_gap(struct subject *subject, const struct rec_gap *report)
{
	const char *cause = gap_cause(report->cause);
	struct gap_row row = {.at_most = report->at_most,
			      .packets = report->packets,
			      .from = {report->from_wall_ns},
			      .to = {report->to_wall_ns}};

	memcpy(row.capture, subject->head->capture, sizeof(row.capture));
	subject_nic(subject, row.nic);
	snprintf(row.cause, sizeof(row.cause), "%s", cause ? cause : "unknown");
	log_warning("control", "capture %s: gap on %s: %s%" PRIu64 " packets lost (%s)",
		    row.capture, row.nic, row.at_most ? "at most " : "", row.packets, row.cause);
	/* before REC_SYNCED a report may be one that was committed but not acknowledged */
	fact_add_gap(&subject->decision->facts, &row)->maybe_known =
		!subject->control->recorder.synced;
}

static void format_end(const struct rec_finished *report, const char *nic, char reason[160])
{
	switch (report->end) {
	case REC_END_DISK_FULL:
		snprintf(reason, 160,
			 "disk_full: no space left for segments in the captures folder");
		break;
	case REC_END_DISK_ERROR:
		snprintf(reason, 160, "disk_error: %s", strerror(report->error));
		break;
	case REC_END_NO_RING:
		snprintf(reason, 160, "interface_absent: no such interface \"%s\"", nic);
		break;
	case REC_END_BAD_FILTER:
		snprintf(reason, 160, "invalid_filter: the recorder refused the compiled filter");
		break;
	default:
		reason[0] = '\0';
		break;
	}
}

static void open_hole(struct live_track *track, wall_t now)
{
	track->hole_from = now;
	snprintf(track->hole_cause, sizeof(track->hole_cause), "%s",
		 gap_cause(track->end == REC_END_NO_RING ? GAP_NIC_DOWN : GAP_DISK));
}

static void take_finished(struct subject *subject, const struct rec_finished *report)
{
	struct live_track *track = subject->track;
	bool recorded = track && track->state == TRACK_RECORDING;
	char reason[160];

	if (!track)
		return;
	track->progress.name[0] = '\0';
	track->reported = false;
	if (report->end == REC_END_SHUTDOWN)
		return; /* goes on with the next recorder */
	track->state = TRACK_OVER;
	track->end = (enum rec_end)report->end;
	track->error = report->error;
	if (report->end == REC_END_DISK_FULL)
		retention_job_kick(&subject->control->retention);
	format_end(report, track->nic, reason);
	if (!reason[0])
		return;
	log_error("control", "capture %s: track on %s failed: %s", subject->capture->row.id,
		  track->nic, reason);
	live_fail(subject->capture, reason);
	if (recorded)
		open_hole(track, subject->decision->now.wall);
	fact_add_capture(&subject->decision->facts, &subject->capture->row);
	fact_add_note(&subject->decision->facts, subject->decision->now.wall, "capture",
		      subject->capture->row.id, "", "%s: %s", track->nic, reason);
}

/* ---- checks of hostile bytes ---- */

static bool segment_valid(const struct rec_segment *report)
{
	struct segment_name name;
	bool hidden;

	return memchr(report->name, 0, sizeof(report->name)) && !strchr(report->name, '/') &&
	       !segment_name_parse(report->name, &name, &hidden) && !hidden &&
	       report->state <= SEGMENT_SEALED;
}

/* Differences of such times do not overflow. */
static bool time_valid(int64_t wall_ns)
{
	return wall_ns >= 0 && wall_ns <= INT64_MAX / 2;
}

static bool times_valid(const struct ipc_message *message)
{
	const void *body = message->body;
	const struct rec_started *started = body;
	const struct rec_segment *segment = body;
	const struct rec_gap *gap = body;
	const struct rec_finished *finished = body;

	switch (message->type) {
	case REC_STARTED:
		return time_valid(started->reach_wall_ns);
	case REC_SEGMENT:
		return time_valid(segment->first_wall_ns) && time_valid(segment->last_wall_ns);
	case REC_GAP:
		return time_valid(gap->from_wall_ns) && time_valid(gap->to_wall_ns);
	default:
		return time_valid(finished->first_wall_ns) && time_valid(finished->last_wall_ns);
	}
}

static bool report_valid(const struct ipc_message *message)
{
	const struct rec_report_head *head = (const void *)message->body;
	size_t size = message->type == REC_STARTED    ? sizeof(struct rec_started)
		      : message->type == REC_SEGMENT  ? sizeof(struct rec_segment)
		      : message->type == REC_GAP      ? sizeof(struct rec_gap)
		      : message->type == REC_FINISHED ? sizeof(struct rec_finished)
						      : 0;

	if (!size || message->size != size || !memchr(head->capture, 0, sizeof(head->capture)) ||
	    !ident_valid(head->capture) || !times_valid(message))
		return false;
	return message->type != REC_SEGMENT || segment_valid((const void *)message->body);
}

int recorder_report_take(struct control *control, struct ipc_message *message)
{
	struct subject subject = {.control = control, .head = (const void *)message->body};
	const void *report = message->body;

	if (!report_valid(message)) {
		log_error("control", "recorder sent message %u of %u bytes that makes no sense",
			  message->type, message->size);
		return -EBADMSG;
	}
	subject.capture = live_find(&control->live, subject.head->capture);
	if (subject.capture)
		subject.track = live_track_find(subject.capture, subject.head->ring);
	subject.decision = decision_new(control);
	if (message->type == REC_STARTED)
		take_started(&subject, report);
	else if (message->type == REC_SEGMENT)
		take_segment(&subject, report);
	else if (message->type == REC_GAP)
		take_gap(&subject, report);
	else
		take_finished(&subject, report);
	commit_report(subject.decision, subject.head);
	if (message->type == REC_FINISHED && subject.capture)
		recorder_report_settle(control, subject.capture);
	return 0;
}
