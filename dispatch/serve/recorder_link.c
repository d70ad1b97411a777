/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/recorder_link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/filter_table.h"
#include "dispatch/serve/history_job.h"
#include "dispatch/serve/recorder_report.h"
#include "policy/utf8.h"

void recorder_link_init(struct recorder_link *recorder, struct control *control)
{
	memset(recorder, 0, sizeof(*recorder));
	recorder->control = control;
}

void recorder_link_fini(struct recorder_link *recorder)
{
	recorder->link = ipc_link_free(recorder->link);
	recorder->synced = false;
}

/* ---- what the recorder has ---- */

static void forget_reports(struct recorder_link *recorder)
{
	struct live_capture *capture;

	recorder->synced = false;
	recorder->generation++;
	LIST_FOREACH (capture, &recorder->control->live.captures, next) {
		for (size_t i = 0; i < capture->track_count; i++) {
			capture->tracks[i].reported = false;
			capture->tracks[i].stop_told = false;
			capture->tracks[i].told_filter[0] = '\0';
		}
	}
}

/* A track whose capture we do not know, or is over: it must not go on. */
static void stop_stray(struct recorder_link *recorder, const struct rec_report_head *head)
{
	struct rec_stop stop = {.ring = head->ring, .until_wall_ns = wall_now().ns};

	log_warning("control",
		    "capture %s: recorder has a track on ring %u that nobody wants, stopping it",
		    head->capture, head->ring);
	memcpy(stop.capture, head->capture, sizeof(stop.capture));
	ipc_link_send(recorder->link, REC_STOP, &stop, sizeof(stop), -1);
}

static int on_track(struct recorder_link *recorder, struct ipc_message *message)
{
	const struct rec_track *told = (const void *)message->body;
	struct live_capture *capture;
	struct live_track *track;

	if (!ipc_is(message, struct rec_track) ||
	    !memchr(told->head.capture, 0, sizeof(told->head.capture)) ||
	    !memchr(told->name, 0, sizeof(told->name)) || strchr(told->name, '/'))
		return -EBADMSG;
	capture = live_find(&recorder->control->live, told->head.capture);
	track = capture ? live_track_find(capture, told->head.ring) : NULL;
	if (!track || track->state == TRACK_OVER) {
		/* between our decision and its commit a track may be told late: only at sync is it
		 * odd */
		if (!recorder->synced)
			stop_stray(recorder, &told->head);
		return 0;
	}
	track->progress = *told;
	track->ran = true;
	track->restored = false;
	track->reported = true;
	if (track->state == TRACK_WANTED)
		track->state = TRACK_RECORDING;
	if (told->segment >= track->next_segment)
		track->next_segment = told->segment + (told->name[0] != '\0');
	return 0;
}

/* The present recorder does not have these: they are wanted again. */
static void on_synced(struct recorder_link *recorder)
{
	struct live_capture *capture;

	LIST_FOREACH (capture, &recorder->control->live.captures, next) {
		for (size_t i = 0; i < capture->track_count; i++) {
			struct live_track *track = &capture->tracks[i];

			if (!track->reported &&
			    (track->state == TRACK_TOLD || track->state == TRACK_RECORDING)) {
				track->state = TRACK_WANTED;
				track->progress.name[0] = '\0';
			}
		}
	}
	recorder->synced = true;
	log_info("control", "recorder is in sync");
	recorder_link_reconcile(recorder);
}

static int on_message(void *owner, struct ipc_message *message)
{
	struct recorder_link *recorder = owner;

	if (!recorder->control->engine)
		return 0; /* loading: what is not acknowledged is told again after the next REC_SYNC
			   */
	switch (message->type) {
	case REC_TRACK:
		return on_track(recorder, message);
	case REC_SEARCH_PART:
		return ring_feeds_take(recorder->control, message);
	case REC_SYNCED:
		on_synced(recorder);
		return 0;
	default:
		return recorder_report_take(recorder->control, message);
	}
}

