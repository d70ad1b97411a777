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
#include "dispatch/serve/extraction.h"
#include "dispatch/serve/problem.h"

#define PIPE_BYTES   (1 << 20)
#define WINDOW_BYTES (256u << 10)

struct derived {
	struct exchange *exchange;
	struct control *control;
	struct extraction *extraction;
	struct watch *watch;
	int pipe; /* read end, or -1 */
	enum completeness completeness;
	const char *code;
	bool head_sent;
	bool window_out; /* on its way to the client */
	bool ended;	 /* the extraction did, with `end` */
	enum extraction_end end;
};

void derived_plan_fini(struct derived_plan *plan)
{
	for (size_t i = 0; i < plan->feed_count; i++)
		ring_feed_free(plan->feeds[i]);
	free(plan->captures);
	free(plan->segments);
	*plan = (struct derived_plan){0};
}

static void derived_free(struct derived *d)
{
	d->control->derived_count--;
	extraction_stop(d->extraction);
	watch_free(d->watch);
	if (d->pipe >= 0)
		close(d->pipe);
	free(d);
}

static void on_gone(void *owner)
{
	derived_free(owner);
}

/* ---- the end ---- */

static void refuse_empty(struct derived *d)
{
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	struct ring_feed_counts counts;
	wall_t from, to;

	derived_sources_span(extraction_sources(d->extraction), &from, &to);
	if (derived_sources_counts(extraction_sources(d->extraction), &counts)) {
		exchange_refuse(d->exchange, 409, "nothing_matched",
				"none of the %" PRIu64
				" packets that the rings remember of that time is wanted; %" PRIu64
				" were overwritten before they could be looked at",
				counts.seen, counts.lost);
		return;
	}
	exchange_refuse(d->exchange, 409, "nothing_matched",
			"none of the %" PRIu64
			" packets looked at is wanted; these captures have packets from %s to %s",
			extraction_result(d->extraction)->seen, wall_format(from, first),
			wall_format(to, last));
}

static void refuse_result(struct derived *d)
{
	const struct extract_result *result = extraction_result(d->extraction);

	if (result->end == EXTRACT_END_MIXED)
		exchange_refuse(d->exchange, 409, "mixed_link_types",
				"the captures are of different link types, which no file can hold "
				"together: choose by \"nic\"");
	else if (result->end != EXTRACT_END_OK)
		exchange_refuse(d->exchange, 503, "storage_failed",
				"the packets could not be read: %s",
				strerrordesc_np(result->error));
	else if (extraction_is_short(d->extraction) || result->damaged)
		exchange_refuse(d->exchange, 503, "storage_failed",
				"not all could be looked at, and in the rest nothing was found: "
				"try again");
	else
		refuse_empty(d);
}

static void refuse(struct derived *d)
{
	if (d->end == EXTRACTION_REFUSED)
		exchange_reply_problem(d->exchange, 422,
				       json_copy((json_t *)extraction_problem(d->extraction)));
	else if (d->end == EXTRACTION_FAILED)
		exchange_refuse(d->exchange, 503, "busy",
				"the download could not be prepared, try again");
	else
		refuse_result(d);
	derived_free(d);
}

/* Everything was sent that ever will be. */
static void finish(struct derived *d)
{
	const struct extract_result *result = extraction_result(d->extraction);
	struct exchange *exchange = d->exchange;
	struct ring_feed_counts counts;
	bool whole = d->end == EXTRACTION_DONE && result->end == EXTRACT_END_OK &&
		     !result->damaged && !extraction_is_short(d->extraction);

	/* what no packet's drop count can tell, a broken connection does */
	derived_sources_counts(extraction_sources(d->extraction), &counts);
	whole &= !counts.untold;
	log_info("http",
		 "derived download: %" PRIu64 " of %" PRIu64 " packets, %" PRIu64 " bytes%s",
		 result->packets, result->seen, result->bytes, whole ? "" : ", cut short");
	if (d->end == EXTRACTION_DONE)
		exchange_stream_hash(exchange, result->sha256);
	derived_free(d);
	if (whole)
		exchange_stream_end(exchange);
	else
		exchange_stream_abort(exchange);
}

static void check_end(struct derived *d)
{
	bool empty = d->end != EXTRACTION_DONE || !extraction_result(d->extraction)->packets;

	if (!d->ended || d->window_out)
		return;
	if (!d->head_sent && empty)
		refuse(d);
	else if (d->pipe < 0)
		finish(d);
}

