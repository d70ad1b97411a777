/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's main thread: it takes the rings from the supervisor, orders from control, reports
 * from the ring threads. It sees no packet. */
#include "capture/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "capture/filter.h"
#include "capture/mark.h"
#include "capture/match_table.h"
#include "capture/report.h"
#include "capture/report_queue.h"
#include "capture/resume.h"
#include "capture/ring_thread.h"
#include "capture/writer.h"

#define STOP_PATIENCE (3500 * DUR_MS) /* the supervisor gives us 4 s */
#define TIME_MAX      (INT64_MAX / 4) /* so that sums of two times do not overflow */

struct slot {
	int given; /* by CHILD_RING */
	struct child_ring ring;
	int descriptor;
	int file;
	struct ring_thread *thread; /* NULL = could not be opened */
	int ended;
};

/* A track that was started and has not reported its end. */
struct live {
	TAILQ_ENTRY(live) next;
	uint32_t ring;
	char capture[IDENT_SIZE];
};

struct recorder {
	struct recorder_config config;
	struct loop *loop;
	struct ipc_link *supervisor;
	struct ipc_link *control;
	struct shared *shared;
	struct slot slots[CHILD_RINGS_MAX];
	struct writer *writer;
	int captures;
	int early_peer; /* control's end, until the rings are there; else -1 */
	struct mailbox reports;
	struct watch *reports_watch;
	struct timer *stop_timer;
	struct report_queue *queue;
	TAILQ_HEAD(, live) lives;
	uint32_t live_count;
	int listening;	    /* control said REC_SYNC on this link: not a word before */
	unsigned syncs_due; /* rings that have not answered ORDER_SYNC */
	int syncing;
	uint64_t sync_number; /* REC_SYNCED follows this report */
	unsigned jobs;	      /* repairing threads */
	int started;
	int stopping;
	int failed;
};

/* --- reports --- */

static void send_synced_when_due(struct recorder *r)
{
	struct rec_report_head head = {0};

	if (!r->syncing || r->syncs_due || !report_queue_is_sent(r->queue, r->sync_number))
		return;
	r->syncing = 0;
	ipc_link_send(r->control, REC_SYNCED, &head, sizeof(head), -1);
}

static struct ipc_link *listener(const struct recorder *r)
{
	return r->listening ? r->control : NULL;
}

static void report(struct recorder *r, uint32_t type, const void *body, size_t size)
{
	if (report_queue_add(r->queue, listener(r), type, body, size))
		log_error("capture", "control has been silent for %d reports, one gap is forgotten",
			  REPORT_QUEUE_MAX);
}

static void report_failure(struct recorder *r, const struct rec_start *start, enum rec_end end,
			   int error)
{
	struct rec_finished finished = {.head = {.ring = start->ring}, .end = end, .error = error};

	memcpy(finished.head.capture, start->capture, sizeof(finished.head.capture));
	log_error("capture", "%s: not started: %s", start->capture,
		  error ? strerror(error) : "see the reason in its end state");
	report(r, REC_FINISHED, &finished, sizeof(finished));
}

static void stop_when_ended(struct recorder *r)
{
	if (!r->stopping || r->jobs)
		return;
	for (size_t i = 0; i < CHILD_RINGS_MAX; i++)
		if (r->slots[i].thread && !r->slots[i].ended)
			return;
	loop_stop(r->loop);
}

static void end_ring(struct recorder *r)
{
	/* rings are told to end together and do not say who they are: count them */
	for (size_t i = 0; i < CHILD_RINGS_MAX; i++) {
		if (!r->slots[i].thread || r->slots[i].ended)
			continue;
		r->slots[i].ended = 1;
		break;
	}
}

/* A capture's leftovers are in order: its track may set marks again. */
static void order_repaired(struct recorder *r, const struct rec_report_head *head)
{
	struct order *order = xcalloc(1, sizeof(*order));

	order->kind = ORDER_REPAIRED;
	memcpy(order->start.capture, head->capture, sizeof(order->start.capture));
	ring_thread_put(r->slots[head->ring].thread, order);
}

static void end_job(struct recorder *r, const struct resume_done *done)
{
	pthread_join(done->thread, NULL);
	r->jobs--;
	order_repaired(r, &done->head);
}

