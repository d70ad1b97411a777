/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/extract.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "capture/extract_output.h"
#include "capture/extract_skip.h"
#include "capture/filter.h"
#include "capture/segment_reader.h"
#include "capture/slice.h"

#define NICENESS  10		     /* capture comes first */
#define FOREVER	  (24 * 3600 * 1000) /* ms; a silent requester is a dead one */
#define DISORDER  DUR_S		     /* packets of one ring are out of order by less than that */
#define LISTEN_AT 4096		     /* packets between two looks at the socket */

enum source_state {
	SOURCE_ASKED,	/* for its next segment */
	SOURCE_READY,	/* packet is its next one */
	SOURCE_STALLED, /* its segment may grow */
	SOURCE_OVER,
};

struct source {
	enum source_state state;
	uint32_t sealed;
	struct segment_reader reader;
	struct extract_skip skip;
	struct segment_packet packet;
	struct extract_interface interface;
};

struct extract {
	int socket;
	struct extract_job job;
	struct source *sources;
	struct sink *sink;
	struct filter *filter; /* NULL = all */
	int program_known;
	struct extract_output output;
	struct extract_result result;
	struct ipc_message *message;
};

/* ---- what we say ---- */

static int say(struct extract *e, uint32_t type, const void *body, size_t bytes)
{
	return ipc_send_wait(e->socket, type, body, bytes, -1, FOREVER);
}

static int ask(struct extract *e, struct source *s, uint32_t type, enum source_state state)
{
	struct extract_next next = {.source = (uint32_t)(s - e->sources),
				    .valid_bytes = s->reader.valid_bytes};

	s->state = state;
	return say(e, type, &next, sizeof(next));
}

/* ---- one source ---- */

static int is_wanted(struct extract *e, struct source *s)
{
	const struct segment_packet *p = &s->packet;

	e->result.seen++;
	if (p->time_ns >= e->job.from_ns && p->time_ns <= e->job.to_ns &&
	    (!e->filter || filter_run(e->filter, p->data, p->captured_bytes, p->original_bytes)))
		return 1;
	s->interface.drops += p->drops;
	return 0;
}

static int close_segment(struct extract *e, struct source *s)
{
	s->interface.dropped += s->reader.dropped;
	segment_reader_close(&s->reader);
	extract_skip_clear(&s->skip);
	return ask(e, s, EXTRACT_NEXT, SOURCE_ASKED);
}

static int end_source(struct source *s)
{
	s->state = SOURCE_OVER;
	segment_reader_close(&s->reader);
	extract_skip_clear(&s->skip);
	return 0;
}

/* No packet later than that is followed by one that is wanted. */
static int64_t too_late(const struct extract *e)
{
	return e->job.to_ns > INT64_MAX - DISORDER ? INT64_MAX : e->job.to_ns + DISORDER;
}

/* Where a piece begins: past those with nothing in them. False: the source is over. */
static bool skip_ahead(struct extract *e, struct source *s)
{
	struct extract_skipped skipped;

	if (s->reader.offset < s->skip.next)
		return true;
	extract_skip_step(&s->skip, &e->job, too_late(e), &s->reader, &skipped);
	e->result.seen += skipped.packets;
	s->interface.drops += skipped.drops;
	return skipped.last_ns <= too_late(e);
}

/* Moves to the next packet that is wanted, or asks for what is needed to find it. */
static int advance(struct extract *e, struct source *s)
{
	int r;

	while (true) {
		if (!skip_ahead(e, s))
			return end_source(s);
		r = segment_reader_next(&s->reader, &s->packet);
		if (r)
			break;
		if (is_wanted(e, s)) {
			s->state = SOURCE_READY;
			return 0;
		}
		if (s->packet.time_ns > too_late(e))
			return end_source(s);
	}
	if (r == SEGMENT_READER_END && !s->sealed && e->job.follow)
		return ask(e, s, EXTRACT_MORE, SOURCE_STALLED);
	if (r < 0)
		e->result.damaged++;
	return close_segment(e, s);
}

static int say_bad_index(struct extract *e, const struct source *s)
{
	struct extract_next next = {.source = (uint32_t)(s - e->sources)};

	return say(e, EXTRACT_BAD_INDEX, &next, sizeof(next));
}

static int open_segment(struct extract *e, struct source *s, const struct extract_segment *segment,
			int fd)
{
	int r;

	s->sealed = segment->sealed;
	if (segment_reader_open(&s->reader, fd, segment->valid_bytes)) {
		e->result.damaged++;
		extract_skip_clear(&s->skip);
		return ask(e, s, EXTRACT_NEXT, SOURCE_ASKED);
	}
	if (extract_skip_begin(&s->skip, &s->reader) && (r = say_bad_index(e, s)))
		return r;
	memcpy(s->interface.nic, s->reader.nic, sizeof(s->interface.nic));
	memcpy(s->interface.description, s->reader.description, sizeof(s->interface.description));
	if (!e->output.link_type)
		e->output.link_type = s->reader.link_type;
	if (e->output.link_type != s->reader.link_type) {
		e->result.end = EXTRACT_END_MIXED;
		return -EINVAL;
	}
	/* before the program is known there is no first packet */
	if (!e->program_known)
		s->state = SOURCE_READY;
	return e->program_known ? advance(e, s) : 0;
}

