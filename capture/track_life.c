/* SPDX-License-Identifier: Apache-2.0 */
/* A track's begin and end: where the cursor is set, in the past or at a dead recorder's mark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "capture/filter.h"
#include "capture/mark.h"
#include "capture/report.h"
#include "capture/track_internal.h"

#define EDGE 48 /* one of so many readable blocks; 60 ms of a wire that fills the ring in 4 s */

static void copy_start(struct track *t, const struct rec_start *start)
{
	memcpy(t->head.capture, start->capture, sizeof(t->head.capture));
	t->head.ring = start->ring;
	memcpy(t->comment, start->comment, sizeof(t->comment));
	memcpy(t->filter_text, start->filter_text, sizeof(t->filter_text));
	snprintf(t->name.policy, sizeof(t->name.policy), "%s", start->policy);
	snprintf(t->name.nic, sizeof(t->name.nic), "%s", t->ring->nic);
	t->rotate_bytes = start->rotate_bytes;
	t->rotate_after = start->rotate_ns;
	t->budget_bytes = start->budget_bytes;
	t->reader.slice = start->slice;
	t->reader.slice_bytes = start->slice_bytes;
	t->reader.trigger_ns = start->trigger_wall_ns;
	t->reader.max_packets = start->max_packets;
	t->reader.sampling = start->sampling;
	t->priority = start->priority;
}

/* Where more is asked for than the ring has, its very oldest blocks are left: they would be
 * overwritten while the file is opened, and count as lost. */
static uint64_t behind_the_edge(const struct ring *ring, uint64_t seq, int64_t from_wall_ns)
{
	uint64_t reach = ring_reach(ring);

	if (seq == 1 || seq > reach || ring_open_ns(ring, seq) <= from_wall_ns)
		return seq;
	return seq + (ring_head(ring) - reach) / EDGE;
}

/* From the past: by monotonic time where this process took the blocks, by wall clock elsewhere. */
static int64_t begin_by_time(struct track *t, const struct rec_start *start, struct instant now)
{
	struct ring_query query = {.from_wall_ns = start->from_wall_ns,
				   .from = mono_add(now.mono, -start->lookback_ns)};
	const struct ring_info *before;

	if (start->flags & REC_RESUME) {
		query.from = instant_mono_at(now, (wall_t){start->from_wall_ns});
		t->reader.not_before_ns = start->from_wall_ns + 1;
	}
	t->seq = ring_find(t->ring->ring, &query);
	if (!(start->flags & REC_RESUME))
		t->seq = behind_the_edge(t->ring->ring, t->seq, start->from_wall_ns);
	before = ring_get_info(t->ring->ring, t->seq - 1);
	t->last_block_ns = before ? before->last_ns : 0;
	return ring_open_ns(t->ring->ring, t->seq);
}

/* From the mark of a dead recorder. What was lost meanwhile is known before the first block: what
 * the kernel dropped, and blocks that are out of reach. It is told even if it is nothing. A ring
 * made anew is read from its beginning: the mark's numbers are of another one. */
static int64_t begin_by_mark(struct track *t, const struct shared_mark *mark)
{
	const struct ring *ring = t->ring->ring;
	uint64_t drops = atomic_load_explicit(&t->ring->shared->kernel_drops, memory_order_relaxed);
	uint64_t head = ring_head(ring), lost = 0;
	const struct ring_info *info;

	t->seq = mark->seq < head ? mark->seq : head;
	if (t->seq < ring_reach(ring) || ring_is_fresh(ring)) {
		t->seq = ring_reach(ring);
		lost = ring_packets_before(ring, t->seq) - mark->ring_packets;
	}
	t->reader.drops = lost + mark->unwritten;
	t->restart_drops = drops > mark->kernel_drops ? drops - mark->kernel_drops : 0;
	/* of what it had lost itself, a part may be in its file but not in a report, another
	 * neither */
	t->loss.restart = lost + t->restart_drops + mark->untold;
	t->last_block_ns = mark->last_wall_ns;
	t->kernel_drops = mark->kernel_drops;
	t->nic_drops = atomic_load_explicit(&t->ring->shared->nic_drops, memory_order_relaxed);
	t->counting = 1;
	t->marks_held = 1;
	if (mark->last_wall_ns >= t->reader.trigger_ns)
		t->reader.trigger_ns = 0;
	info = ring_get_info(ring, t->seq);
	track_add_gap(t, GAP_RESTART, t->loss.restart, mark->last_wall_ns,
		      info ? info->first_ns : 0);
	track_tell_gaps(t);
	return mark->last_wall_ns;
}