static void on_closed(void *owner)
{
	struct recorder_link *recorder = owner;

	if (!recorder->control->draining)
		log_warning("control", "recorder is gone, waiting for the next one");
	recorder->link = ipc_link_free(recorder->link);
	forget_reports(recorder);
	ring_feeds_fail(recorder->control);
	control_on_link_lost(recorder->control);
	control_check_drained(recorder->control);
}

void recorder_link_sync(struct recorder_link *recorder)
{
	struct live_capture *capture;

	forget_reports(recorder);
	LIST_FOREACH (capture, &recorder->control->live.captures, next)
		live_resolve(recorder->control, capture);
	if (recorder->control->engine)
		ipc_link_send(recorder->link, REC_SYNC, NULL, 0, -1);
}

void recorder_link_open(struct recorder_link *recorder, int socket)
{
	ring_feeds_fail(recorder->control);
	ipc_link_free(recorder->link);
	recorder->link =
		ipc_link_new(recorder->control->loop, socket, on_message, on_closed, recorder);
	recorder_link_sync(recorder);
}

/* ---- what it should have ---- */

/* Does the supervisor's memory hold a position of this track? Then a new recorder goes on there. */
static bool has_mark(const struct control *control, const char *capture, uint32_t ring)
{
	for (size_t i = 0; control->shared && i < SHARED_CURSORS_MAX; i++) {
		const struct shared_cursor *cursor = &control->shared->cursors[i];

		if (atomic_load(&cursor->used) && cursor->ring == ring &&
		    !strncmp(cursor->capture, capture, IDENT_SIZE))
			return true;
	}
	return false;
}

/* The catalogue may lag behind the folder by what a dead recorder had not told yet. Blocks for one
 * readdir of the capture's own folder, only where a track is resumed. */
static void number_from_folder(const struct control *control, const struct live_capture *capture,
			       struct live_track *track)
{
	int fd = openat(control->captures_fd, capture->row.folder,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(folder))) {
		struct segment_name name;
		bool hidden;

		if (segment_name_parse(entry->d_name, &name, &hidden) ||
		    strcmp(name.nic, track->nic))
			continue;
		if (name.number >= track->next_segment)
			track->next_segment = name.number + 1;
	}
	closedir(folder);
}

/* The whole daemon was away: nobody can tell what passed meanwhile. */
static void state_gap(struct control *control, const struct live_capture *capture,
		      const struct live_track *track)
{
	struct decision *decision = decision_new(control);
	struct gap_row gap = {.unknown = true, .at_most = true, .cause = "restart"};

	memcpy(gap.capture, capture->row.id, sizeof(gap.capture));
	snprintf(gap.nic, sizeof(gap.nic), "%s", track->nic);
	gap.from = track->last;
	gap.to = decision->now.wall;
	fact_add_gap(&decision->facts, &gap);
	fact_add_note(&decision->facts, decision->now.wall, "capture", capture->row.id, "",
		      "%s: resumed after a restart of the whole daemon", track->nic);
	decision_commit(decision, NULL, NULL);
}

static void fill_comment(const struct live_capture *capture, struct rec_start *start)
{
	const struct capture_row *row = &capture->committed;
	char from[WALL_TEXT_SIZE], trigger[WALL_TEXT_SIZE];

	snprintf(start->comment, sizeof(start->comment),
		 "ringbell capture %s\npolicy: %s\nalert: %s\nrequested from: %s\ntriggered at: %s",
		 row->id, row->policy_name, row->alert[0] ? row->alert : "none, an operator",
		 wall_format(row->requested_from, from), wall_format(row->trigger_at, trigger));
}

/* Of a policy that is gone, the capture ends as it began. */
static void fill_share(const struct control *control, const char *id, struct rec_start *start)
{
	const struct pcap_policy *policy = control->engine ? engine_policy(control->engine, id)
							   : NULL;

	if (!policy)
		return;
	start->max_packets = policy->max_packets;
	start->sampling = policy->sampling;
	start->priority = policy->priority;
}

static void fill_window(const struct live_capture *capture, const struct live_track *track,
			struct rec_start *start)
{
	const struct capture_row *row = &capture->committed;
	wall_t from = row->requested_from, now = wall_now();