static void tell_capturing(struct recorder *r)
{
	struct child_capturing told = {.tracks = r->live_count};

	ipc_link_send(r->supervisor, CHILD_CAPTURING, &told, sizeof(told), -1);
}

static struct live *find_live(struct recorder *r, const char *capture, uint32_t ring)
{
	struct live *live;

	TAILQ_FOREACH (live, &r->lives, next)
		if (live->ring == ring && !strcmp(live->capture, capture))
			return live;
	return NULL;
}

static void remove_live(struct recorder *r, const struct rec_report_head *head)
{
	struct live *live = find_live(r, head->capture, head->ring);

	if (!live)
		return;
	TAILQ_REMOVE(&r->lives, live, next);
	free(live);
	if (!--r->live_count)
		tell_capturing(r);
}

static void on_report(struct recorder *r, const struct report *letter)
{
	if (letter->type == REC_FINISHED)
		remove_live(r, (const struct rec_report_head *)letter->body);
	switch (letter->type) {
	case REC_TRACK:
	case REC_SEARCH_PART:
		ipc_link_send(listener(r), letter->type, letter->body, letter->size, -1);
		break;
	case REPORT_SYNC_DONE:
		r->syncs_due -= r->syncs_due > 0;
		break;
	case REPORT_RING_ENDED:
		end_ring(r);
		break;
	case REPORT_JOB_DONE:
		end_job(r, (const struct resume_done *)letter->body);
		break;
	default:
		report(r, letter->type, letter->body, letter->size);
		break;
	}
}

static void on_reports(void *owner)
{
	struct recorder *r = owner;
	struct report *letter;

	while ((letter = report_take(&r->reports))) {
		on_report(r, letter);
		free(letter);
	}
	send_synced_when_due(r);
	stop_when_ended(r);
}

/* --- control's orders --- */

static int is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* One component of a path, nothing that leads elsewhere. */
static int is_name(const char *text, size_t size)
{
	return is_text(text, size) && *text && *text != '.' && !strchr(text, '/');
}

