/* SPDX-License-Identifier: Apache-2.0 */
/* Order is everything here: jobs of a file are done in the order they were put, and a file that has
 * failed does nothing more until its stream has learned of it and answers with JOB_SEAL_FAILED. */
#include "capture/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "capture/stream.h"
#include "capture/writer_job.h"

#define HUGE_PAGE   (2u << 20)
#define CHECK_EVERY DUR_S /* free space */
#define BUFFER_MAX  (64u << 20)
#define BUFFERS_MAX 65536u

struct writer {
	struct writer_options options;
	pthread_t thread, syncer;
	struct mailbox jobs, syncs;
	struct writer_job stop, stop_syncer;
	unsigned char *memory;
	size_t memory_bytes;
	struct writer_buffer *buffers;
	unsigned fair; /* most buffers one stream may have: a reader of history must leave some */
	/* owned by the writer thread; in order of sync_at, since all wait equally long */
	TAILQ_HEAD(, writer_file) dirty;
	pthread_mutex_t lock;
	/* shared, under lock */
	SLIST_HEAD(, writer_buffer) free_buffers;
	TAILQ_HEAD(, writer_file) waiting;
};

/* --- buffers --- */

uint32_t writer_buffer_bytes(const struct writer *writer)
{
	return writer->options.buffer_bytes;
}

struct writer_buffer *writer_buffer_take(struct writer *writer, struct writer_file *file)
{
	struct writer_buffer *buffer = NULL;

	pthread_mutex_lock(&writer->lock);
	if (file->buffers < writer->fair)
		buffer = SLIST_FIRST(&writer->free_buffers);
	if (buffer) {
		SLIST_REMOVE_HEAD(&writer->free_buffers, next_free);
		file->buffers++;
	} else if (!file->waiting) {
		file->waiting = true;
		TAILQ_INSERT_TAIL(&writer->waiting, file, next_waiting);
	}
	pthread_mutex_unlock(&writer->lock);
	return buffer;
}

int writer_is_short(struct writer *writer)
{
	int is_short;

	pthread_mutex_lock(&writer->lock);
	is_short = !TAILQ_EMPTY(&writer->waiting);
	pthread_mutex_unlock(&writer->lock);
	return is_short;
}

static struct writer_event *event_new(const struct writer_file *file, enum writer_event_kind kind)
{
	struct writer_event *event = xcalloc(1, sizeof(*event));

	event->kind = kind;
	event->owner = file->owner;
	return event;
}

void writer_buffer_put(struct writer *writer, struct writer_file *file,
		       struct writer_buffer *buffer)
{
	struct writer_file *waiting;

	pthread_mutex_lock(&writer->lock);
	file->buffers--;
	SLIST_INSERT_HEAD(&writer->free_buffers, buffer, next_free);
	/* All of them: the first may no longer want it. Under the lock, so that none of them is
	 * freed meanwhile. */
	while ((waiting = TAILQ_FIRST(&writer->waiting))) {
		waiting->waiting = false;
		TAILQ_REMOVE(&writer->waiting, waiting, next_waiting);
		mailbox_put(waiting->box, &event_new(waiting, WRITER_ROOM)->letter);
	}
	pthread_mutex_unlock(&writer->lock);
}

void writer_forget(struct writer *writer, struct writer_file *file)
{
	pthread_mutex_lock(&writer->lock);
	if (file->waiting)
		TAILQ_REMOVE(&writer->waiting, file, next_waiting);
	file->waiting = false;
	pthread_mutex_unlock(&writer->lock);
}

void writer_add(struct writer *writer, struct writer_job *job)
{
	mailbox_put(&writer->jobs, &job->letter);
}

/* --- events --- */

struct writer_event *writer_event_take(struct mailbox *box)
{
	return (struct writer_event *)mailbox_take(box);
}

struct writer_event *writer_event_free(struct writer_event *event)
{
	free(event);
	return NULL;
}

static void report(struct writer_file *file, enum writer_event_kind kind, uint64_t bytes)
{
	struct writer_event *event = event_new(file, kind);

	event->error = -file->error;
	event->bytes = bytes;
	event->mark = file->mark;
	mailbox_put(file->box, &event->letter);
}

/* --- the writer thread --- */

static void fail(struct writer_file *file, int error)
{
	file->error = error;
	report(file, WRITER_FAILED, file->mark.offset);
}

/* 0, or -ENOSPC below the floor. A file system that cannot tell is not below it. */
static int check_floor(const struct writer *writer, struct writer_file *file)
{
	mono_t now = mono_now();
	struct statvfs st;

	if (!writer->options.min_free_bytes || mono_sub(file->next_check, now) > 0)
		return 0;
	file->next_check = mono_add(now, CHECK_EVERY);
	if (fstatvfs(file->folder, &st))
		return 0;
	if ((uint64_t)st.f_bavail * st.f_frsize >= (uint64_t)writer->options.min_free_bytes)
		return 0;
	return -ENOSPC;
}