static void on_end(void *owner, enum extraction_end end)
{
	struct derived *d = owner;

	d->ended = true;
	d->end = end;
	check_end(d);
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
	const struct derived_sources *sources = extraction_sources(d->extraction);
	const struct extract_job *job = extraction_job(d->extraction);
	struct exchange *exchange = d->exchange;
	char text[320], name[128];

	d->head_sent = true;
	exchange_set_header(exchange, "Content-Type", media_type(job));
	snprintf(text, sizeof(text), "attachment; filename=\"%s.%s%s\"",
		 derived_sources_name(sources, name),
		 job->format == EXTRACT_PCAP ? "pcap" : "pcapng", endings[job->compression]);
	exchange_set_header(exchange, "Content-Disposition", text);
	exchange_set_header(exchange, "Accept-Ranges", "none");
	snprintf(text, sizeof(text), "%" PRIu64, derived_sources_bytes(sources));
	if (derived_sources_bytes(sources))
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

/* window is put. */
static void send_window(struct derived *d, struct evbuffer *window)
{
	if (!d->exchange->http) { /* left before the head */
		exchange_reply_empty(d->exchange, 200);
		derived_free(d);
	} else {
		if (!d->head_sent)
			send_head(d);
		watch_disable(d->watch);
		d->window_out = true;
		exchange_stream_send(d->exchange, window, on_drained);
	}
	evbuffer_free(window);
}

/* As read(2), up to a window; evbuffer_read of libevent 2.1 takes 4 KiB at a time. */
static ssize_t read_window(struct evbuffer *window, int fd)
{
	struct evbuffer_iovec space;
	size_t total = 0;
	ssize_t n;

	bug_on(evbuffer_reserve_space(window, WINDOW_BYTES, &space, 1) != 1);
	do {
		n = read(fd, (char *)space.iov_base + total, WINDOW_BYTES - total);
		total += n > 0 ? (size_t)n : 0;
	} while (n > 0 && total < WINDOW_BYTES);
	space.iov_len = total;
	if (total)
		evbuffer_commit_space(window, &space, 1);
	return total ? (ssize_t)total : n;
}

static void on_readable(void *owner)
{
	struct derived *d = owner;
	struct evbuffer *window = evbuffer_new();
	ssize_t n;

	bug_on(!window);
	n = read_window(window, d->pipe);
	if (n > 0) {
		send_window(d, window);
		return;
	}
	evbuffer_free(window);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_pipe(d);
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

static struct derived *derived_new(struct exchange *exchange, const struct derived_order *order,
				   struct derived_plan *plan)
{
	struct derived *d = xcalloc(1, sizeof(*d));
	struct extraction_options options = {.control = exchange->control,
					     .order = order,
					     .plan = plan,
					     .on_end = on_end,
					     .owner = d};

	d->exchange = exchange;
	d->control = exchange->control;
	d->control->derived_count++;
	d->completeness = plan->completeness;
	d->code = plan->code;
	d->pipe = -1;
	d->extraction = extraction_new(&options);
	return d;
}

bool derived_check_room(struct exchange *exchange)
{
	if (exchange->control->derived_count < DERIVED_MAX)
		return true;
	exchange_set_header(exchange, "Retry-After", "5");
	exchange_refuse(exchange, 503, "busy",
			"%d derived downloads are running already, try again", DERIVED_MAX);
	return false;
}

void derived_start(struct exchange *exchange, const struct derived_order *order,
		   struct derived_plan *plan)
{
	struct derived *d;
	size_t count;
	int fd = -1;

	if (!derived_check_room(exchange))
		return;
	d = derived_new(exchange, order, plan);
	exchange->on_gone = on_gone; /* it may leave before the first packet is found */
	exchange->owner = d;
	count = extraction_sources(d->extraction)->count;
	if (count > EXTRACT_SOURCES_MAX) {
		exchange_refuse(exchange, 422, "too_many_captures",
				"%zu NICs of captures fit, %d are allowed: narrow them", count,
				EXTRACT_SOURCES_MAX);
		derived_free(d);
		return;
	}
	if (count)
		fd = open_pipe(d);
	if (fd >= 0) {
		extraction_start(d->extraction, fd);
		return;
	}
	d->end = count ? EXTRACTION_FAILED : EXTRACTION_DONE;
	refuse(d);
}
