/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/extract_skip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

void extract_skip_clear(struct extract_skip *skip)
{
	free(skip->data);
	*skip = (struct extract_skip){.next = UINT64_MAX};
}

static int read_all(int fd, unsigned char *data, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, data + done, bytes - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

static bool is_genuine(const struct extract_skip *skip, const struct extract_index *message)
{
	char sha256[SHA256_HEX_SIZE];

	sha256_text(skip->data, skip->bytes, sha256);
	return !memcmp(sha256, message->index_sha256, sizeof(sha256));
}

void extract_skip_load(struct extract_skip *skip, const struct extract_index *message, int fd)
{
	extract_skip_clear(skip);
	if (fd < 0)
		return;
	if (message->bytes && message->bytes <= SEGMENT_INDEX_BYTES_MAX) {
		skip->bytes = message->bytes;
		skip->data = xmalloc(skip->bytes);
		if (read_all(fd, skip->data, skip->bytes) || !is_genuine(skip, message))
			skip->bytes = 0; /* told when the segment is opened */
		memcpy(skip->sha256, message->sha256, sizeof(skip->sha256));
		skip->sha256[sizeof(skip->sha256) - 1] = '\0';
	}
	close(fd);
}

static uint64_t begin_of(const struct extract_skip *skip, uint32_t at)
{
	struct segment_piece piece;

	if (at == skip->index.count)
		return UINT64_MAX;
	segment_index_get(&skip->index, at, &piece);
	return piece.offset;
}

int extract_skip_begin(struct extract_skip *skip, const struct segment_reader *reader)
{
	if (!skip->data)
		return 0;
	if (segment_index_open(&skip->index, skip->data, skip->bytes, reader->valid_bytes,
			       skip->sha256) ||
	    skip->index.link_type != reader->link_type || begin_of(skip, 0) != reader->offset) {
		extract_skip_clear(skip);
		return -EBADMSG;
	}
	skip->next = reader->offset;
	return 0;
}

static int is_wanted(const struct extract_skip *skip, const struct extract_job *job,
		     const struct segment_piece *piece)
{
	return piece->last_ns >= job->from_ns && piece->first_ns <= job->to_ns &&
	       segment_index_may_have(&skip->index, piece, &job->terms);
}

void extract_skip_step(struct extract_skip *skip, const struct extract_job *job, int64_t too_late,
		       struct segment_reader *reader, struct extract_skipped *ret)
{
	*ret = (struct extract_skipped){.last_ns = INT64_MIN};
	while (skip->at < skip->index.count && ret->last_ns <= too_late) {
		struct segment_piece piece;
		uint64_t end;

		segment_index_get(&skip->index, skip->at++, &piece);
		skip->next = begin_of(skip, skip->at);
		end = skip->next == UINT64_MAX ? skip->index.end : skip->next;
		if (is_wanted(skip, job, &piece)) {
			segment_reader_seek(reader, piece.offset, end);
			return;
		}
		ret->packets += piece.packets;
		ret->drops += piece.drops;
		if (piece.last_ns > ret->last_ns)
			ret->last_ns = piece.last_ns;
		segment_reader_seek(reader, end, end);
	}
}
