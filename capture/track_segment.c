/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/track_segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

struct track_segment *track_segment_open(const struct track_segment_options *o, struct instant now)
{
	struct track_segment *s = xcalloc(1, sizeof(*s));
	struct stream_options options = {.writer = o->writer,
					 .folder = o->folder,
					 .name = s->name,
					 .box = o->box,
					 .owner = s};

	s->track = o->track;
	s->number = o->name->number;
	s->opened = now.mono;
	s->flushed_at = now.mono;
	s->begin_ns = o->name->time.ns;
	segment_name_format(o->name, s->name);
	s->stream = stream_open(&options);
	return s;
}

int track_segment_begin(struct track_segment *s, const struct pcapng_section *section,
			const struct pcapng_interface *interface)
{
	unsigned char *out;
	size_t n;

	if (s->begun)
		return 0;
	out = stream_reserve(s->stream,
			     pcapng_section_bound(section) + pcapng_interface_bound(interface));
	if (!out)
		return TRACK_SEGMENT_BUSY;
	n = pcapng_section_format(out, section);
	n += pcapng_interface_format(out + n, interface);
	stream_commit(s->stream, n);
	s->begun = 1;
	return 0;
}

struct track_segment *track_segment_free(struct track_segment *s)
{
	if (!s)
		return NULL;
	bug_on(s->state != TRACK_SEGMENT_SEALED);
	stream_free(s->stream);
	free(s);
	return NULL;
}

/* Where all bytes are written already, no event will come for a mark that only moves the block
 * number (nothing matched): it holds at once. */
void track_segment_mark(struct track_segment *s, const struct shared_mark *mark)
{
	struct shared_mark m = *mark;

	m.segment = s->number;
	m.offset = stream_bytes(s->stream);
	m.packets = s->packets;
	m.bytes = s->bytes;
	stream_mark(s->stream, &m);
	if (s->mark.seq && s->mark.offset == m.offset)
		s->mark = m;
}

void track_segment_flush(struct track_segment *s, mono_t now)
{
	if (s->state > TRACK_SEGMENT_CLOSING)
		return;
	s->wants_flush = stream_flush(s->stream) == STREAM_BUSY;
	s->flushed = stream_bytes(s->stream);
	s->flushed_at = now;
}

void track_segment_stop(struct track_segment *s, mono_t now)
{
	if (s->state != TRACK_SEGMENT_OPEN)
		return;
	s->state = TRACK_SEGMENT_CLOSING;
	s->end = stream_bytes(s->stream);
	track_segment_flush(s, now);
	track_segment_step(s);
}

static uint64_t loss_sum(const struct rec_loss *l)
{
	return l->kernel + l->nic + l->cursor + l->torn + l->disk + l->restart;
}

static void describe_loss(const struct rec_loss *l, char *text, size_t size)
{
	snprintf(text, size,
		 "packets lost: kernel ring %" PRIu64 ", interface %" PRIu64
		 ", slow reader %" PRIu64 ", overwritten %" PRIu64 ", disk %" PRIu64
		 ", restart %" PRIu64,
		 l->kernel, l->nic, l->cursor, l->torn, l->disk, l->restart);
}

static size_t format_statistics(const struct track_segment *s, unsigned char *out)
{
	char text[240] = "";
	struct pcapng_statistics statistics = {
		.time_ns = (uint64_t)(s->last_ns ? s->last_ns : s->begin_ns),
		.start_ns = (uint64_t)s->begin_ns,
		.end_ns = (uint64_t)s->last_ns,
		.received = s->received + loss_sum(&s->loss),
		.dropped = loss_sum(&s->loss),
		.accepted = s->packets + s->loss.disk,
		.os_dropped = s->loss.kernel,
		.delivered = s->packets,
		.comment = text,
	};

	if (loss_sum(&s->loss))
		describe_loss(&s->loss, text, sizeof(text));
	bug_on(pcapng_statistics_bound(&statistics) > STREAM_TRAILER_MAX);
	return pcapng_statistics_format(out, &statistics);
}

static void seal(struct track_segment *s)
{
	unsigned char *out = stream_reserve(s->stream, STREAM_TRAILER_MAX);

	if (!out)
		return; /* WRITER_ROOM will bring us back */
	if (s->begun)
		stream_commit(s->stream, format_statistics(s, out));
	stream_seal(s->stream);
	s->state = TRACK_SEGMENT_SEALING;
}

void track_segment_step(struct track_segment *s)
{
	if (s->state > TRACK_SEGMENT_CLOSING)
		return;
	if (s->wants_flush)
		s->wants_flush = stream_flush(s->stream) == STREAM_BUSY;
	if (s->state == TRACK_SEGMENT_CLOSING && (s->mark.offset >= s->end || !s->begun))
		seal(s);
}

int track_segment_on_written(struct track_segment *s, const struct writer_event *event)
{
	const struct shared_mark *m = &event->mark;
	uint64_t before = s->mark.packets;

	if (m->offset > s->mark.offset || m->seq > s->mark.seq)
		s->mark = *m;
	return s->mark.packets && !before ? TRACK_SEGMENT_FIRST : 0;
}

uint64_t track_segment_on_failed(struct track_segment *s, const struct writer_event *event)
{
	uint64_t lost = s->packets - event->mark.packets;
	unsigned char trailer[STREAM_TRAILER_MAX];

	s->error = event->error;
	s->mark = event->mark;
	s->packets = event->mark.packets;
	s->bytes = event->mark.bytes;
	s->loss.disk += lost;
	if (!s->packets)
		s->first_ns = s->last_ns = 0;
	else if (s->last_ns > event->mark.last_wall_ns)
		s->last_ns = event->mark.last_wall_ns;
	stream_seal_failed(s->stream, trailer, format_statistics(s, trailer));
	s->state = TRACK_SEGMENT_SEALING;
	return lost;
}

void track_segment_on_sealed(struct track_segment *s, const struct writer_event *event)
{
	s->file_bytes = event->bytes;
	if (event->error)
		s->error = event->error;
	s->state = TRACK_SEGMENT_SEALED;
}
