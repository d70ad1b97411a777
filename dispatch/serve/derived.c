/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/derived.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/derived_source.h"
#include "dispatch/serve/problem.h"

#define PIPE_BYTES    (1 << 20)
#define WINDOW_BYTES  (256u << 10)
#define START_TIMEOUT (20 * DUR_S)
#define FOLLOW_PERIOD (100 * DUR_MS)

struct derived {
	struct exchange *exchange; /* NULL: the client is gone, or was answered */
	struct control *control;
	struct derived_order order;
	struct derived_sources sources;
	struct worker *worker; /* NULL once it ended */
	struct timer *timer;   /* following */
	struct watch *watch;
	int pipe; /* read end, or -1 */
	enum completeness completeness;
	const char *code;
	bool head_sent;
	bool window_out; /* on its way to the client */
	bool hearing;	 /* within on_heard: the worker cannot be ended */
	bool waits_for_program;
	bool done;	 /* result is valid */
	bool vanished;	 /* a segment did */
	json_t *problem; /* what to refuse with instead */
	struct extract_result result;
};

void derived_plan_fini(struct derived_plan *plan)
{
	free(plan->captures);
	free(plan->segments);
	*plan = (struct derived_plan){0};
}

static void derived_free(struct derived *d)
{
	d->control->derived_count--;
	if (d->worker)
		worker_abort(d->worker);
	watch_free(d->watch);
	timer_free(d->timer);
	if (d->pipe >= 0)
		close(d->pipe);
	derived_sources_fini(&d->sources);
	json_decref(d->problem);
	free(d);
}

static void on_gone(void *owner)
{
	derived_free(owner);
}

/* ---- the end ---- */

static void refuse_empty(struct derived *d)
{
	char detail[400], first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	wall_t from, to;

	derived_sources_span(&d->sources, &from, &to);
	snprintf(detail, sizeof(detail),
		 "none of the %" PRIu64 " packets looked at is wanted; these captures have packets "
		 "from %s to %s",
		 d->result.seen, wall_format(from, first), wall_format(to, last));
	exchange_refuse(d->exchange, 409, "nothing_matched", "%s", detail);
}

static void refuse(struct derived *d)
{
	struct exchange *exchange = d->exchange;

	if (d->problem)
		exchange_reply_problem(exchange, 422, json_incref(d->problem));
	else if (!d->done)
		exchange_refuse(exchange, 503, "busy",
				"the download could not be prepared, try again");
	else if (d->result.end == EXTRACT_END_MIXED)
		exchange_refuse(exchange, 409, "mixed_link_types",
				"the captures are of different link types, which no file can hold "
				"together: choose by \"nic\"");
	else if (d->result.end != EXTRACT_END_OK)
		exchange_refuse(exchange, 503, "storage_failed",
				"the packets could not be read: %s",
				strerrordesc_np(d->result.error));
	else
		refuse_empty(d);
	derived_free(d);
}

/* Everything was sent that ever will be. */
static void end(struct derived *d)
{
	struct exchange *exchange = d->exchange;
	bool whole = d->done && d->result.end == EXTRACT_END_OK && !d->vanished;

	log_info("http",
		 "derived download: %" PRIu64 " of %" PRIu64 " packets, %" PRIu64 " bytes%s",
		 d->result.packets, d->result.seen, d->result.bytes, whole ? "" : ", cut short");
	derived_free(d);
	if (whole)
		exchange_stream_end(exchange);
	else
		exchange_stream_abort(exchange);
}

static void check_end(struct derived *d)
{
	if (d->worker || d->window_out || d->waits_for_program)
		return;
	if (!d->head_sent && (!d->done || !d->result.packets))
		refuse(d);
	else if (d->pipe < 0)
		end(d);
}

/* ---- from the pipe to the client ---- */

static const char *media_type(const struct extract_job *job)
{
	if (job->compression != SINK_PLAIN)
		return job->compression == SINK_GZIP ? "application/gzip" : "application/zstd";
	return job->format == EXTRACT_PCAP ? "application/vnd.tcpdump.pcap"
					   : "application/x-pcapng";
}

