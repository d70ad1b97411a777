/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "capture/filter.h"
#include "capture/mark.h"
#include "capture/match_table.h"
#include "capture/pace.h"
#include "capture/report.h"
#include "capture/ring.h"
#include "capture/ring_search.h"
#include "capture/source.h"
#include "capture/track.h"
#include "capture/track_reader.h"
#include "capture/verdicts.h"

#define TURN_BLOCKS 16u	       /* per track and turn, */
#define TURN_BYTES  (4u << 20) /* but not more than this, so that no track waits long */
#define TICK	    (100 * DUR_MS)

struct seat {
	TAILQ_ENTRY(seat) next;
	struct track *track;
};

struct ring_thread {
	/* constant */
	struct child_ring child;
	const struct recorder_config *config;
	struct mailbox *reports;
	struct mailbox orders;
	pthread_t thread;
	int running; /* main's */

	/* owned by the ring thread once it runs */
	struct loop *loop;
	struct source *source;
	struct ring *ring;
	struct mailbox writer_box;
	struct track_ring place; /* what tracks see of us */
	uint8_t scratch[TRACK_READER_SCRATCH_BYTES];
	TAILQ_HEAD(, seat) seats;
	struct ring_search *searches[REC_SEARCHES_MAX];
	struct watch *order_watch;
	struct watch *writer_watch;
	struct watch *ring_watch;
	int watching; /* ring_watch is enabled */
	int writer_unwatched;
	struct timer *timer;
	struct pace pace;
	mono_t tick_at;
	int64_t outage_ns; /* end of the newest outage that all tracks know of */
	int ending;
};

static void take_turn(void *owner);

/* --- the ring --- */

/* Blocks that no follower still needs go back to the kernel. */
static uint32_t advance(struct ring_thread *t, struct instant now)
{
	uint32_t taken = ring_step(t->ring, now);
	uint64_t keep = UINT64_MAX;
	const struct seat *seat;

	TAILQ_FOREACH (seat, &t->seats, next) {
		uint64_t seq = track_keep_seq(seat->track);

		keep = seq < keep ? seq : keep;
	}
	ring_release(t->ring, keep, now);
	return taken;
}

static void watch_ring(struct ring_thread *t, int on)
{
	if (t->watching == on)
		return;
	t->watching = on;
	if (on)
		watch_enable(t->ring_watch);
	else
		watch_disable(t->ring_watch);
}

/* With paced wake-ups the writer's news may wait for the next one, unless a track waits for them.
 */
static void watch_writer(struct ring_thread *t, int paced)
{
	const struct seat *seat;
	int calm = paced;

	TAILQ_FOREACH (seat, &t->seats, next)
		calm &= track_is_calm(seat->track);
	if (t->writer_unwatched == calm)
		return;
	t->writer_unwatched = calm;
	if (calm)
		watch_disable(t->writer_watch);
	else
		watch_enable(t->writer_watch);
}

/* A tick is due while something is captured. */
static void sleep_until(struct ring_thread *t, uint32_t taken, mono_t now)
{
	int busy = !TAILQ_EMPTY(&t->seats);
	dur_t sleep = busy ? pace_busy(&t->pace, taken, now) : pace_idle(&t->pace, taken, now);

	watch_ring(t, sleep == PACE_NEXT_BLOCK);
	watch_writer(t, busy && sleep != PACE_NEXT_BLOCK);
	if (sleep != PACE_NEXT_BLOCK)
		timer_set(t->timer, sleep);
	else if (busy)
		timer_set(t->timer, mono_sub(t->tick_at, now));
	else
		timer_unset(t->timer);
}

/* --- tracks --- */

static struct seat *find_seat(const struct ring_thread *t, const char *capture)
{
	struct seat *seat;

	TAILQ_FOREACH (seat, &t->seats, next)
		if (!strcmp(track_capture(seat->track), capture))
			return seat;
	return NULL;
}

static void clear_over(struct ring_thread *t)
{
	struct seat *seat = TAILQ_FIRST(&t->seats);

	while (seat) {
		struct seat *next = TAILQ_NEXT(seat, next);

		if (track_is_over(seat->track)) {
			TAILQ_REMOVE(&t->seats, seat, next);
			track_free(seat->track);
			free(seat);
		}
		seat = next;
	}
}

/* The supervisor notes the newest outage (of a replay there is none). */
static void look_at_nic(struct ring_thread *t)
{
	int64_t up = atomic_load_explicit(&t->place.shared->up_wall_ns, memory_order_acquire);
	int64_t down = atomic_load_explicit(&t->place.shared->down_wall_ns, memory_order_relaxed);
	struct seat *seat;

	if (up == t->outage_ns)
		return;
	t->outage_ns = up;
	TAILQ_FOREACH (seat, &t->seats, next)
		track_add_outage(seat->track, down, up);
}

