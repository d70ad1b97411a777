/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/extraction.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"

#define START_TIMEOUT (20 * DUR_S)
#define FOLLOW_PERIOD (100 * DUR_MS)

struct extraction {
	struct control *control;
	struct derived_order order;
	struct derived_sources sources;
	void (*on_end)(void *owner, enum extraction_end end);
	void *owner;
	struct worker *worker; /* NULL once it ended */
	struct timer *timer;   /* following */
	bool hearing;	       /* within on_heard: the worker cannot be ended */
	bool waits_for_program;
	bool stopped; /* only the program is still to come */
	bool done;    /* result is valid */
	bool is_short;
	json_t *problem;
	struct extract_result result;
};

static void on_found(void *owner);

struct extraction *extraction_new(const struct extraction_options *options)
{
	struct extraction *x = xcalloc(1, sizeof(*x));

	x->control = options->control;
	x->order = *options->order;
	x->on_end = options->on_end;
	x->owner = options->owner;
	derived_sources_init(&x->sources, x->control, &x->order, options->plan);
	for (size_t i = 0; i < x->sources.count; i++)
		if (x->sources.items[i].feed)
			ring_feed_listen(x->sources.items[i].feed, on_found, x);
	return x;
}

static void extraction_free(struct extraction *x)
{
	timer_free(x->timer);
	derived_sources_fini(&x->sources);
	json_decref(x->problem);
	free(x);
}

struct extraction *extraction_stop(struct extraction *x)
{
	if (!x)
		return NULL;
	if (x->worker)
		worker_abort(take_ptr(x->worker));
	x->stopped = true;
	x->timer = timer_free(x->timer);
	if (!x->waits_for_program)
		extraction_free(x);
	return NULL;
}

static void end(struct extraction *x)
{
	x->on_end(x->owner, x->problem ? EXTRACTION_REFUSED
			    : x->done  ? EXTRACTION_DONE
				       : EXTRACTION_FAILED);
}

/* ---- the filter ---- */

static void send_program(struct extraction *x, const struct program *program)
{
	struct rec_program *message = xcalloc(1, sizeof(*message));

	program_fill(program, message);
	worker_send(x->worker, EXTRACT_PROGRAM, message, sizeof(*message), -1);
	free(message);
}

static void on_program(void *owner, const struct program *program)
{
	struct extraction *x = owner;

	x->waits_for_program = false;
	if (x->stopped) {
		extraction_free(x);
		return;
	}
	if (program->state != PROGRAM_READY)
		x->problem = program_format_problem(program);
	else if (x->worker)
		send_program(x, program);
	if (x->hearing || (x->worker && !x->problem))
		return;
	if (x->worker)
		worker_abort(take_ptr(x->worker));
	end(x);
}

/* ---- what the worker wants ---- */

/* Before the segment it belongs to. */
static void give_index(struct extraction *x, struct derived_source *source, uint32_t number)
{
	struct extract_index message = {.source = number};
	int fd, r = derived_source_index(&x->sources, source, &message, &fd);

	if (r < 0)
		derived_source_reindex(&x->sources, source);
	if (r < 0 || fd < 0)
		return;
	worker_send(x->worker, EXTRACT_INDEX, &message, sizeof(message), fd);
	close(fd);
}

static void give(struct extraction *x, struct derived_source *source)
{
	struct extract_segment message = {.source = (uint32_t)(source - x->sources.items)};
	int fd = -1, r = derived_source_get(&x->sources, source, &message, &fd);

	if (r == DERIVED_SOURCE_LATER)
		return;
	if (r < 0) {
		log_warning("control", "extraction: a segment of %s is gone: %s",
			    source->feed ? source->nic : source->capture, strerrordesc_np(-r));
		x->is_short = true;
	}
	if (!r && fd >= 0)
		give_index(x, source, message.source);
	worker_send(x->worker, r == DERIVED_SOURCE_GROWN ? EXTRACT_GROWN : EXTRACT_SEGMENT,
		    &message, sizeof(message), fd);
	if (fd >= 0)
		close(fd);
}