static void tell_started(struct track *t, int64_t reach_ns, uint32_t resumed)
{
	struct rec_started report = {.head = t->head,
				     .first_seq = t->seq,
				     .reach_wall_ns = reach_ns,
				     .resumed = resumed};

	report_put(t->ring->reports, REC_STARTED, &report, sizeof(report));
}

/* Before the first byte is written: nothing of block seq on is in a file. */
static void publish_first(struct track *t)
{
	struct shared_mark mark = {.seq = t->seq,
				   .segment = t->name.number,
				   .ring_packets = t->before,
				   .kernel_drops = atomic_load_explicit(
					   &t->ring->shared->kernel_drops, memory_order_relaxed),
				   .last_wall_ns = t->last_block_ns};

	if (!t->marks_held)
		mark_save(t->cursor, &mark);
}

struct track *track_new(const struct track_options *o, struct instant now)
{
	struct track *t = xcalloc(1, sizeof(*t));
	int64_t reach_ns;

	t->ring = o->ring;
	t->folder = o->folder;
	t->cursor = o->cursor;
	t->ordered = o->ordered;
	t->used_bytes = o->used_bytes;
	t->name.number = o->first_segment;
	TAILQ_INIT(&t->segments);
	copy_start(t, o->start);
	t->reader.filter = o->filter;
	t->reader.verdicts = o->ring->verdicts;
	t->reader.slot = verdicts_add(o->ring->verdicts, o->match);
	t->reader.link_type = o->ring->shared->link_type;
	t->reader.scratch = o->ring->scratch;
	t->reader.until_ns = INT64_MAX;
	t->until = (mono_t){INT64_MAX};
	t->end_seq = UINT64_MAX;
	t->end = REC_END_STOPPED;
	reach_ns = o->mark ? begin_by_mark(t, o->mark) : begin_by_time(t, o->start, now);
	t->begin_ns = reach_ns;
	t->before = ring_packets_before(o->ring->ring, t->seq);
	tell_started(t, reach_ns, o->mark != NULL);
	publish_first(t);
	track_open_next(t, reach_ns, now);
	if (t->loss.restart)
		track_open_segment(t)->loss.restart = t->loss.restart;
	if (o->start->until_wall_ns)
		track_stop(t, o->start->until_wall_ns, now);
	return t;
}

static void drop_edit(struct track *t)
{
	filter_free(t->edit->filter);
	verdicts_remove(t->reader.verdicts, t->edit->slot);
}

struct track *track_free(struct track *t)
{
	if (!t)
		return NULL;
	bug_on(t->state != TRACK_OVER);
	filter_free(t->reader.filter);
	verdicts_remove(t->reader.verdicts, t->reader.slot);
	if (t->edit)
		drop_edit(t);
	free(t->edit);
	close(t->folder);
	free(t);
	return NULL;
}

void track_edit(struct track *t, const struct rec_edit *edit, struct filter *filter,
		struct match_table *match)
{
	if (t->edit)
		drop_edit(t);
	else
		t->edit = xcalloc(1, sizeof(*t->edit));
	t->edit->filter = filter;
	t->edit->slot = verdicts_add(t->reader.verdicts, match);
	t->edit->slice = edit->slice;
	t->edit->slice_bytes = edit->slice_bytes;
	memcpy(t->edit->filter_text, edit->filter_text, sizeof(t->edit->filter_text));
	if (!t->partial)
		track_apply_edit(t);
}
