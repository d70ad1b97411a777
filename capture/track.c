/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/track.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "capture/filter.h"
#include "capture/mark.h"
#include "capture/report.h"
#include "capture/ring_kept.h"
#include "capture/track_internal.h"

#define TELL_EVERY  (250 * DUR_MS)
#define FLUSH_AFTER (250 * DUR_MS) /* quiet bytes reach the file after this */
#define STOP_MARGIN (300 * DUR_MS) /* beyond the retire time: wake-ups, a busy machine */

const char *track_capture(const struct track *t)
{
	return t->head.capture;
}

uint32_t track_priority(const struct track *t)
{
	return t->priority;
}

int track_is_over(const struct track *t)
{
	return t->state == TRACK_OVER;
}

int track_is_calm(const struct track *t)
{
	return t->state == TRACK_RUNNING && t->caught_up && !t->partial && !t->ordered.ns &&
	       TAILQ_FIRST(&t->segments) == track_open_segment(t);
}

uint64_t track_keep_seq(const struct track *t)
{
	if (t->state != TRACK_RUNNING || t->seq < ring_held(t->ring->ring))
		return UINT64_MAX;
	return t->seq;
}

struct track_segment *track_open_segment(const struct track *t)
{
	struct track_segment *s = TAILQ_LAST(&t->segments, track_segments);

	return s && s->state == TRACK_SEGMENT_OPEN ? s : NULL;
}

/* --- losses --- */

static uint64_t *loss_of(struct rec_loss *loss, enum rec_gap_cause cause)
{
	switch (cause) {
	case GAP_KERNEL:
		return &loss->kernel;
	case GAP_CURSOR:
		return &loss->cursor;
	case GAP_TORN:
		return &loss->torn;
	case GAP_RESTART:
		return &loss->restart;
	case GAP_DISK:
		return &loss->disk;
	case GAP_NIC_DOWN:
		break;
	}
	return NULL;
}

void track_add_gap(struct track *t, enum rec_gap_cause cause, uint64_t packets, int64_t from_ns,
		   int64_t to_ns)
{
	struct gap *gap = &t->gaps[cause];

	if (!gap->open)
		gap->from_ns = from_ns;
	gap->open = 1;
	gap->packets += packets;
	gap->to_ns = to_ns;
}

static int track_is_filtered(const struct track *t)
{
	return t->reader.filter || t->reader.slot != CLASSIFIER_NONE;
}

void track_tell_gaps(struct track *t)
{
	for (unsigned cause = 0; cause < TRACK_CAUSES; cause++) {
		struct gap *gap = &t->gaps[cause];
		struct rec_gap report = {.head = t->head,
					 .cause = cause,
					 .at_most = track_is_filtered(t) && cause != GAP_DISK,
					 .packets = gap->packets,
					 .from_wall_ns = gap->from_ns,
					 .to_wall_ns = gap->to_ns};

		if (!gap->open)
			continue;
		report_put(t->ring->reports, REC_GAP, &report, sizeof(report));
		*gap = (struct gap){0};
	}
}

/* Packets lost between what was written last and what will be written next. */
static void lose(struct track *t, enum rec_gap_cause cause, uint64_t packets, int64_t to_ns)
{
	struct track_segment *s = track_open_segment(t);

	*loss_of(&t->loss, cause) += packets;
	if (s)
		*loss_of(&s->loss, cause) += packets;
	t->reader.drops += packets;
	track_add_gap(t, cause, packets, t->last_block_ns, to_ns);
}

void track_add_outage(struct track *t, int64_t from_wall_ns, int64_t to_wall_ns)
{
	if (t->state != TRACK_RUNNING || to_wall_ns <= t->begin_ns)
		return;
	track_add_gap(t, GAP_NIC_DOWN, 0, from_wall_ns > t->begin_ns ? from_wall_ns : t->begin_ns,
		      to_wall_ns);
}

/* --- marks --- */

/* The newest mark that is in a file, unless an older segment still waits for its own last one: a
 * mark in segment n says that all before n is complete. */
static void publish(struct track *t)
{
	const struct shared_mark *newest = NULL;
	const struct track_segment *s;

	TAILQ_FOREACH (s, &t->segments, next) {
		if (s->mark.seq)
			newest = &s->mark;
		if (s->state < TRACK_SEGMENT_SEALING)
			break;
	}
	if (!newest || t->marks_held || !memcmp(newest, &t->published, sizeof(*newest)))
		return;
	t->published = *newest;
	mark_save(t->cursor, newest);
}

void track_on_repaired(struct track *t)
{
	t->marks_held = 0;
	publish(t);
}