static void tick(struct ring_thread *t, struct instant now)
{
	struct seat *seat;

	if (mono_sub(t->tick_at, now.mono) > 0)
		return;
	t->tick_at = mono_add(now.mono, TICK);
	look_at_nic(t);
	TAILQ_FOREACH (seat, &t->seats, next)
		track_tick(seat->track, now);
}

static uint32_t turn_blocks(const struct ring_thread *t)
{
	uint32_t n = TURN_BYTES / t->child.block_bytes;

	n = n < TURN_BLOCKS ? n : TURN_BLOCKS;
	return n ? n : 1;
}

/* --- searches --- */

static void end_search(struct ring_thread *t, uint64_t id)
{
	for (size_t i = 0; i < REC_SEARCHES_MAX; i++)
		if (t->searches[i] && (!id || ring_search_id(t->searches[i]) == id))
			t->searches[i] = ring_search_free(t->searches[i]);
}

/* What is captured comes first: while tracks lag, a search gets a block a turn. The ring moves on
 * in between, as it does between two tracks. Adds the blocks that were taken meanwhile. */
static int step_searches(struct ring_thread *t, int tracks_lag, uint32_t *taken)
{
	int more = 0;

	for (size_t i = 0; i < REC_SEARCHES_MAX; i++) {
		int r = t->searches[i]
				? ring_search_step(t->searches[i], tracks_lag ? 1 : turn_blocks(t))
				: 0;

		if (t->searches[i])
			*taken += advance(t, instant_now());
		if (r == RING_SEARCH_OVER)
			t->searches[i] = ring_search_free(t->searches[i]);
		more |= r == RING_SEARCH_MORE;
	}
	return more;
}

static void start_search(struct ring_thread *t, struct order *o, struct instant now)
{
	struct ring_search_options options = {.ring = t->ring,
					      .order = &o->search,
					      .filter = o->filter,
					      .file = o->file,
					      .nic = t->child.nic,
					      .shared = t->place.shared,
					      .scratch = t->scratch,
					      .reports = t->reports};
	struct rec_search_part refusal = {
		.id = o->search.id, .ring = o->search.ring, .over = 1, .error = EBUSY};

	for (size_t i = 0; i < REC_SEARCHES_MAX; i++) {
		if (t->searches[i])
			continue;
		t->searches[i] = ring_search_new(&options, now);
		return;
	}
	filter_free(o->filter);
	close(o->file);
	report_put(t->reports, REC_SEARCH_PART, &refusal, sizeof(refusal));
}

static void give_file(struct ring_thread *t, struct order *o)
{
	for (size_t i = 0; i < REC_SEARCHES_MAX; i++) {
		if (!t->searches[i] || ring_search_id(t->searches[i]) != o->search_head.id)
			continue;
		ring_search_give(t->searches[i], o->file);
		return;
	}
	close(o->file);
}

static void end_if_done(struct ring_thread *t)
{
	if (!t->ending || !TAILQ_EMPTY(&t->seats))
		return;
	report_put(t->reports, REPORT_RING_ENDED, NULL, 0);
	loop_stop(t->loop);
}

static void hear_writer(struct ring_thread *t, struct instant now)
{
	struct writer_event *event;

	while ((event = writer_event_take(&t->writer_box))) {
		track_on_writer(event, now);
		writer_event_free(event);
	}
}

/* Everything that happens here happens in turns. The ring moves on between two tracks, so that the
 * number of tracks does not matter to it. */
static void take_turn(void *owner)
{
	struct ring_thread *t = owner;
	struct instant now = instant_now();
	uint32_t taken = advance(t, now);
	struct seat *seat;
	int more = 0;

	hear_writer(t, now);
	TAILQ_FOREACH (seat, &t->seats, next) {
		more |= track_step(seat->track, turn_blocks(t), now) == TRACK_MORE;
		now = instant_now();
		taken += advance(t, now);
	}
	more |= step_searches(t, more, &taken);
	tick(t, now);
	clear_over(t);
	end_if_done(t);
	if (more)
		timer_set(t->timer, 0);
	else
		sleep_until(t, taken, now.mono);
}

static void on_ring(void *owner)
{
	struct ring_thread *t = owner;

	source_clear(t->source);
	take_turn(t);
}

/* --- orders --- */

/* By priority; among equals whoever came first. All wait for the same buffers, and the first asks
 * first. */
