/* SPDX-License-Identifier: Apache-2.0 */
/* What streams and their writer thread pass to each other. For stream.c and writer.c only. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "capture/shared.h"
#include "capture/writer.h"
#include "storage/segment.h"

#define WRITER_PAGE 4096u /* alignment of O_DIRECT: offset, length and memory */

enum writer_job_kind {
	JOB_OPEN,
	JOB_WRITE, /* what is whole pages (O_DIRECT); the rest comes again with the next job */
	JOB_FLUSH, /* all of it, padded to a page; the last page comes again */
	JOB_SEAL,  /* all of it, then seal; ignored by a file that has failed */
	JOB_SEAL_FAILED, /* cut at the last mark, append data, seal */
	JOB_SYNCED,	 /* back from the syncer, as is JOB_SEALED */
	JOB_SEALED,
	JOB_STOP,
};

struct writer_job {
	struct letter letter;
	enum writer_job_kind kind;
	struct writer_file *file;
	struct writer_buffer *buffer; /* given back afterwards; NULL: data lies elsewhere */
	unsigned char *data;
	size_t data_bytes;
	uint64_t offset;	 /* of data in the file, multiple of WRITER_PAGE */
	struct shared_mark mark; /* newest; lies in what the job writes, or before */
	uint64_t sealed_bytes;	 /* length of the file to be sealed; 0 = remove it */
	int result;		 /* of the syncer: 0 or -errno */
};

/* Page-aligned memory for one write, with slack behind so that blocks stay contiguous. */
struct writer_buffer {
	SLIST_ENTRY(writer_buffer) next_free;
	unsigned char *data;
	struct writer_job job;
};

struct writer_file {
	/* constant after stream_open */
	struct writer *writer;
	int folder;
	char name[SEGMENT_NAME_SIZE];
	struct mailbox *box;
	void *owner;
	/* owned by the writer thread between JOB_OPEN and WRITER_SEALED */
	int fd;
	bool direct;
	int error;		 /* -errno of the first failure */
	struct shared_mark mark; /* newest that is in the file */
	mono_t next_check;	 /* of the free space */
	bool dirty;		 /* written since the last sync; then in the list */
	mono_t sync_at;
	TAILQ_ENTRY(writer_file) next_dirty;
	bool syncing;		/* sync_job is at the syncer, */
	bool written_meanwhile; /* and there is something that it may have missed */
	/* owned by the syncer */
	bool entry_synced; /* its name is on the disk */
	int sync_error;
	/* shared, under the writer's lock */
	unsigned buffers;
	bool waiting;
	TAILQ_ENTRY(writer_file) next_waiting;
	/* in the mail; one of each kind, so each has its own letter */
	struct writer_job open_job;
	struct writer_job sync_job;
	struct writer_job seal_job;
	struct writer_job seal_failed_job;
};

uint32_t writer_buffer_bytes(const struct writer *writer);
/* A buffer for file, or NULL; then WRITER_ROOM follows. Room: writer_buffer_bytes() and behind it
 * STREAM_RESERVE_MAX. Any thread. */
struct writer_buffer *writer_buffer_take(struct writer *writer, struct writer_file *file);
/* Whether a file waits for a buffer. Any thread. */
int writer_is_short(struct writer *writer);
void writer_buffer_put(struct writer *writer, struct writer_file *file,
		       struct writer_buffer *buffer);
/* No WRITER_ROOM for this file from now on. */
void writer_forget(struct writer *writer, struct writer_file *file);
/* Gives job to the writer thread, which works in order. */
void writer_add(struct writer *writer, struct writer_job *job);