static uint64_t untold_packets(const struct track *t)
{
	uint64_t sum = 0;

	for (unsigned cause = 0; cause < TRACK_CAUSES; cause++)
		sum += t->gaps[cause].packets;
	return sum;
}

static void mark_block(struct track *t, struct track_segment *s)
{
	struct shared_mark mark = {.seq = t->seq,
				   .ring_packets = t->before,
				   .kernel_drops = t->kernel_drops,
				   .last_wall_ns = t->last_block_ns,
				   .untold = untold_packets(t),
				   .unwritten = t->reader.drops};

	track_segment_mark(s, &mark);
	publish(t);
}

/* --- segments --- */

void track_open_next(struct track *t, int64_t begin_ns, struct instant now)
{
	struct track_segment_options options = {.writer = t->ring->writer,
						.box = t->ring->writer_box,
						.folder = fcntl(t->folder, F_DUPFD_CLOEXEC, 0),
						.name = &t->name,
						.track = t};
	struct track_segment *s;

	t->name.time = begin_ns ? (wall_t){begin_ns} : now.wall;
	s = track_segment_open(&options, now);
	TAILQ_INSERT_TAIL(&t->segments, s, next);
}

/* Returns 0, or TRACK_SEGMENT_BUSY: the headers found no buffer yet. */
static int begin(struct track *t, struct track_segment *s)
{
	char place[160];
	const char *comments[] = {place, t->comment};
	struct pcapng_section section = {.os = "Linux",
					 .application = "Ringbell " RINGBELL_VERSION,
					 .comments = comments,
					 .comment_count = *t->comment ? 2 : 1};
	char kept[RING_KEPT_TEXT_SIZE];
	struct pcapng_interface interface = {.link_type = (uint16_t)t->reader.link_type,
					     .name = t->ring->nic,
					     .description = kept,
					     .filter = t->filter_text,
					     .os = "Linux"};

	if (s->begun)
		return 0;
	ring_kept_describe(t->ring->shared, kept);
	snprintf(place, sizeof(place), "capture %s, segment %u, on %s", t->head.capture, s->number,
		 t->ring->nic);
	if (track_segment_begin(s, &section, &interface))
		return TRACK_SEGMENT_BUSY;
	mark_block(t, s);
	track_segment_flush(s, s->opened); /* at once: a crash shall not leave an empty file */
	return 0;
}

static void close_segment(struct track *t, struct track_segment *s, mono_t now)
{
	mark_block(t, s);
	t->used_bytes += stream_bytes(s->stream);
	track_segment_stop(s, now);
	publish(t);
}

static void rotate(struct track *t, struct track_segment *s, struct instant now)
{
	close_segment(t, s, now.mono);
	t->name.number++;
	t->rotate_now = 0;
	track_open_next(t, ring_open_ns(t->ring->ring, t->seq), now);
}

static int is_rotation_due(const struct track *t, const struct track_segment *s, mono_t now)
{
	/* nothing may be sealed beyond the mark, or a successor would read it again */
	if (!s->packets || t->partial || t->marks_held)
		return 0;
	/* one at a time: a successor asks after few sealed segments before the mark (SEALING_MAX)
	 */
	if (TAILQ_FIRST(&t->segments) != s && !t->rotate_now)
		return 0;
	return t->rotate_now || (t->rotate_bytes && stream_bytes(s->stream) >= t->rotate_bytes) ||
	       (t->rotate_after && mono_sub(now, s->opened) >= t->rotate_after);
}

/* The segment to write to, with its headers in; NULL if there is no buffer for them. */
static struct track_segment *ready_segment(struct track *t, struct instant now)
{
	struct track_segment *s = track_open_segment(t);

	if (is_rotation_due(t, s, now.mono)) {
		rotate(t, s, now);
		s = track_open_segment(t);
	}
	return begin(t, s) ? NULL : s;
}

/* --- the end --- */

static void tell_finished(struct track *t)
{
	struct rec_finished report = {.head = t->head,
				      .end = t->end,
				      .error = t->error,
				      .packets = t->reader.packets,
				      .bytes = t->reader.bytes,
				      .first_wall_ns = t->reader.first_ns,
				      .last_wall_ns = t->reader.last_ns,
				      .loss = t->loss};

	report_put(t->ring->reports, REC_FINISHED, &report, sizeof(report));
}