	/* packets up to the last known one are in earlier segments */
	if (track->ran && track->last.ns > from.ns)
		from = track->last;
	start->from_wall_ns = from.ns;
	start->lookback_ns = now.ns > from.ns ? now.ns - from.ns : 0;
	start->trigger_wall_ns = track->ran && wall_known(track->last) ? 0 : row->trigger_at.ns;
	if (row->state == CAPTURE_STOPPING)
		start->until_wall_ns = row->requested_until.ns;
}

/* What a track filters by, as one word: equal words need no edit. */
static void filter_word(const struct live_capture *capture, const char *text,
			char ret[SHA256_HEX_SIZE])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, text, strlen(text) + 1);
	if (capture->match)
		sha256_add(&hash, capture->match->digest, sizeof(capture->match->digest));
	sha256_add(&hash, capture->committed.slice, strlen(capture->committed.slice));
	sha256_format(&hash, ret);
}

/* What the file says it was filtered by. */
static void fill_text(char ret[REC_FILTER_TEXT_SIZE], const struct live_capture *capture,
		      const struct program *program)
{
	char text[REC_FILTER_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s%s%s", program->text,
		 capture->match && *program->text ? "; match " : "",
		 capture->match ? capture->match->text : "");
	utf8_put(ret, REC_FILTER_TEXT_SIZE, text);
}

/* The structured filter's file, or -1; *ret = its size, 0 = there is none. */
static int open_match(const struct live_capture *capture, uint32_t *ret)
{
	int fd = capture->match ? filter_table_open(&capture->match->table) : -1;

	*ret = capture->match ? (uint32_t)capture->match->table.len : 0;
	if (capture->match && fd < 0) /* the recorder refuses what it cannot read, and says so */
		log_error("control", "capture %s: no memory for its filter: %s", capture->row.id,
			  strerror(-fd));
	return fd;
}

static void send_start(struct recorder_link *recorder, struct live_capture *capture,
		       struct live_track *track, const struct program *program)
{
	struct rec_start *start = xcalloc(1, sizeof(*start));
	const struct capture_row *row = &capture->committed;
	CLEANUP_CLOSE int fd = -1;
	char policy[48];

	memcpy(start->capture, row->id, sizeof(start->capture));
	snprintf(start->folder, sizeof(start->folder), "%s", row->folder);
	snprintf(start->policy, sizeof(start->policy), "%s",
		 segment_safe(row->policy_name, policy));
	start->ring = track->ring;
	start->flags = track->ran ? REC_RESUME : 0;
	if (track->ran)
		number_from_folder(recorder->control, capture, track);
	if (!track->next_segment && history_job_wanted(recorder->control, capture, track)) {
		track->next_segment = 1;
		track->history = true;
	}
	start->first_segment = track->next_segment;
	live_slice_parse(row->slice, &start->slice, &start->slice_bytes);
	fill_window(capture, track, start);
	start->rotate_bytes = capture->rotate_bytes;
	start->rotate_ns = capture->rotate;
	start->budget_bytes = capture->budget_bytes;
	fill_share(recorder->control, row->policy, start);
	fill_comment(capture, start);
	fill_text(start->filter_text, capture, program);
	program_fill(program, &start->program);
	fd = open_match(capture, &start->match_bytes);
	ipc_link_send(recorder->link, REC_START, start, sizeof(*start), fd);
	if (!track->ran)
		metrics_histogram_add(&recorder->control->watch.trigger,
				      wall_sub(wall_now(), row->created_at));
	log_info("control", "capture %s: %s on %s%s%s", row->id, track->ran ? "resume" : "start",
		 track->nic, row->alert[0] ? ", alert " : "", row->alert);
	filter_word(capture, program->text, track->told_filter);
	track->state = TRACK_TOLD;
	track->ran = true;
	track->reported = true;
	track->stop_told = row->state == CAPTURE_STOPPING;
	free(start);
}