/* ---- what we hear ---- */

/* segment->source is checked. */
static int on_segment(struct extract *e, const struct extract_segment *segment)
{
	struct source *s = &e->sources[segment->source];
	int fd = e->message->fd;

	e->message->fd = -1;
	if (s->state != SOURCE_ASKED && s->state != SOURCE_STALLED) {
		if (fd >= 0)
			close(fd);
		return -EBADMSG;
	}
	segment_reader_close(&s->reader);
	if (fd >= 0)
		return open_segment(e, s, segment, fd);
	s->state = SOURCE_OVER;
	return 0;
}

static int on_grown(struct extract *e, const struct extract_segment *segment)
{
	struct source *s = &e->sources[segment->source];

	if (s->state != SOURCE_STALLED)
		return -EBADMSG;
	s->sealed = segment->sealed;
	segment_reader_grow(&s->reader, segment->valid_bytes);
	return advance(e, s);
}

static int on_program(struct extract *e)
{
	if (e->program_known)
		return -EBADMSG;
	e->program_known = 1;
	if (filter_new((const struct rec_program *)e->message->body, &e->filter) == 0)
		return 0;
	e->result.end = EXTRACT_END_PROGRAM;
	return -EINVAL;
}

static int on_index(struct extract *e)
{
	const struct extract_index *index = (const void *)e->message->body;

	if (index->source >= e->job.source_count || e->sources[index->source].state != SOURCE_ASKED)
		return -EBADMSG;
	extract_skip_load(&e->sources[index->source].skip, index, take_fd(&e->message->fd));
	return 0;
}

static int on_message(struct extract *e)
{
	const struct ipc_message *m = e->message;
	const struct extract_segment *segment = (const void *)m->body;

	if (m->type == EXTRACT_INDEX && ipc_is(m, struct extract_index))
		return on_index(e);

	if (m->type == EXTRACT_PROGRAM && ipc_is(m, struct rec_program))
		return on_program(e);
	if (!ipc_is(m, struct extract_segment) || segment->source >= e->job.source_count)
		return -EBADMSG;
	if (m->type == EXTRACT_SEGMENT)
		return on_segment(e, segment);
	return m->type == EXTRACT_GROWN ? on_grown(e, segment) : -EBADMSG;
}

/* One message; timeout 0 looks only. */
static int listen_for(struct extract *e, int timeout_ms)
{
	int r = ipc_receive_wait(e->socket, e->message, timeout_ms);

	if (r == -ETIMEDOUT && !timeout_ms)
		return 0;
	if (r)
		return r < 0 ? r : -EPIPE;
	r = on_message(e);
	if (e->message->fd >= 0)
		close(e->message->fd);
	return r;
}

/* ---- merging ---- */

static size_t count_in(const struct extract *e, enum source_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->job.source_count; i++)
		n += e->sources[i].state == state;
	return n;
}

/* The source with the oldest packet, and the time at which another one's is older. */
static struct source *find_oldest(struct extract *e, int64_t *ret_until)
{
	struct source *oldest = NULL;

	*ret_until = INT64_MAX;
	for (uint32_t i = 0; i < e->job.source_count; i++) {
		struct source *s = &e->sources[i];

		if (s->state != SOURCE_READY)
			continue;
		if (!oldest || s->packet.time_ns < oldest->packet.time_ns) {
			if (oldest)
				*ret_until = oldest->packet.time_ns;
			oldest = s;
		} else if (s->packet.time_ns < *ret_until) {
			*ret_until = s->packet.time_ns;
		}
	}
	return oldest;
}

static uint32_t kept_bytes(const struct extract *e, const struct segment_packet *p)
{
	uint32_t headers;

	if (e->job.slice != SLICE_HEADERS)
		return p->captured_bytes;
	headers = slice_headers(p->data, p->captured_bytes, e->output.link_type);
	return p->captured_bytes - headers > e->job.slice_bytes ? headers + e->job.slice_bytes
								: p->captured_bytes;
}

static int emit(struct extract *e, struct source *s)
{
	struct extract_result *result = &e->result;
	int r = extract_output_packet(&e->output, &s->interface, &s->packet,
				      kept_bytes(e, &s->packet));

	if (r)
		return r;
	if (!result->packets++)
		result->first_ns = s->packet.time_ns;
	result->last_ns = s->packet.time_ns;
	result->wire_bytes += s->packet.original_bytes;
	return advance(e, s);
}

/* Packets of the source with the oldest one, until another has an older one. */
static int emit_run(struct extract *e, struct source *s, int64_t until)
{
	int r = 0;

	for (int i = 0; i < LISTEN_AT && !r; i++) {
		r = emit(e, s);
		if (s->state != SOURCE_READY || s->packet.time_ns > until)
			break;
	}
	return r;
}