/* In ENDING: closes what is open, and is over when everything is sealed. */
static void settle(struct track *t, mono_t now)
{
	struct track_segment *s = track_open_segment(t);

	if (t->state != TRACK_ENDING)
		return;
	if (s && !begin(t, s))
		close_segment(t, s, now);
	if (!TAILQ_EMPTY(&t->segments))
		return;
	track_tell_gaps(t);
	tell_finished(t);
	/* after a shutdown the mark is what a successor resumes from */
	if (t->end != REC_END_SHUTDOWN)
		mark_remove(t->cursor);
	t->state = TRACK_OVER;
}

/* One that goes on is told here, for this track will not hear of its end. After a shutdown it will,
 * once it is resumed. */
static void add_outage_going_on(struct track *t, enum rec_end end)
{
	int64_t since =
		atomic_load_explicit(&t->ring->shared->down_since_wall_ns, memory_order_relaxed);
	int64_t now = wall_now().ns, until = t->reader.until_ns < now ? t->reader.until_ns : now;

	if (since && since < until && end != REC_END_SHUTDOWN)
		track_add_outage(t, since, until);
}

static void end_track(struct track *t, enum rec_end end, int error, mono_t now)
{
	if (t->state != TRACK_RUNNING)
		return;
	add_outage_going_on(t, end);
	t->state = TRACK_ENDING;
	t->end = end;
	t->error = error;
	settle(t, now);
}

void track_stop(struct track *t, int64_t until_wall_ns, struct instant now)
{
	dur_t ahead = until_wall_ns - now.wall.ns;

	t->reader.until_ns = until_wall_ns;
	/* monotonic from here on: a clock step does not move the end */
	t->until = mono_add(now.mono,
			    (ahead > 0 ? ahead : 0) + t->ring->retire_ms * DUR_MS + STOP_MARGIN);
}

void track_shutdown(struct track *t, struct instant now)
{
	t->end_seq = ring_head(t->ring->ring) + 1;
	t->until = mono_add(now.mono, t->ring->retire_ms * DUR_MS + STOP_MARGIN);
	if (t->state == TRACK_RUNNING)
		t->end = REC_END_SHUTDOWN;
}

/* At a block's end: is it time? */
static void check_end(struct track *t, struct instant now)
{
	const struct track_segment *s = track_open_segment(t);
	int at_head = t->seq >= ring_head(t->ring->ring);

	if (t->state != TRACK_RUNNING || t->partial)
		return;
	if (t->reader.past_until || t->seq >= t->end_seq ||
	    (at_head && mono_sub(now.mono, t->until) >= 0))
		end_track(t, t->end, 0, now.mono);
	else if (t->reader.full)
		end_track(t, REC_END_LIMIT, 0, now.mono);
	else if (t->budget_bytes && s && t->used_bytes + stream_bytes(s->stream) >= t->budget_bytes)
		end_track(t, REC_END_LIMIT, 0, now.mono);
}

/* --- reading --- */

/* Blocks that went out of reach before this track came to them. */
static void skip_lost(struct track *t)
{
	const struct ring *ring = t->ring->ring;
	uint64_t reach = ring_reach(ring), lost;
	const struct ring_info *info = ring_get_info(ring, reach);

	if (t->seq >= reach)
		return;
	lost = ring_packets_before(ring, reach) - t->before - t->done;
	t->seq = reach;
	t->before = ring_packets_before(ring, reach);
	t->done = 0;
	t->partial = 0;
	if (!lost)
		return;
	atomic_fetch_add_explicit(&t->ring->shared->lost_cursor, lost, memory_order_relaxed);
	lose(t, GAP_CURSOR, lost, info ? info->first_ns : 0);
}

/* What the kernel and the interface lost since the block before; the kernel's counter was read up
 * to 100 ms before the block was taken. */
static void count_drops(struct track *t, const struct ring_info *info)
{
	struct track_segment *s = track_open_segment(t);
	uint64_t drops, known, nic;

	if (!t->counting) {
		t->counting = 1;
		t->kernel_drops = info->kernel_drops;
		t->nic_drops = info->nic_drops;
	}
	drops = info->kernel_drops > t->kernel_drops ? info->kernel_drops - t->kernel_drops : 0;
	known = drops < t->restart_drops ? drops : t->restart_drops;
	t->restart_drops -= known;
	t->reader.drops += known;
	if (drops > known)
		lose(t, GAP_KERNEL, drops - known, info->first_ns);
	t->kernel_drops += drops;
	nic = info->nic_drops > t->nic_drops ? info->nic_drops - t->nic_drops : 0;
	t->loss.nic += nic;
	s->loss.nic += nic;
	t->nic_drops += nic;
}