static void send_head(struct derived *d)
{
	static const char *const endings[] = {"", ".gz", ".zst"};
	struct exchange *exchange = d->exchange;
	const struct extract_job *job = &d->order.job;
	char text[320], name[128];

	d->head_sent = true;
	exchange_set_header(exchange, "Content-Type", media_type(job));
	snprintf(text, sizeof(text), "attachment; filename=\"%s.%s%s\"",
		 derived_sources_name(&d->sources, name),
		 job->format == EXTRACT_PCAP ? "pcap" : "pcapng", endings[job->compression]);
	exchange_set_header(exchange, "Content-Disposition", text);
	exchange_set_header(exchange, "Accept-Ranges", "none");
	snprintf(text, sizeof(text), "%" PRIu64, derived_sources_bytes(&d->sources));
	exchange_set_header(exchange, "X-Ringbell-Source-Bytes", text);
	exchange_set_header(exchange, "X-Ringbell-Completeness",
			    coverage_completeness_name(d->completeness));
	exchange_set_header(exchange, "X-Ringbell-Coverage", d->code);
	exchange_stream_start(exchange, 200, EXCHANGE_SIZE_UNKNOWN, on_gone, d);
}

static void on_drained(void *owner)
{
	struct derived *d = owner;

	d->window_out = false;
	if (d->pipe >= 0)
		watch_enable(d->watch);
	check_end(d);
}

static void close_pipe(struct derived *d)
{
	d->watch = watch_free(d->watch);
	close(take_fd(&d->pipe));
	check_end(d);
}

static void on_readable(void *owner)
{
	struct derived *d = owner;
	struct evbuffer *window = evbuffer_new();
	int n;

	bug_on(!window);
	n = evbuffer_read(window, d->pipe, (int)WINDOW_BYTES);
	if (n <= 0) {
		evbuffer_free(window);
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_pipe(d);
		return;
	}
	if (!d->exchange->http) { /* left before the head */
		evbuffer_free(window);
		exchange_reply_empty(d->exchange, 200);
		derived_free(d);
		return;
	}
	if (!d->head_sent)
		send_head(d);
	watch_disable(d->watch);
	d->window_out = true;
	exchange_stream_send(d->exchange, window, on_drained);
	evbuffer_free(window);
}

/* ---- the worker ---- */

static void end_worker(struct derived *d)
{
	if (d->worker)
		worker_abort(take_ptr(d->worker));
	if (d->pipe >= 0)
		close_pipe(d);
	else
		check_end(d);
}

static void send_program(struct derived *d, const struct program *program)
{
	struct rec_program *message = xcalloc(1, sizeof(*message));

	message->count = program->count;
	if (program->count)
		memcpy(message->insns, program->insns, program->count * sizeof(*program->insns));
	worker_send(d->worker, EXTRACT_PROGRAM, message, sizeof(*message), -1);
	free(message);
}

static void on_program(void *owner, const struct program *program)
{
	struct derived *d = owner;

	d->waits_for_program = false;
	if (program->state != PROGRAM_READY)
		d->problem = program_format_problem(program);
	else if (d->worker)
		send_program(d, program);
	if (!d->hearing && (d->problem || !d->worker))
		end_worker(d);
}

/* Gives source what it wants, if it is there; fd is put. */
static void give(struct derived *d, struct derived_source *source)
{
	struct extract_segment message = {.source = (uint32_t)(source - d->sources.items)};
	int fd = -1, r = derived_source_get(&d->sources, source, &message, &fd);

	if (r == DERIVED_SOURCE_LATER)
		return;
	if (r < 0) {
		log_warning("http", "derived download: segment of capture %s is gone: %s",
			    source->capture, strerrordesc_np(-r));
		d->vanished = true;
	}
	worker_send(d->worker, r == DERIVED_SOURCE_GROWN ? EXTRACT_GROWN : EXTRACT_SEGMENT,
		    &message, sizeof(message), fd);
	if (fd >= 0)
		close(fd);
}

