/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread per disk that opens and writes segments, one that syncs and seals them (no
 * write waits for that), and the buffers shared with the ring threads. Ring threads use it through
 * capture/stream.h and never wait for it.
 *
 * What happened to a stream comes back as letters in a mailbox of the ring thread's, in order. That
 * mailbox carries nothing else. Many threads may use one writer.
 *
 * It writes with O_DIRECT where the file system can: then a file ends in zero padding while it is
 * open, and readers must stop at the bytes last reported. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "capture/shared.h"

enum writer_mode {
	WRITER_DIRECT,	 /* O_DIRECT where possible, else buffered */
	WRITER_BUFFERED, /* always through the page cache */
};

struct writer_options {
	uint32_t buffer_bytes;	/* multiple of 4096; the unit of a write */
	uint32_t buffer_count;	/* all streams together, at least 2 */
	int64_t min_free_bytes; /* streams fail with ENOSPC when the disk has less; 0 = no floor */
	enum writer_mode mode;
	/* What was written is synced so long after it, at the latest: what a power cut may cost of
	 * an open segment. 0 = when it is sealed only. */
	dur_t sync_after;
	struct shared_writes *writes; /* put: each write's time is added; NULL = nobody asks */
};

enum writer_event_kind {
	/* The hidden file exists. */
	WRITER_OPENED,
	/* `bytes` of the file may be served to readers; `mark` is the last one they contain. */
	WRITER_WRITTEN,
	/* Opening, writing or syncing failed with `error` (ENOSPC also means: the floor). Only the
	 * first `bytes`, up to `mark`, are good; what came later is thrown away. Comes at most
	 * once, also after stream_seal; answer with stream_seal_failed. */
	WRITER_FAILED,
	/* The last event of a stream. error 0: renamed to its final name, `bytes` long. Otherwise
	 * the hidden file is left for repair (bytes > 0) or there is none (bytes == 0). */
	WRITER_SEALED,
	/* stream_reserve or stream_flush found no buffer a while ago; now there is one. */
	WRITER_ROOM,
};

struct writer_event {
	struct letter letter;
	enum writer_event_kind kind;
	int error; /* errno, positive */
	uint64_t bytes;
	void *owner;		 /* as given to stream_open */
	struct shared_mark mark; /* seq == 0: none yet; offset is filled in by the stream */
};

struct writer;

/* Allocates the buffers and starts the thread. Returns 0 or -errno. */
int writer_new(const struct writer_options *options, struct writer **ret);
/* Finishes what is queued and joins the thread (may block on the disk). All streams must have been
 * freed. Accepts NULL, returns NULL. */
struct writer *writer_free(struct writer *writer);

/* The oldest event in box, or NULL; the caller frees it with writer_event_free. */
struct writer_event *writer_event_take(struct mailbox *box);
struct writer_event *writer_event_free(struct writer_event *event);