void track_apply_edit(struct track *t)
{
	struct edit *edit = take_ptr(t->edit);

	filter_free(t->reader.filter);
	verdicts_remove(t->reader.verdicts, t->reader.slot);
	t->reader.filter = edit->filter;
	t->reader.slot = edit->slot;
	t->reader.slice = edit->slice;
	t->reader.slice_bytes = edit->slice_bytes;
	if (strcmp(t->filter_text, edit->filter_text)) {
		memcpy(t->filter_text, edit->filter_text, sizeof(t->filter_text));
		t->rotate_now = 1; /* a file says by which filter it was made */
	}
	free(edit);
}

/* Block seq is done with, whatever became of it. */
static void finish_block(struct track *t, const struct ring_info *info, struct track_segment *s)
{
	t->last_block_ns = info->last_ns;
	t->partial = 0;
	t->done = 0;
	t->before = info->before + info->packets;
	t->seq++;
	mark_block(t, s);
	if (t->edit)
		track_apply_edit(t);
}

/* Reads block seq, or the rest of it. Returns 0 or TRACK_READER_BUSY. */
static int read_block(struct track *t, struct track_segment *s)
{
	struct ring *ring = t->ring->ring;
	const struct ring_info *info = ring_get_info(ring, t->seq);
	struct ring_block_walk walk;
	int busy;

	if (!t->partial)
		count_drops(t, info);
	if (ring_take(ring, t->seq, &walk) == RING_TORN) {
		lose(t, GAP_TORN, t->partial ? t->walk.left : info->packets, info->last_ns);
		finish_block(t, info, s);
		return 0;
	}
	if (t->partial)
		walk = t->walk;
	t->reader.seq = t->seq;
	busy = track_reader_step(&t->reader, &walk, s);
	if (ring_put(ring, t->seq) == RING_TORN)
		log_error("capture", "%s: block %" PRIu64 " changed while it was read",
			  t->head.capture, t->seq);
	if (busy) {
		t->walk = walk;
		t->partial = 1;
		t->done = info->packets - walk.left;
		return busy;
	}
	finish_block(t, info, s);
	return 0;
}

/* History has been read, or the first packets came: they shall be in the file at once. And where
 * others wait for buffers none is kept half filled. */
static void flush_at_head(struct track *t, mono_t now)
{
	struct track_segment *s = track_open_segment(t);

	if (t->caught_up && !stream_is_greedy(s->stream))
		return;
	t->caught_up |= s->packets > 0;
	if (s->begun && stream_bytes(s->stream) != s->flushed)
		track_segment_flush(s, now);
}

int track_step(struct track *t, uint32_t blocks, struct instant now)
{
	const struct ring *ring = t->ring->ring;
	struct track_segment *s = track_open_segment(t);

	if (t->state == TRACK_RUNNING && s)
		begin(t, s); /* at once, though no block may be there yet */
	for (; blocks && t->state == TRACK_RUNNING; blocks--) {
		skip_lost(t);
		if (t->seq >= ring_head(ring))
			break;
		s = ready_segment(t, now);
		if (!s || read_block(t, s))
			return 0; /* WRITER_ROOM will bring us back */
		check_end(t, now);
	}
	if (t->state != TRACK_RUNNING)
		return 0;
	if (t->seq < ring_head(ring))
		return TRACK_MORE;
	flush_at_head(t, now.mono);
	return 0;
}

/* --- telling --- */

static void fill_report(const struct track *t, struct rec_track *ret)
{
	const struct track_segment *s = track_open_segment(t);

	memset(ret, 0, sizeof(*ret)); /* it will be compared, padding and all */
	ret->head = t->head;
	ret->segment = s ? s->number : t->name.number + 1;
	ret->following = t->seq >= ring_held(t->ring->ring);
	ret->packets = t->reader.packets;
	ret->bytes = t->reader.bytes;
	ret->first_wall_ns = t->reader.first_ns;
	ret->last_wall_ns = t->reader.last_ns;
	ret->loss = t->loss;
	if (!s)
		return;
	snprintf(ret->name, sizeof(ret->name), ".%s", s->name);
	ret->valid_bytes = s->mark.offset;
}

void track_tell(struct track *t)
{
	fill_report(t, &t->told);
	report_put(t->ring->reports, REC_TRACK, &t->told, sizeof(t->told));
}

static void tell_changes(struct track *t, mono_t now)
{
	struct rec_track report;

	if (t->state == TRACK_OVER || mono_sub(now, t->told_at) < TELL_EVERY)
		return;
	t->told_at = now;
	track_tell_gaps(t);
	fill_report(t, &report);
	if (memcmp(&report, &t->told, sizeof(report)))
		track_tell(t);
}