static void send_edit(struct recorder_link *recorder, struct live_capture *capture,
		      struct live_track *track, const struct program *program)
{
	struct rec_edit *edit = xcalloc(1, sizeof(*edit));
	CLEANUP_CLOSE int fd = -1;

	memcpy(edit->capture, capture->committed.id, sizeof(edit->capture));
	edit->ring = track->ring;
	live_slice_parse(capture->committed.slice, &edit->slice, &edit->slice_bytes);
	fill_text(edit->filter_text, capture, program);
	program_fill(program, &edit->program);
	fd = open_match(capture, &edit->match_bytes);
	ipc_link_send(recorder->link, REC_EDIT, edit, sizeof(*edit), fd);
	filter_word(capture, program->text, track->told_filter);
	free(edit);
}

static void send_stop(struct recorder_link *recorder, const struct live_capture *capture,
		      struct live_track *track)
{
	struct rec_stop stop = {.ring = track->ring,
				.until_wall_ns = capture->committed.requested_until.ns};

	memcpy(stop.capture, capture->committed.id, sizeof(stop.capture));
	ipc_link_send(recorder->link, REC_STOP, &stop, sizeof(stop), -1);
	track->stop_told = true;
	log_info("control", "capture %s: stop on %s", capture->committed.id, track->nic);
}

/* The program of a track's filter; NULL while it is compiled, or if it failed (told). */
static const struct program *track_program(struct control *control, struct live_capture *capture,
					   struct live_track *track)
{
	const struct program *program;
	char text[COMPILE_TEXT_MAX];
	struct ring_view ring;
	char reason[160];

	bug_on(!control_ring(control, track->ring, &ring));
	program_format_text(control_exclusion(control, track->ring, &ring),
			    capture->committed.filter, text);
	program = program_get(&control->programs, ring.link_type, text);
	if (program->state == PROGRAM_READY)
		return program;
	if (program->state != PROGRAM_COMPILING) {
		snprintf(reason, sizeof(reason), "invalid_filter: %s", program->message);
		recorder_report_failed(capture, track, reason);
	}
	return NULL;
}

/* A restored track without a mark: its recorder died with its supervisor. Returns false if there is
 * nothing left to record for it. */
static bool prepare_resume(struct control *control, struct live_capture *capture,
			   struct live_track *track)
{
	if (!track->ran || !track->restored || has_mark(control, capture->row.id, track->ring))
		return true;
	track->restored = false;
	if (capture->committed.state == CAPTURE_STOPPING) {
		track->state = TRACK_OVER;
		track->end = REC_END_STOPPED;
		return false;
	}
	state_gap(control, capture, track);
	return true;
}

static void reconcile_track(struct recorder_link *recorder, struct live_capture *capture,
			    struct live_track *track)
{
	struct control *control = recorder->control;
	const struct program *program;
	char word[SHA256_HEX_SIZE];

	if (track->state == TRACK_OVER || track->state == TRACK_ABSENT)
		return;
	if (capture->committed.state == CAPTURE_STOPPING && track->state != TRACK_WANTED) {
		if (!track->stop_told)
			send_stop(recorder, capture, track);
		return;
	}
	program = track_program(control, capture, track);
	if (!program)
		return;
	filter_word(capture, program->text, word);
	if (track->state == TRACK_WANTED) {
		if (prepare_resume(control, capture, track))
			send_start(recorder, capture, track, program);
	} else if (strcmp(word, track->told_filter)) {
		send_edit(recorder, capture, track, program);
	}
}

void recorder_link_reconcile(struct recorder_link *recorder)
{
	struct live_capture *capture, *following;

	if (!recorder->synced || !recorder->link || !recorder->control->engine)
		return;
	/* only recorder_report_settle removes a capture, and only the one it is given */
	for (capture = LIST_FIRST(&recorder->control->live.captures); capture;
	     capture = following) {
		following = LIST_NEXT(capture, next);
		if (!capture->committed.id[0])
			continue;
		for (size_t i = 0; i < capture->track_count; i++)
			reconcile_track(recorder, capture, &capture->tracks[i]);
		recorder_report_settle(recorder->control, capture);
	}
}