static int on_wish(struct derived *d, const struct ipc_message *message)
{
	const struct extract_next *next = (const void *)message->body;
	struct derived_source *source;

	if (!ipc_is(message, struct extract_next) || next->source >= d->sources.count)
		return -EBADMSG;
	source = &d->sources.items[next->source];
	derived_source_want(source, message->type == EXTRACT_MORE, next->valid_bytes);
	give(d, source);
	return 0;
}

static int on_link(struct derived *d, const struct ipc_message *message)
{
	const struct extract_link *link = (const void *)message->body;

	if (!ipc_is(message, struct extract_link) || d->waits_for_program)
		return -EBADMSG;
	d->hearing = d->waits_for_program = true;
	program_wait(&d->control->programs, link->link_type, d->order.filter, on_program, d);
	d->hearing = false;
	return d->problem ? 1 : 0;
}

static int on_heard(void *owner, struct ipc_message *message)
{
	struct derived *d = owner;

	if (message->type == EXTRACT_LINK)
		return on_link(d, message);
	if (message->type != EXTRACT_DONE)
		return on_wish(d, message);
	if (!ipc_is(message, struct extract_result))
		return -EBADMSG;
	memcpy(&d->result, message->body, sizeof(d->result));
	d->done = true;
	return 1;
}

static void on_worker_done(void *owner, const struct ipc_message *reply)
{
	struct derived *d = owner;

	(void)reply;
	d->worker = NULL;
	check_end(d);
}

/* ---- following ---- */

static void on_refreshed(void *owner)
{
	struct derived *d = owner;

	for (size_t i = 0; d->worker && i < d->sources.count; i++)
		give(d, &d->sources.items[i]);
	timer_set(d->timer, FOLLOW_PERIOD);
}

static void on_time(void *owner)
{
	struct derived *d = owner;

	derived_sources_refresh(&d->sources, on_refreshed, d);
}

/* ---- the start ---- */

/* Returns the pipe's write end, or -errno. */
static int open_pipe(struct derived *d)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* more to be had at once; not needed */
	d->pipe = ends[0];
	d->watch = watch_new_read(d->control->loop, d->pipe, on_readable, d);
	watch_enable(d->watch);
	return ends[1];
}

static struct derived *derived_new(struct exchange *exchange, const struct derived_order *order)
{
	struct derived *d = xcalloc(1, sizeof(*d));

	d->exchange = exchange;
	d->control = exchange->control;
	d->control->derived_count++;
	d->order = *order;
	d->pipe = -1;
	return d;
}

static void start_worker(struct derived *d, int fd)
{
	struct worker_job job = {.kind = WORKER_EXTRACT,
				 .body = &d->order.job,
				 .size = sizeof(d->order.job),
				 .fd = fd,
				 .timeout = START_TIMEOUT,
				 .heard = on_heard};

	d->order.job.source_count = (uint32_t)d->sources.count;
	derived_sources_comment(&d->sources, d->order.job.comment);
	d->worker = worker_start(&d->control->workers, &job, on_worker_done, d);
	if (d->order.job.follow) {
		d->timer = timer_new(d->control->loop, on_time, d);
		timer_set(d->timer, FOLLOW_PERIOD);
	}
}

void derived_start(struct exchange *exchange, const struct derived_order *order,
		   struct derived_plan *plan)
{
	struct derived *d;
	int fd;

	if (exchange->control->derived_count >= DERIVED_MAX) {
		derived_plan_fini(plan);
		exchange_set_header(exchange, "Retry-After", "5");
		exchange_refuse(exchange, 503, "busy",
				"%d derived downloads are running already, try again", DERIVED_MAX);
		return;
	}
	d = derived_new(exchange, order);
	d->completeness = plan->completeness;
	d->code = plan->code;
	derived_sources_init(&d->sources, d->control, &d->order, plan);
	d->done = !d->sources.count;
	fd = d->done ? -ENOENT : d->sources.count > EXTRACT_SOURCES_MAX ? -E2BIG : open_pipe(d);
	if (!d->sources.count || fd < 0)
		refuse(d);
	else
		start_worker(d, fd);
}