static void tell_segment(struct track *t, const struct track_segment *s,
			 enum rec_segment_state state)
{
	struct rec_segment report = {.head = t->head, .segment = s->number, .state = state};

	memcpy(report.name, s->name, sizeof(report.name));
	if (state == SEGMENT_SEALED) {
		report.file_bytes = s->file_bytes;
		report.packets = s->packets;
		report.bytes = s->bytes;
		report.first_wall_ns = s->first_ns;
		report.last_wall_ns = s->last_ns;
		report.loss = s->loss;
	}
	report_put(t->ring->reports, REC_SEGMENT, &report, sizeof(report));
}

/* Quiet bytes reach the file in time. */
static void flush_quiet(struct track_segment *s, mono_t now)
{
	if (s->begun && stream_bytes(s->stream) != s->flushed &&
	    mono_sub(now, s->flushed_at) >= FLUSH_AFTER)
		track_segment_flush(s, now);
}

void track_tick(struct track *t, struct instant now)
{
	struct track_segment *s = track_open_segment(t);

	if (t->state == TRACK_RUNNING && s && is_rotation_due(t, s, now.mono)) {
		rotate(t, s, now);
		s = track_open_segment(t);
	}
	if (t->state == TRACK_RUNNING && s && !begin(t, s))
		flush_quiet(s, now.mono);
	check_end(t, now);
	settle(t, now.mono);
	tell_changes(t, now.mono);
}

/* --- writer events --- */

/* The first failure ends the track; what the file holds is sealed. */
static void on_failed(struct track *t, struct track_segment *s, const struct writer_event *event,
		      mono_t now)
{
	int64_t last_ns = s->last_ns;
	uint64_t bytes = s->bytes, lost = track_segment_on_failed(s, event);
	int full = event->error == ENOSPC || event->error == EDQUOT;

	log_error("capture", "%s: segment \"%s\": %s; %" PRIu64 " packets are lost",
		  t->head.capture, s->name, strerror(event->error), lost);
	t->loss.disk += lost;
	atomic_fetch_add_explicit(&t->ring->shared->lost_disk, lost, memory_order_relaxed);
	t->reader.packets -= lost;
	t->reader.bytes -= bytes - s->bytes;
	if (lost)
		track_add_gap(t, GAP_DISK, lost, event->mark.last_wall_ns, last_ns);
	publish(t);
	end_track(t, full ? REC_END_DISK_FULL : REC_END_DISK_ERROR, event->error, now);
}

static void on_sealed(struct track *t, struct track_segment *s, const struct writer_event *event,
		      mono_t now)
{
	track_segment_on_sealed(s, event);
	if (event->bytes && !event->error)
		tell_segment(t, s, SEGMENT_SEALED);
	if (event->error)
		log_error("capture", "%s: segment \"%s\" is not sealed: %s", t->head.capture,
			  s->name, strerror(event->error));
	if (event->error && t->state == TRACK_RUNNING)
		end_track(t, REC_END_DISK_ERROR, event->error, now);
	TAILQ_REMOVE(&t->segments, s, next);
	track_segment_free(s);
}

static void log_since_order(const struct track *t, const char *what, mono_t now)
{
	log_info("capture", "%s: first %s on disk %.1f ms after the order", t->head.capture, what,
		 (double)mono_sub(now, t->ordered) / DUR_MS);
}

static void on_written(struct track *t, struct track_segment *s, const struct writer_event *event,
		       mono_t now)
{
	int is_first = !s->mark.offset;

	if (is_first && t->ordered.ns)
		log_since_order(t, "byte", now);
	if (track_segment_on_written(s, event) == TRACK_SEGMENT_FIRST) {
		track_tell(t); /* somebody may be waiting for the download */
		if (t->ordered.ns)
			log_since_order(t, "packets", now);
		t->ordered = (mono_t){0};
	}
	publish(t); /* before step can seal */
	track_segment_step(s);
	publish(t);
}

void track_on_writer(const struct writer_event *event, struct instant now)
{
	struct track_segment *s = event->owner;
	struct track *t = s->track;

	switch (event->kind) {
	case WRITER_OPENED:
		tell_segment(t, s, SEGMENT_OPENED);
		break;
	case WRITER_WRITTEN:
		on_written(t, s, event, now.mono);
		break;
	case WRITER_FAILED:
		on_failed(t, s, event, now.mono);
		break;
	case WRITER_SEALED:
		on_sealed(t, s, event, now.mono);
		break;
	case WRITER_ROOM:
		track_segment_step(s);
		break;
	}
	settle(t, now.mono);
}