static void seat_track(struct ring_thread *t, struct seat *seat)
{
	struct seat *other;

	TAILQ_FOREACH (other, &t->seats, next) {
		if (track_priority(other->track) >= track_priority(seat->track))
			continue;
		TAILQ_INSERT_BEFORE(other, seat, next);
		return;
	}
	TAILQ_INSERT_TAIL(&t->seats, seat, next);
}

static void start_track(struct ring_thread *t, struct order *o, struct instant now)
{
	struct track_options options = {.ring = &t->place,
					.start = &o->start,
					.filter = o->filter,
					.match = o->match,
					.folder = o->folder,
					.cursor = o->cursor,
					.mark = o->has_mark ? &o->mark : NULL,
					.first_segment = o->first_segment,
					.used_bytes = o->used_bytes,
					.ordered = o->received};
	struct seat *seat;

	if (find_seat(t, o->start.capture) || t->ending) {
		log_warning("capture", "%s: is running on %s already, ignoring", o->start.capture,
			    t->child.nic);
		filter_free(o->filter);
		match_table_free(o->match);
		close(o->folder);
		return;
	}
	look_at_nic(t);
	seat = xcalloc(1, sizeof(*seat));
	seat->track = track_new(&options, now);
	if (t->outage_ns)
		track_add_outage(seat->track, t->place.shared->down_wall_ns, t->outage_ns);
	seat_track(t, seat);
	log_info("capture", "%s: recording on %s", o->start.capture, t->child.nic);
}

static void edit_track(struct ring_thread *t, struct order *o)
{
	struct seat *seat = find_seat(t, o->edit.capture);

	if (seat) {
		track_edit(seat->track, &o->edit, o->filter, o->match);
		return;
	}
	filter_free(o->filter);
	match_table_free(o->match);
}

static void end_all(struct ring_thread *t, struct instant now)
{
	struct seat *seat;

	t->ending = 1;
	TAILQ_FOREACH (seat, &t->seats, next)
		track_shutdown(seat->track, now);
}

static void tell_all(struct ring_thread *t)
{
	struct seat *seat;

	TAILQ_FOREACH (seat, &t->seats, next)
		track_tell(seat->track);
	report_put(t->reports, REPORT_SYNC_DONE, NULL, 0);
}

static void obey(struct ring_thread *t, struct order *o, struct instant now)
{
	struct seat *seat;

	switch (o->kind) {
	case ORDER_START:
		start_track(t, o, now);
		break;
	case ORDER_EDIT:
		edit_track(t, o);
		break;
	case ORDER_STOP:
		look_at_nic(t); /* an outage since the last tick belongs to it */
		seat = find_seat(t, o->stop.capture);
		if (seat)
			track_stop(seat->track, o->stop.until_wall_ns, now);
		break;
	case ORDER_REPAIRED:
		seat = find_seat(t, o->start.capture);
		if (seat)
			track_on_repaired(seat->track);
		break;
	case ORDER_SYNC:
		tell_all(t);
		break;
	case ORDER_SEARCH:
		start_search(t, o, now);
		break;
	case ORDER_SEARCH_FILE:
		give_file(t, o);
		break;
	case ORDER_SEARCH_END:
		end_search(t, o->search_head.id);
		break;
	case ORDER_END:
		look_at_nic(t);
		end_search(t, 0);
		end_all(t, now);
		break;
	}
}

static void on_orders(void *owner)
{
	struct ring_thread *t = owner;
	struct order *order;

	/* the head first: a new track begins at what is there now */
	advance(t, instant_now());
	while ((order = (struct order *)mailbox_take(&t->orders))) {
		obey(t, order, instant_now());
		free(order);
	}
	take_turn(t);
}

void ring_thread_put(struct ring_thread *thread, struct order *order)
{
	mailbox_put(&thread->orders, &order->letter);
}

/* --- life --- */

static void *thread_main(void *arg)
{
	struct ring_thread *t = arg;
	char name[16];

	snprintf(name, sizeof(name), "ring %s", t->child.nic);
	pthread_setname_np(pthread_self(), name);
	timer_set(t->timer, 0);
	loop_run(t->loop);
	return NULL;
}

/* The oldest block that a track of the dead recorder will want to resume from. */
static uint64_t orphan_seq(const struct ring_thread_options *o)
{
	uint64_t oldest = UINT64_MAX;

	for (int i = 0; i < SHARED_CURSORS_MAX; i++) {
		struct shared_cursor *c = &o->shared->cursors[i];
		struct shared_mark mark;

		if (!atomic_load_explicit(&c->used, memory_order_acquire) ||
		    c->ring != o->ring->index)
			continue;
		mark_load(c, &mark);
		if (mark.seq && mark.seq < oldest)
			oldest = mark.seq;
	}
	return oldest;
}