static int step(struct extract *e)
{
	int waiting = count_in(e, SOURCE_ASKED) || count_in(e, SOURCE_STALLED);
	struct source *oldest;
	int64_t until;
	int r;

	if (waiting) {
		/* following, what is there is not held back by what may never come */
		int idle = !e->job.follow || !count_in(e, SOURCE_READY);

		if (idle && e->job.follow && e->result.packets && (r = sink_flush(e->sink)))
			return r;
		r = listen_for(e, idle ? FOREVER : 0);
		if (r || idle)
			return r;
	}
	do { /* while all others stand as they stood, nobody need be asked */
		oldest = find_oldest(e, &until);
		r = oldest ? emit_run(e, oldest, until) : 0;
	} while (!r && oldest && oldest->state == SOURCE_READY && !e->job.follow);
	return r;
}

/* ---- the job ---- */

/* Knows each source's first segment, or that it has none; following, that of one. */
static int start(struct extract *e)
{
	int r = 0;

	for (uint32_t i = 0; i < e->job.source_count && !r; i++)
		r = ask(e, &e->sources[i], EXTRACT_NEXT, SOURCE_ASKED);
	while (!r && count_in(e, SOURCE_ASKED) && !(e->job.follow && count_in(e, SOURCE_READY)))
		r = listen_for(e, FOREVER);
	return r;
}

static int get_program(struct extract *e)
{
	struct extract_link link = {.link_type = e->output.link_type};
	int r = say(e, EXTRACT_LINK, &link, sizeof(link));

	while (!r && !e->program_known)
		r = listen_for(e, FOREVER);
	for (uint32_t i = 0; i < e->job.source_count && !r; i++)
		if (e->sources[i].state == SOURCE_READY)
			r = advance(e, &e->sources[i]);
	return r;
}

static int finish(struct extract *e)
{
	char comment[80] = "";
	int r = 0;

	if (e->result.damaged)
		snprintf(comment, sizeof(comment), "%u segments could not be read to their end",
			 e->result.damaged);
	for (uint32_t i = 0; i < e->job.source_count && !r; i++)
		r = extract_output_statistics(&e->output, &e->sources[i].interface, comment);
	return r || !e->result.packets ? r : sink_finish(e->sink);
}

static int run(struct extract *e)
{
	int r = start(e);

	if (r || !count_in(e, SOURCE_READY))
		return r;
	r = get_program(e);
	while (!r && count_in(e, SOURCE_OVER) < e->job.source_count)
		r = step(e);
	return r ? r : finish(e);
}

/* What cannot be right is not looked at. */
static uint32_t terms_count(const struct segment_terms *terms)
{
	for (uint32_t i = 0; i < terms->count; i++)
		if (i == SEGMENT_TERMS_MAX || terms->keys[i] > SEGMENT_KEYS_MAX)
			return 0;
	return terms->count;
}

static int take_job(struct extract *e)
{
	const struct ipc_message *m = e->message;
	int fd = m->fd;

	if (m->type != EXTRACT_JOB || !ipc_is(m, struct extract_job) || fd < 0)
		return -EBADMSG;
	memcpy(&e->job, m->body, sizeof(e->job));
	e->job.comment[sizeof(e->job.comment) - 1] = '\0';
	e->job.filter_text[sizeof(e->job.filter_text) - 1] = '\0';
	if (!e->job.source_count || e->job.source_count > EXTRACT_SOURCES_MAX ||
	    e->job.format >= EXTRACT_FORMAT_COUNT || e->job.compression >= SINK_COMPRESSION_COUNT)
		return -EBADMSG;
	e->job.terms.count = terms_count(&e->job.terms);
	e->sources = xcalloc(e->job.source_count, sizeof(*e->sources));
	for (uint32_t i = 0; i < e->job.source_count; i++)
		extract_skip_clear(&e->sources[i].skip);
	return sink_new(fd, e->job.compression, &e->sink);
}

static void extract_fini(struct extract *e)
{
	for (uint32_t i = 0; e->sources && i < e->job.source_count; i++) {
		segment_reader_close(&e->sources[i].reader);
		extract_skip_clear(&e->sources[i].skip);
	}
	filter_free(e->filter);
	sink_free(e->sink);
	free(e->sources);
}

int extract_main(int socket)
{
	CLEANUP_FREE struct ipc_message *message = xmalloc(sizeof(*message));
	CLEANUP(extract_fini) struct extract e = {.socket = socket, .message = message};
	int r;

	signal(SIGPIPE, SIG_IGN);
	setpriority(PRIO_PROCESS, 0, NICENESS);
	if (ipc_receive_wait(socket, message, FOREVER) || take_job(&e))
		return EXIT_FAILURE;
	e.output = (struct extract_output){.job = &e.job, .sink = e.sink};
	r = run(&e);
	if (r && !e.result.end) {
		e.result.end = EXTRACT_END_PIPE;
		e.result.error = -r;
	}
	e.result.bytes = sink_bytes(e.sink);
	sink_hash(e.sink, e.result.sha256);
	if (say(&e, EXTRACT_DONE, &e.result, sizeof(e.result)))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
