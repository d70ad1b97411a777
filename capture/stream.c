/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer covers the file from `base`, a page border. When it goes to the writer, the bytes behind
 * its last page border stay here as `tail`, and the next buffer begins with them: so a buffer can
 * end anywhere, every write begins on a page, and a quiet stream keeps no buffer. */
#include "capture/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "capture/writer_job.h"

struct stream {
	struct writer *writer;
	struct writer_file *file;
	struct writer_buffer *buffer; /* NULL while nothing is being collected */
	size_t used;		      /* bytes in buffer, tail included */
	uint64_t base;
	bool unflushed; /* something was committed that no JOB_FLUSH covers */
	bool sealed;
	struct shared_mark mark; /* newest */
	void *trailer;
	size_t tail_bytes;
	unsigned char tail[WRITER_PAGE];
};

struct stream *stream_open(const struct stream_options *options)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));
	struct writer_file *file = xcalloc(1, sizeof(*file));

	file->writer = options->writer;
	file->folder = options->folder;
	snprintf(file->name, sizeof(file->name), "%s", options->name);
	file->box = options->box;
	file->owner = options->owner;
	file->fd = -1;
	file->open_job.kind = JOB_OPEN;
	file->open_job.file = file;
	stream->writer = options->writer;
	stream->file = file;
	writer_add(stream->writer, &file->open_job);
	return stream;
}

static int take_buffer(struct stream *stream)
{
	stream->buffer = writer_buffer_take(stream->writer, stream->file);
	if (!stream->buffer)
		return STREAM_BUSY;
	memcpy(stream->buffer->data, stream->tail, stream->tail_bytes);
	stream->used = stream->tail_bytes;
	return 0;
}

unsigned char *stream_reserve(struct stream *stream, size_t size)
{
	bug_on(size > STREAM_RESERVE_MAX || stream->sealed);
	if (!stream->buffer && take_buffer(stream))
		return NULL;
	return stream->buffer->data + stream->used;
}

static void fill_job(struct stream *stream, struct writer_job *job, enum writer_job_kind kind)
{
	job->kind = kind;
	job->file = stream->file;
	job->buffer = stream->buffer;
	job->data = stream->buffer ? stream->buffer->data : stream->tail;
	job->data_bytes = stream->buffer ? stream->used : stream->tail_bytes;
	job->offset = stream->base;
	job->mark = stream->mark;
}

/* Gives the buffer to the writer; what does not fill a page stays as tail. */
static void hand_over(struct stream *stream, enum writer_job_kind kind)
{
	struct writer_job *job = &stream->buffer->job;
	size_t whole = stream->used & ~(size_t)(WRITER_PAGE - 1);

	fill_job(stream, job, kind);
	stream->tail_bytes = stream->used - whole;
	memcpy(stream->tail, stream->buffer->data + whole, stream->tail_bytes);
	stream->base += whole;
	stream->buffer = NULL;
	stream->unflushed = kind != JOB_FLUSH && stream->tail_bytes > 0;
	writer_add(stream->writer, job);
}

void stream_commit(struct stream *stream, size_t used)
{
	bug_on(!stream->buffer || used > STREAM_RESERVE_MAX);
	stream->used += used;
	stream->unflushed |= used > 0;
	/* At the first commit beyond a page border: so the newest mark, which is older, never lies
	 * behind the whole pages that are written now. */
	if (stream->used >= writer_buffer_bytes(stream->writer))
		hand_over(stream, JOB_WRITE);
}

uint64_t stream_bytes(const struct stream *stream)
{
	return stream->base + (stream->buffer ? stream->used : stream->tail_bytes);
}

void stream_mark(struct stream *stream, const struct shared_mark *mark)
{
	stream->mark = *mark;
	stream->mark.offset = stream_bytes(stream);
}

int stream_flush(struct stream *stream)
{
	if (!stream->unflushed) {
		if (stream->buffer)
			writer_buffer_put(stream->writer, stream->file, stream->buffer);
		stream->buffer = NULL;
		return 0;
	}
	if (!stream->buffer && take_buffer(stream))
		return STREAM_BUSY;
	hand_over(stream, JOB_FLUSH);
	return 0;
}

int stream_is_greedy(const struct stream *stream)
{
	return stream->buffer && writer_is_short(stream->writer);
}

void stream_seal(struct stream *stream)
{
	struct writer_job *job = &stream->file->seal_job;

	bug_on(stream->sealed);
	stream->sealed = true;
	writer_forget(stream->writer, stream->file);
	fill_job(stream, job, JOB_SEAL);
	stream->buffer = NULL;
	writer_add(stream->writer, job);
}

void stream_seal_failed(struct stream *stream, const void *trailer, size_t trailer_bytes)
{
	struct writer_job *job = &stream->file->seal_failed_job;

	bug_on(stream->trailer || trailer_bytes > STREAM_TRAILER_MAX);
	stream->sealed = true;
	writer_forget(stream->writer, stream->file);
	stream->trailer = xmemdup(trailer, trailer_bytes);
	if (stream->buffer)
		writer_buffer_put(stream->writer, stream->file, stream->buffer);
	stream->buffer = NULL;
	fill_job(stream, job, JOB_SEAL_FAILED);
	job->data = stream->trailer;
	job->data_bytes = trailer_bytes;
	writer_add(stream->writer, job);
}

struct stream *stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	free(stream->trailer);
	free(stream->file);
	free(stream);
	return NULL;
}