/* A ring has found something. */
static void on_found(void *owner)
{
	struct extraction *x = owner;

	for (size_t i = 0; x->worker && i < x->sources.count; i++)
		give(x, &x->sources.items[i]);
}

static int on_wish(struct extraction *x, const struct ipc_message *message)
{
	const struct extract_next *next = (const void *)message->body;
	struct derived_source *source;

	if (!ipc_is(message, struct extract_next) || next->source >= x->sources.count)
		return -EBADMSG;
	source = &x->sources.items[next->source];
	if (message->type == EXTRACT_BAD_INDEX) {
		log_warning("control",
			    "capture %s: the index of segment %" PRId64
			    " on %s does not fit it, making it anew",
			    source->capture, source->number, source->nic);
		derived_source_reindex(&x->sources, source);
		return 0;
	}
	derived_source_want(source, message->type == EXTRACT_MORE, next->valid_bytes);
	give(x, source);
	return 0;
}

static int on_link(struct extraction *x, const struct ipc_message *message)
{
	const struct extract_link *link = (const void *)message->body;

	if (!ipc_is(message, struct extract_link) || x->waits_for_program)
		return -EBADMSG;
	x->hearing = x->waits_for_program = true;
	program_wait(&x->control->programs, link->link_type, x->order.filter, on_program, x);
	x->hearing = false;
	return x->problem ? 1 : 0;
}

static int on_heard(void *owner, struct ipc_message *message)
{
	struct extraction *x = owner;

	if (message->type == EXTRACT_LINK)
		return on_link(x, message);
	if (message->type != EXTRACT_DONE)
		return on_wish(x, message);
	if (!ipc_is(message, struct extract_result))
		return -EBADMSG;
	memcpy(&x->result, message->body, sizeof(x->result));
	x->result.sha256[sizeof(x->result.sha256) - 1] = '\0';
	x->done = true;
	return 1;
}

static void on_worker_done(void *owner, const struct ipc_message *reply)
{
	struct extraction *x = owner;

	(void)reply;
	x->worker = NULL;
	if (!x->waits_for_program)
		end(x);
}

/* ---- following ---- */

static void on_refreshed(void *owner)
{
	struct extraction *x = owner;

	if (x->stopped)
		return;
	for (size_t i = 0; x->worker && i < x->sources.count; i++)
		give(x, &x->sources.items[i]);
	timer_set(x->timer, FOLLOW_PERIOD);
}

static void on_time(void *owner)
{
	struct extraction *x = owner;

	derived_sources_refresh(&x->sources, on_refreshed, x);
}

void extraction_start(struct extraction *x, int fd)
{
	struct worker_job job = {.kind = WORKER_EXTRACT,
				 .body = &x->order.job,
				 .size = sizeof(x->order.job),
				 .fd = fd,
				 .timeout = START_TIMEOUT,
				 .heard = on_heard};

	x->order.job.source_count = (uint32_t)x->sources.count;
	derived_sources_comment(&x->sources, x->order.job.comment);
	x->worker = worker_start(&x->control->workers, &job, on_worker_done, x);
	if (x->order.job.follow) {
		x->timer = timer_new(x->control->loop, on_time, x);
		timer_set(x->timer, FOLLOW_PERIOD);
	}
}

/* ---- views ---- */

const struct derived_sources *extraction_sources(const struct extraction *x)
{
	return &x->sources;
}

const struct extract_job *extraction_job(const struct extraction *x)
{
	return &x->order.job;
}

const struct extract_result *extraction_result(const struct extraction *x)
{
	return &x->result;
}

bool extraction_is_short(const struct extraction *x)
{
	return x->is_short;
}

const json_t *extraction_problem(const struct extraction *x)
{
	return x->problem;
}