static int write_all(struct writer_file *file, const unsigned char *data, size_t len,
		     uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(file->fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && file->direct) {
			/* wants another alignment than ours, or none after all */
			file->direct = false;
			if (fcntl(file->fd, F_SETFL, 0))
				return -errno;
			continue;
		}
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int write_at(const struct writer *writer, struct writer_file *file,
		    const unsigned char *data, size_t len, uint64_t offset)
{
	struct shared_writes *writes = writer->options.writes;
	mono_t began = mono_now();
	int r = write_all(file, data, len, offset);
	dur_t took = mono_sub(mono_now(), began);

	if (writes && len) {
		atomic_fetch_add(&writes->counts[histogram_bucket(took)], 1);
		atomic_fetch_add(&writes->sum_ns, took);
	}
	return r;
}

static void on_open(struct writer *writer, struct writer_file *file)
{
	int fd = check_floor(writer, file);

	file->direct = writer->options.mode == WRITER_DIRECT;
	if (!fd)
		fd = segment_open(file->folder, file->name, &file->direct);
	if (fd < 0) {
		fail(file, fd);
		return;
	}
	file->fd = fd;
	report(file, WRITER_OPENED, 0);
}

/* --- the syncer: whatever makes the disk settle, so that no write waits for it --- */

/* 0 or -errno; never tried again: after a failed one the kernel calls clean what is lost. */
static int sync_file(struct writer_file *file)
{
	if (file->sync_error)
		return file->sync_error;
	if (fdatasync(file->fd) || (!file->entry_synced && fsync(file->folder)))
		file->sync_error = -errno;
	file->entry_synced = true;
	return file->sync_error;
}

static int seal_file(struct writer_file *file, const struct writer_job *job)
{
	if (job->result)
		return job->result;
	if (job->kind == JOB_SEAL && file->sync_error)
		return file->sync_error;
	if (job->sealed_bytes)
		return segment_seal(file->folder, file->fd, file->name, job->sealed_bytes);
	if (file->fd >= 0)
		segment_remove_hidden(file->folder, file->name);
	return file->error;
}

static void *run_syncer(void *arg)
{
	struct writer *writer = arg;
	struct pollfd wake = {.fd = writer->syncs.event_fd, .events = POLLIN};

	pthread_setname_np(pthread_self(), "syncer");
	for (;;) {
		struct writer_job *job = (struct writer_job *)mailbox_take(&writer->syncs);

		if (!job) {
			poll(&wake, 1, -1);
			continue;
		}
		if (job->kind == JOB_STOP)
			return NULL;
		job->result = job->kind == JOB_SYNCED ? sync_file(job->file)
						      : seal_file(job->file, job);
		if (job->kind != JOB_SYNCED)
			job->kind = JOB_SEALED;
		writer_add(writer, job);
	}
}

/* --- syncing what is open --- */

static void set_dirty(struct writer *writer, struct writer_file *file)
{
	if (file->dirty || !writer->options.sync_after)
		return;
	file->written_meanwhile = file->syncing;
	if (file->syncing)
		return;
	file->dirty = true;
	file->sync_at = mono_add(mono_now(), writer->options.sync_after);
	TAILQ_INSERT_TAIL(&writer->dirty, file, next_dirty);
}

static void set_clean(struct writer *writer, struct writer_file *file)
{
	if (file->dirty)
		TAILQ_REMOVE(&writer->dirty, file, next_dirty);
	file->dirty = false;
}

/* Returns how long until the next file is due, for poll: ms, -1 = none is. */
static int sync_due(struct writer *writer)
{
	struct writer_file *file;

	while ((file = TAILQ_FIRST(&writer->dirty))) {
		dur_t left = mono_sub(file->sync_at, mono_now());

		if (left > 0)
			return (int)(left / DUR_MS) + 1;
		set_clean(writer, file);
		file->syncing = true;
		file->sync_job = (struct writer_job){.kind = JOB_SYNCED, .file = file};
		mailbox_put(&writer->syncs, &file->sync_job.letter);
	}
	return -1;
}

static void on_synced(struct writer *writer, struct writer_file *file, int result)
{
	file->syncing = false;
	if (file->error)
		return;
	if (result) {
		set_clean(writer, file);
		fail(file, result);
	} else if (file->written_meanwhile) {
		set_dirty(writer, file);
	}
	file->written_meanwhile = false;
}

/* --- jobs --- */

/* Bytes to write of the job's data, which has room for the padding. */
static size_t pad(const struct writer_file *file, struct writer_job *job)
{
	size_t whole = job->data_bytes & ~(size_t)(WRITER_PAGE - 1);
	size_t rest = job->data_bytes - whole;

	if (!file->direct)
		return job->data_bytes;
	if (job->kind == JOB_WRITE || !rest)
		return whole;
	memset(job->data + job->data_bytes, 0, WRITER_PAGE - rest);
	return whole + WRITER_PAGE;
}

/* Tells how far the file is good now that it reaches to `end`. */
static void advance(struct writer_file *file, const struct writer_job *job, uint64_t end)
{
	bug_on(job->mark.offset > end);
	if (job->mark.seq <= file->mark.seq && job->mark.offset <= file->mark.offset)
		return;
	file->mark = job->mark;
	report(file, WRITER_WRITTEN, file->mark.offset);
}

static void on_write(struct writer *writer, struct writer_job *job)
{
	struct writer_file *file = job->file;
	size_t len = pad(file, job);
	int r = check_floor(writer, file);

	if (!r)
		r = write_at(writer, file, job->data, len, job->offset);
	if (r) {
		set_clean(writer, file);
		fail(file, r);
		return;
	}
	if (len)
		set_dirty(writer, file);
	advance(file, job, job->offset + (len < job->data_bytes ? len : job->data_bytes));
}

static void give_back(struct writer *writer, struct writer_job *job)
{
	struct writer_buffer *buffer = job->buffer;

	job->buffer = NULL; /* before: the job may lie in the buffer */
	if (buffer)
		writer_buffer_put(writer, job->file, buffer);
}

static void on_sealed(struct writer_job *job)
{
	struct writer_file *file = job->file;

	/* a sync failed meanwhile, and that was told: JOB_SEAL_FAILED follows */
	if (job == &file->seal_job && file->error)
		return;
	if (file->fd >= 0)
		close(file->fd);
	close(file->folder);
	file->error = job->result;
	report(file, WRITER_SEALED, job->sealed_bytes); /* from here on the file is the stream's */
}

/* The last page goes through the page cache: an aligned write would have to be cut again, and
 * cutting inside a page reads it back from the disk. */
static int write_rest(const struct writer *writer, struct writer_file *file,
		      const struct writer_job *job)
{
	size_t whole = file->direct ? job->data_bytes & ~(size_t)(WRITER_PAGE - 1) : 0;
	int r = write_at(writer, file, job->data, whole, job->offset);

	if (r)
		return r;
	if (file->direct && fcntl(file->fd, F_SETFL, 0))
		return -errno;
	file->direct = false;
	return write_at(writer, file, job->data + whole, job->data_bytes - whole,
			job->offset + whole);
}

/* bytes: the file's length, 0 = it goes; error: it cannot be sealed. All the same it takes this
 * way, behind a sync that is going on. */
static void pass_to_syncer(struct writer *writer, struct writer_job *job, uint64_t bytes, int error)
{
	job->sealed_bytes = bytes;
	job->result = error;
	mailbox_put(&writer->syncs, &job->letter);
}

static void on_seal(struct writer *writer, struct writer_job *job)
{
	struct writer_file *file = job->file;
	int r;

	set_clean(writer, file); /* sealing syncs */
	file->written_meanwhile = false;
	r = file->error ? 0 : write_rest(writer, file, job);
	give_back(writer, job);
	if (file->error)
		return;
	if (r) {
		fail(file, r);
		return;
	}
	file->mark = job->mark;
	pass_to_syncer(writer, job, job->offset + job->data_bytes, 0);
}

/* Cuts at the last mark and appends the trailer, or nothing if that does not fit either.
 * Returns the length, or -errno. */
static int64_t cut(struct writer_file *file, const struct writer_job *job)
{
	uint64_t bytes = file->mark.offset;

	if (fcntl(file->fd, F_SETFL, 0) || ftruncate(file->fd, (off_t)bytes))
		return -errno;
	file->direct = false;
	if (write_all(file, job->data, job->data_bytes, bytes))
		return (int64_t)bytes; /* sealing cuts again */
	return (int64_t)(bytes + job->data_bytes);
}

static void on_seal_failed(struct writer *writer, struct writer_job *job)
{
	struct writer_file *file = job->file;
	int64_t bytes = 0;

	bug_on(!file->error);
	if (file->fd >= 0 && file->mark.offset)
		bytes = cut(file, job);
	if (bytes >= 0)
		pass_to_syncer(writer, job, (uint64_t)bytes, 0);
	else
		pass_to_syncer(writer, job, file->mark.offset, (int)bytes);
}

static void do_job(struct writer *writer, struct writer_job *job)
{
	switch (job->kind) {
	case JOB_OPEN:
		on_open(writer, job->file);
		break;
	case JOB_WRITE:
	case JOB_FLUSH:
		if (!job->file->error)
			on_write(writer, job);
		give_back(writer, job);
		break;
	case JOB_SEAL:
		on_seal(writer, job);
		break;
	case JOB_SEAL_FAILED:
		on_seal_failed(writer, job);
		break;
	case JOB_SYNCED:
		on_synced(writer, job->file, job->result);
		break;
	case JOB_SEALED:
		on_sealed(job);
		break;
	case JOB_STOP:
		break;
	}
}

static void *run(void *arg)
{
	struct writer *writer = arg;
	struct pollfd wake = {.fd = writer->jobs.event_fd, .events = POLLIN};
	struct writer_job *job;

	pthread_setname_np(pthread_self(), "writer");
	for (;;) {
		int wait_ms = sync_due(writer);

		job = (struct writer_job *)mailbox_take(&writer->jobs);
		if (!job)
			poll(&wake, 1, wait_ms);
		else if (job->kind == JOB_STOP)
			return NULL;
		else
			do_job(writer, job);
	}
}

/* --- life --- */

static void stop_syncer(struct writer *writer)
{
	writer->stop_syncer.kind = JOB_STOP;
	mailbox_put(&writer->syncs, &writer->stop_syncer.letter);
	pthread_join(writer->syncer, NULL);
}

static int start(struct writer *writer)
{
	sigset_t all, old;
	int r;

	/* signals are the main thread's */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* the last words of a thread that made a forbidden call */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&writer->syncer, NULL, run_syncer, writer);
	if (!r) {
		r = -pthread_create(&writer->thread, NULL, run, writer);
		if (r)
			stop_syncer(writer);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static int allocate(struct writer *writer)
{
	uint32_t count = writer->options.buffer_count;
	size_t each = (size_t)writer->options.buffer_bytes + STREAM_RESERVE_MAX;
	unsigned char *first;

	writer->memory_bytes = each * count + HUGE_PAGE;
	writer->memory = mmap(NULL, writer->memory_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (writer->memory == MAP_FAILED)
		return -errno;
	/* a write of many small pages is many entries of a disk's request, and many requests */
	first = writer->memory + (-(uintptr_t)writer->memory & (HUGE_PAGE - 1));
	(void)madvise(first, each * count, MADV_HUGEPAGE);
	madvise(writer->memory, writer->memory_bytes, MADV_DONTDUMP); /* packets */
	writer->buffers = xcalloc(count, sizeof(*writer->buffers));
	for (uint32_t i = count; i-- > 0;) {
		writer->buffers[i].data = first + i * each;
		SLIST_INSERT_HEAD(&writer->free_buffers, &writer->buffers[i], next_free);
	}
	return 0;
}

static int check_options(const struct writer_options *options)
{
	if (options->buffer_bytes == 0 || options->buffer_bytes % WRITER_PAGE ||
	    options->buffer_bytes > BUFFER_MAX || options->buffer_count < 2 ||
	    options->buffer_count > BUFFERS_MAX || options->min_free_bytes < 0 ||
	    options->sync_after < 0 || options->sync_after > DUR_HOUR)
		return -EINVAL;
	return 0;
}

static void release(struct writer *writer)
{
	mailbox_fini(&writer->jobs);
	mailbox_fini(&writer->syncs);
	if (writer->memory && writer->memory != MAP_FAILED)
		munmap(writer->memory, writer->memory_bytes);
	pthread_mutex_destroy(&writer->lock);
	free(writer->buffers);
	free(writer);
}

int writer_new(const struct writer_options *options, struct writer **ret)
{
	struct writer *writer;
	int r = check_options(options);

	if (r)
		return r;
	writer = xcalloc(1, sizeof(*writer));
	writer->options = *options;
	writer->fair = options->buffer_count - options->buffer_count / 4;
	TAILQ_INIT(&writer->waiting);
	TAILQ_INIT(&writer->dirty);
	SLIST_INIT(&writer->free_buffers);
	writer->jobs.event_fd = writer->syncs.event_fd = -1;
	bug_on(pthread_mutex_init(&writer->lock, NULL));
	r = mailbox_init(&writer->jobs);
	if (!r)
		r = mailbox_init(&writer->syncs);
	if (!r)
		r = allocate(writer);
	if (!r)
		r = start(writer);
	if (r)
		release(writer);
	else
		*ret = writer;
	return r;
}

struct writer *writer_free(struct writer *writer)
{
	if (!writer)
		return NULL;
	writer->stop.kind = JOB_STOP;
	writer_add(writer, &writer->stop);
	pthread_join(writer->thread, NULL);
	stop_syncer(writer);
	release(writer);
	return NULL;
}