static uint32_t tear_hook(const char *hook)
{
	unsigned n;

	return sscanf(hook, "tear=%u", &n) == 1 ? n : 0;
}

static int open_ring(struct ring_thread *t, const struct ring_thread_options *o)
{
	struct shared_ring *shared = &o->shared->rings[o->ring->index];
	struct source_options source = {.ring = o->ring,
					.descriptor = o->descriptor,
					.file = o->file,
					.shared = shared,
					.config = o->config};
	struct ring_options ring = {
		.block_bytes = o->ring->block_bytes,
		.block_count = o->ring->block_count,
		.shared = shared,
		.mode = atomic_load_explicit(&shared->history_mode, memory_order_relaxed),
		.orphan_seq = orphan_seq(o),
		.tear_at = tear_hook(o->config->test_hook),
	};
	int r = source_open(&source, &t->source);

	if (r < 0)
		return r;
	ring.memory = t->source->memory;
	/* before the replay starts, so that a predecessor's last block is found as it was left */
	r = ring_new(&ring, instant_now(), &t->ring);
	return r < 0 ? r : source_start(t->source);
}

static void open_loop(struct ring_thread *t)
{
	t->loop = loop_new();
	t->order_watch = watch_new_read(t->loop, t->orders.event_fd, on_orders, t);
	t->writer_watch = watch_new_read(t->loop, t->writer_box.event_fd, take_turn, t);
	t->ring_watch = watch_new_read(t->loop, t->source->wake_fd, on_ring, t);
	t->timer = timer_new(t->loop, take_turn, t);
	watch_enable(t->order_watch);
	watch_enable(t->writer_watch);
}

static int run(struct ring_thread *t)
{
	sigset_t all, old;
	int r;

	/* signals are the main thread's */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* the last words of a thread that made a forbidden call */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&t->thread, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	t->running = !r;
	return r;
}

DEFINE_CLEANUP(struct ring_thread *, ring_thread_free)

static struct ring_thread *thread_new(const struct ring_thread_options *o)
{
	struct ring_thread *t = xcalloc(1, sizeof(*t));

	t->child = *o->ring;
	t->config = o->config;
	t->reports = o->reports;
	pace_init(&t->pace, o->ring->block_bytes, o->ring->block_count,
		  o->config->idle_wake_ms * DUR_MS);
	TAILQ_INIT(&t->seats);
	STAILQ_INIT(&t->orders.letters);
	STAILQ_INIT(&t->writer_box.letters);
	t->orders.event_fd = t->writer_box.event_fd = -1;
	return t;
}

int ring_thread_start(const struct ring_thread_options *o, struct ring_thread **ret)
{
	CLEANUP(ring_thread_free_ptr) struct ring_thread *t = thread_new(o);
	int r;

	r = open_ring(t, o);
	if (!r)
		r = mailbox_init(&t->orders);
	if (!r)
		r = mailbox_init(&t->writer_box);
	if (r < 0)
		return r;
	t->place = (struct track_ring){.index = o->ring->index,
				       .nic = t->child.nic,
				       .retire_ms = t->child.retire_ms,
				       .ring = t->ring,
				       .shared = &o->shared->rings[o->ring->index],
				       .writer = o->writer,
				       .writer_box = &t->writer_box,
				       .reports = o->reports,
				       .scratch = t->scratch};
	t->place.verdicts = verdicts_new(t->place.shared->link_type);
	open_loop(t);
	r = run(t);
	if (!r)
		*ret = take_ptr(t);
	return r;
}

static void drop_letters(struct mailbox *box)
{
	struct letter *letter;

	if (box->event_fd < 0)
		return;
	while ((letter = mailbox_take(box)))
		free(letter);
	mailbox_fini(box);
}

struct ring_thread *ring_thread_free(struct ring_thread *t)
{
	if (!t)
		return NULL;
	if (t->running)
		pthread_join(t->thread, NULL);
	if (t->loop) {
		watch_free(t->order_watch);
		watch_free(t->writer_watch);
		watch_free(t->ring_watch);
		timer_free(t->timer);
		loop_free(t->loop);
	}
	end_search(t, 0);
	source_close(t->source);
	ring_free(t->ring);
	verdicts_free(t->place.verdicts);
	drop_letters(&t->orders);
	drop_letters(&t->writer_box);
	free(t);
	return NULL;
}