static int is_safe(const char *text, size_t size)
{
	return is_name(text, size) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static int is_time(int64_t ns)
{
	return ns >= 0 && ns <= TIME_MAX;
}

/* Control is treated as hostile: what a struct may say wrongly is checked here, once. */
static int is_start(const struct rec_start *s)
{
	return is_text(s->capture, sizeof(s->capture)) && ident_valid(s->capture) &&
	       is_name(s->folder, sizeof(s->folder)) && is_safe(s->policy, sizeof(s->policy)) &&
	       is_text(s->comment, sizeof(s->comment)) &&
	       is_text(s->filter_text, sizeof(s->filter_text)) && s->ring < CHILD_RINGS_MAX &&
	       s->slice <= SLICE_HEADERS && is_time(s->from_wall_ns) && is_time(s->lookback_ns) &&
	       is_time(s->until_wall_ns) && is_time(s->rotate_ns) && is_time(s->trigger_wall_ns);
}

static struct ring_thread *thread_of(struct recorder *r, uint32_t ring)
{
	return ring < CHILD_RINGS_MAX ? r->slots[ring].thread : NULL;
}

/* Where the capture ran before: its mark, its leftovers. Returns 0 or -errno. */
static int prepare_resume(struct recorder *r, struct order *o, struct resume **ret)
{
	const struct rec_start *start = &o->start;
	int result;

	*ret = NULL;
	o->first_segment = start->first_segment;
	o->cursor = mark_find(r->shared, start->capture, start->ring);
	if (o->cursor && start->flags & REC_RESUME) {
		mark_load(o->cursor, &o->mark);
		o->has_mark = o->mark.seq != 0;
	}
	if (!o->cursor)
		o->cursor = mark_add(r->shared, start->capture, start->ring,
				     &(struct shared_mark){.segment = start->first_segment});
	if (!o->cursor)
		log_warning("capture", "%s: no room for its mark, it cannot be resumed",
			    start->capture);
	if (!(start->flags & REC_RESUME))
		return 0;
	result = resume_scan(o->folder, start, r->slots[start->ring].ring.nic,
			     o->has_mark ? &o->mark : NULL, ret);
	if (result < 0)
		return result;
	o->first_segment = (*ret)->next_segment;
	o->used_bytes = (*ret)->bytes;
	return 0;
}

static void add_live(struct recorder *r, const struct rec_start *start)
{
	struct live *live = xcalloc(1, sizeof(*live));

	live->ring = start->ring;
	memcpy(live->capture, start->capture, sizeof(live->capture));
	TAILQ_INSERT_TAIL(&r->lives, live, next);
	if (!r->live_count++)
		tell_capturing(r);
}

/* Repairs what the dead recorder left, beside the new track. */
static void start_repair(struct recorder *r, struct resume *resume)
{
	int result;

	if (!resume->has_mark) {
		resume_free(resume);
		return;
	}
	result = resume_start(resume, &r->reports);
	r->jobs += !result;
	if (!result)
		return;
	log_error("capture", "%s: cannot repair its segments: %s", resume->head.capture,
		  strerror(-result));
	order_repaired(r, &resume->head); /* or it would never rotate, nor set a mark */
	resume_free(resume);
}

/* What a track matches by: a program, a structured filter, both or (all packets) none. */
static int load_filters(const struct rec_program *program, uint32_t match_bytes, int fd,
			struct order *order)
{
	int result = filter_new(program, &order->filter);

	if (!result && match_bytes)
		result = match_table_load(fd, match_bytes, &order->match);
	if (result < 0)
		order->filter = filter_free(order->filter);
	return result;
}

/* fd: the file with the structured filter, or -1; borrowed. */
static void start_track(struct recorder *r, const struct rec_start *start, int fd)
{
	struct order *order = xcalloc(1, sizeof(*order));
	enum rec_end end = REC_END_DISK_ERROR;
	struct resume *resume = NULL;
	int result;

	order->kind = ORDER_START;
	order->received = mono_now();
	order->start = *start;
	order->folder =
		openat(r->captures, start->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	result = order->folder < 0 ? -errno : prepare_resume(r, order, &resume);
	if (!result) {
		end = REC_END_BAD_FILTER;
		result = load_filters(&start->program, start->match_bytes, fd, order);
	}
	if (result < 0) {
		report_failure(r, start, end, -result);
		/* another try may find descriptors and still wants the dead recorder's mark */
		if (!order->has_mark || end == REC_END_BAD_FILTER)
			mark_remove(order->cursor);
		resume_free(resume);
		if (order->folder >= 0)
			close(order->folder);
		free(order);
		return;
	}
	add_live(r, start);
	ring_thread_put(r->slots[start->ring].thread, order);
	if (resume)
		start_repair(r, resume);
}

static int on_start(struct recorder *r, const struct rec_start *start, int fd)
{
	if (!is_start(start))
		return -EINVAL;
	if (find_live(r, start->capture, start->ring))
		log_warning("capture", "%s: is running already, ignoring", start->capture);
	else if (!thread_of(r, start->ring) || r->stopping)
		report_failure(r, start, r->stopping ? REC_END_SHUTDOWN : REC_END_NO_RING, 0);
	else
		start_track(r, start, fd);
	return 0;
}

static int on_edit(struct recorder *r, const struct rec_edit *edit, int fd)
{
	struct ring_thread *thread = thread_of(r, edit->ring);
	struct order *order;

	if (!is_text(edit->capture, sizeof(edit->capture)) ||
	    !is_text(edit->filter_text, sizeof(edit->filter_text)) || edit->slice > SLICE_HEADERS)
		return -EINVAL;
	if (!thread)
		return 0;
	order = xcalloc(1, sizeof(*order));
	if (load_filters(&edit->program, edit->match_bytes, fd, order) < 0) {
		log_error("capture", "%s: bad filter, keeping the old one", edit->capture);
		free(order);
		return 0;
	}
	order->kind = ORDER_EDIT;
	order->edit = *edit;
	ring_thread_put(thread, order);
	return 0;
}

static int on_stop(struct recorder *r, const struct rec_stop *stop)
{
	struct ring_thread *thread = thread_of(r, stop->ring);
	struct order *order;

	if (!is_text(stop->capture, sizeof(stop->capture)) || !is_time(stop->until_wall_ns))
		return -EINVAL;
	if (!thread)
		return 0;
	order = xcalloc(1, sizeof(*order));
	order->kind = ORDER_STOP;
	order->stop = *stop;
	ring_thread_put(thread, order);
	return 0;
}

/* A descriptor that can be written without waiting for anything: memory. Put, on failure too. */
static int take_memory(struct ipc_message *m)
{
	int fd = take_fd(&m->fd);

	if (fd < 0 || fcntl(fd, F_GET_SEALS) >= 0)
		return fd < 0 ? -EINVAL : fd;
	close(fd);
	return -EINVAL;
}

static void refuse_search(struct recorder *r, const struct rec_search *search, int error)
{
	struct rec_search_part part = {
		.id = search->id, .ring = search->ring, .over = 1, .error = error};

	ipc_link_send(listener(r), REC_SEARCH_PART, &part, sizeof(part), -1);
}

static int on_search(struct recorder *r, struct ipc_message *m)
{
	const struct rec_search *search = (const void *)m->body;
	struct ring_thread *thread = thread_of(r, search->ring);
	int fd = take_memory(m), result;
	struct order *order;

	if (fd < 0 || !is_time(search->from_wall_ns) || !search->id) {
		if (fd >= 0)
			close(fd);
		return -EINVAL;
	}
	order = xcalloc(1, sizeof(*order));
	order->kind = ORDER_SEARCH;
	order->file = fd;
	order->search = *search;
	result = thread && !r->stopping ? filter_new(&search->program, &order->filter) : -ENODEV;
	if (!result) {
		ring_thread_put(thread, order);
		return 0;
	}
	refuse_search(r, search, -result);
	close(fd);
	free(order);
	return 0;
}

static int on_search_more(struct recorder *r, struct ipc_message *m)
{
	const struct rec_search_head *head = (const void *)m->body;
	struct ring_thread *thread = thread_of(r, head->ring);
	int fd = m->type == REC_SEARCH_FILE ? take_memory(m) : -1;
	struct order *order;

	if (m->type == REC_SEARCH_FILE && fd < 0)
		return -EINVAL;
	if (!thread || !head->id) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	order = xcalloc(1, sizeof(*order));
	order->kind = m->type == REC_SEARCH_FILE ? ORDER_SEARCH_FILE : ORDER_SEARCH_END;
	order->file = fd;
	order->search_head = *head;
	ring_thread_put(thread, order);
	return 0;
}

/* An order of this kind for every ring; returns their number. */
static unsigned order_all(struct recorder *r, enum order_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < CHILD_RINGS_MAX; i++) {
		struct order *order;

		if (!r->slots[i].thread || r->slots[i].ended)
			continue;
		order = xcalloc(1, sizeof(*order));
		order->kind = kind;
		ring_thread_put(r->slots[i].thread, order);
		n++;
	}
	return n;
}

static void on_sync(struct recorder *r)
{
	r->listening = 1;
	report_queue_restart(r->queue, r->control);
	r->syncing = 1;
	r->sync_number = report_queue_newest(r->queue);
	r->syncs_due = r->stopping ? 0 : order_all(r, ORDER_SYNC);
	send_synced_when_due(r);
}

static void on_ack(struct recorder *r, const struct rec_ack *ack)
{
	report_queue_remove(r->queue, listener(r), ack->report);
	send_synced_when_due(r);
}

static int on_control(void *owner, struct ipc_message *m)
{
	struct recorder *r = owner;

	switch (m->type) {
	case REC_SYNC:
		on_sync(r);
		return m->size ? -EINVAL : 0;
	case REC_START:
		return ipc_is(m, struct rec_start) ? on_start(r, (void *)m->body, m->fd) : -EINVAL;
	case REC_EDIT:
		return ipc_is(m, struct rec_edit) ? on_edit(r, (void *)m->body, m->fd) : -EINVAL;
	case REC_STOP:
		return ipc_is(m, struct rec_stop) ? on_stop(r, (void *)m->body) : -EINVAL;
	case REC_SEARCH:
		return ipc_is(m, struct rec_search) ? on_search(r, m) : -EINVAL;
	case REC_SEARCH_FILE:
	case REC_SEARCH_END:
		return ipc_is(m, struct rec_search_head) ? on_search_more(r, m) : -EINVAL;
	case REC_ACK:
		if (!ipc_is(m, struct rec_ack))
			return -EINVAL;
		on_ack(r, (void *)m->body);
		return 0;
	default:
		return -EINVAL;
	}
}

/* Tracks go on; a fresh link comes from the supervisor. */
static void on_control_closed(void *owner)
{
	struct recorder *r = owner;

	r->syncing = 0;
	order_all(r, ORDER_SEARCH_END); /* nobody is there to read what they find */
	r->control =
		ipc_link_free(r->control); /* closes our end: control learns that we are through */
	if (!r->stopping)
		log_warning("capture", "link to control is closed, recording goes on");
}

/* --- the supervisor's hand-over --- */

static int take_shared(struct recorder *r, struct ipc_message *m)
{
	void *memory;

	if (m->fd < 0 || r->shared)
		return -EINVAL;
	memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	r->shared = memory;
	return r->shared->magic == SHARED_MAGIC && r->shared->version == SHARED_VERSION ? 0
											: -EINVAL;
}

static int take_ring(struct recorder *r, struct ipc_message *m)
{
	const struct child_ring *ring = (const void *)m->body;
	struct slot *slot;

	if (!ipc_is(m, struct child_ring) || m->fd < 0 || ring->index >= CHILD_RINGS_MAX ||
	    !is_text(ring->nic, sizeof(ring->nic)) || r->started)
		return -EINVAL;
	slot = &r->slots[ring->index];
	if (m->type == CHILD_RING_FILE) {
		slot->file = take_fd(&m->fd);
		return 0;
	}
	slot->given = 1;
	slot->ring = *ring;
	slot->descriptor = take_fd(&m->fd);
	return 0;
}

static void open_control(struct recorder *r, int socket)
{
	ipc_link_free(r->control);
	order_all(r, ORDER_SEARCH_END);
	r->syncing = r->listening = 0;
	r->control = ipc_link_new(r->loop, socket, on_control, on_control_closed, r);
}

/* What control says is heard once there are rings to do it on: it may have said it already. */
static int take_peer(struct recorder *r, struct ipc_message *m)
{
	const struct child_peer *peer = (const void *)m->body;

	if (!ipc_is(m, struct child_peer) || m->fd < 0)
		return -EINVAL;
	if (peer->role != ROLE_CONTROL)
		return 0;
	if (r->started) {
		open_control(r, take_fd(&m->fd));
		return 0;
	}
	if (r->early_peer >= 0)
		close(r->early_peer);
	r->early_peer = take_fd(&m->fd);
	return 0;
}

static int open_writer(struct recorder *r)
{
	struct writer_options options = {.buffer_bytes = r->config.buffer_bytes,
					 .buffer_count = r->config.buffer_count,
					 .min_free_bytes = r->config.min_free_bytes,
					 .sync_after = r->config.sync_after,
					 .mode = WRITER_DIRECT,
					 .writes = &r->shared->writes};

	r->captures = open(r->config.captures, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->captures < 0)
		return -errno;
	return writer_new(&options, &r->writer);
}

/* A ring that cannot be opened is missing, and said so; the others run. */
static void start_ring(struct recorder *r, struct slot *slot)
{
	struct ring_thread_options options = {.ring = &slot->ring,
					      .descriptor = slot->descriptor,
					      .file = slot->file,
					      .shared = r->shared,
					      .config = &r->config,
					      .writer = r->writer,
					      .reports = &r->reports};
	mono_t begun = mono_now();
	int result = ring_thread_start(&options, &slot->thread);

	slot->descriptor = slot->file = -1;
	if (result < 0)
		log_error("capture", "%s: no ring: %s", slot->ring.nic, strerror(-result));
	else
		log_info("capture", "%s: %u blocks of %u KiB, mapped in %.1f ms", slot->ring.nic,
			 slot->ring.block_count, slot->ring.block_bytes >> 10,
			 (double)mono_sub(mono_now(), begun) / DUR_MS);
}

static int go(struct recorder *r)
{
	int result;

	if (!r->shared || r->started)
		return -EINVAL;
	r->started = 1;
	result = open_writer(r);
	if (result < 0) {
		log_error("capture", "\"%s\": %s", r->config.captures, strerror(-result));
		return result;
	}
	for (size_t i = 0; i < CHILD_RINGS_MAX; i++)
		if (r->slots[i].given)
			start_ring(r, &r->slots[i]);
	if (r->early_peer >= 0)
		open_control(r, take_fd(&r->early_peer));
	ipc_link_send(r->supervisor, CHILD_READY, NULL, 0, -1);
	tell_capturing(r); /* a predecessor may have said otherwise */
	return 0;
}

static void on_stop_timeout(void *owner)
{
	struct recorder *r = owner;

	/* hidden segments stay as they are: the marks say where they are good */
	log_error("capture", "not everything could be sealed in time");
	r->failed = 1;
	loop_stop(r->loop);
}

static void stop(struct recorder *r)
{
	if (r->stopping)
		return;
	r->stopping = 1;
	order_all(r, ORDER_END);
	timer_set(r->stop_timer, STOP_PATIENCE);
	stop_when_ended(r);
}

static int on_supervisor(void *owner, struct ipc_message *m)
{
	struct recorder *r = owner;

	switch (m->type) {
	case CHILD_SHARED:
		return take_shared(r, m);
	case CHILD_RING:
	case CHILD_RING_FILE:
		return take_ring(r, m);
	case CHILD_PEER:
		return take_peer(r, m);
	case CHILD_GO:
		return go(r);
	case CHILD_STOP:
		stop(r);
		return 0;
	default:
		return -EINVAL;
	}
}

/* The supervisor is gone, or said something that makes no sense: finish what runs. */
static void on_supervisor_closed(void *owner)
{
	struct recorder *r = owner;

	r->failed |= !r->stopping && !r->writer;
	stop(r);
}

/* --- life --- */

static int open_recorder(struct recorder *r, int supervisor, const struct recorder_config *config)
{
	int result = mailbox_init(&r->reports);

	if (result < 0)
		return result;
	r->config = *config;
	r->captures = r->early_peer = -1;
	for (size_t i = 0; i < CHILD_RINGS_MAX; i++)
		r->slots[i].descriptor = r->slots[i].file = -1;
	r->queue = report_queue_new();
	TAILQ_INIT(&r->lives);
	r->loop = loop_new();
	r->reports_watch = watch_new_read(r->loop, r->reports.event_fd, on_reports, r);
	watch_enable(r->reports_watch);
	r->stop_timer = timer_new(r->loop, on_stop_timeout, r);
	r->supervisor = ipc_link_new(r->loop, supervisor, on_supervisor, on_supervisor_closed, r);
	return 0;
}

static void close_recorder(struct recorder *r)
{
	struct report *letter;

	for (size_t i = 0; i < CHILD_RINGS_MAX; i++)
		ring_thread_free(r->slots[i].thread);
	writer_free(r->writer);
	while ((letter = report_take(&r->reports)))
		free(letter);
	watch_free(r->reports_watch);
	timer_free(r->stop_timer);
	ipc_link_free(r->control);
	ipc_link_free(r->supervisor);
	loop_free(r->loop);
	mailbox_fini(&r->reports);
	report_queue_free(r->queue);
	while (!TAILQ_EMPTY(&r->lives)) {
		struct live *live = TAILQ_FIRST(&r->lives);

		TAILQ_REMOVE(&r->lives, live, next);
		free(live);
	}
	if (r->captures >= 0)
		close(r->captures);
	if (r->early_peer >= 0)
		close(r->early_peer);
	if (r->shared)
		munmap(r->shared, sizeof(*r->shared));
	free(r);
}

int recorder_main(int supervisor, const struct recorder_config *config)
{
	struct recorder *r = xcalloc(1, sizeof(*r));
	int result;

	signal(SIGPIPE, SIG_IGN);
	result = open_recorder(r, supervisor, config);
	if (result < 0) {
		log_error("capture", "cannot start: %s", strerror(-result));
		free(r);
		return EXIT_FAILURE;
	}
	loop_run(r->loop);
	if (r->failed)
		return EXIT_FAILURE; /* threads may be stuck in a write; the process ends them */
	close_recorder(r);
	return EXIT_SUCCESS;
}
