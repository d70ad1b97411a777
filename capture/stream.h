/* SPDX-License-Identifier: Apache-2.0 */
/* One open segment, as its ring thread sees it: bytes go in, events come out (capture/writer.h).
 *
 * Sequence: stream_open → any of reserve/commit, mark, flush → stream_seal → … WRITER_SEALED →
 * stream_free. Bytes may be committed before WRITER_OPENED arrives. After WRITER_FAILED (whenever
 * it comes before WRITER_SEALED): stream_seal_failed, then wait for WRITER_SEALED the same way. All
 * functions belong to the ring thread and never block. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "capture/shared.h"
#include "capture/writer.h"

#define STREAM_RESERVE_MAX (272u << 10) /* room for the largest packet block and its options */
#define STREAM_TRAILER_MAX 8192

enum stream_outcome {
	STREAM_BUSY = 1, /* no buffer is free now; WRITER_ROOM will come */
};

struct stream;

struct stream_options {
	struct writer *writer;
	int folder;	     /* put: the capture's folder, closed by the writer */
	const char *name;    /* sealed name, see storage/segment.h; copied */
	struct mailbox *box; /* where events go; outlives the stream */
	void *owner;	     /* comes back in every event */
};

struct stream *stream_open(const struct stream_options *options);

/* `size` contiguous bytes (at most STREAM_RESERVE_MAX) to write to, or NULL when no buffer is free:
 * hold the blocks and try again after WRITER_ROOM. Valid until the next call on this stream. */
unsigned char *stream_reserve(struct stream *stream, size_t size);
/* The first `used` of the reserved bytes are whole pcapng blocks and belong to the file now. */
void stream_commit(struct stream *stream, size_t used);
/* Bytes committed so far: the file's length if it were sealed now. */
uint64_t stream_bytes(const struct stream *stream);

/* Everything committed so far belongs to blocks < mark->seq and all of theirs is committed. The
 * mark is copied, its offset filled in. Only at a mark can a failed file be cut and an open one be
 * read, so set one behind the interface block and one after each ring block. */
void stream_mark(struct stream *stream, const struct shared_mark *mark);

/* Asks that everything committed reaches the file soon and be reported by WRITER_WRITTEN, and gives
 * the buffer back. For streams that were quiet for a while; costs a write of at least one page.
 * Returns 0 (also if there is nothing to do) or STREAM_BUSY: call again on WRITER_ROOM. */
int stream_flush(struct stream *stream);

/* Whether it keeps a buffer while others wait for one. */
int stream_is_greedy(const struct stream *stream);

/* Writes the rest and seals; nothing may be committed after it. */
void stream_seal(struct stream *stream);
/* After WRITER_FAILED: seals at that event's `bytes`, followed by trailer (whole pcapng blocks, at
 * most STREAM_TRAILER_MAX; left out if the disk does not even take that). */
void stream_seal_failed(struct stream *stream, const void *trailer, size_t trailer_bytes);

/* After WRITER_SEALED only. Accepts NULL, returns NULL. */
struct stream *stream_free(struct stream *stream);
