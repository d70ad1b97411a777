/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/digest_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "capture/digest.h"
#include "capture/segment_index.h"
#include "dispatch/serve/announce.h"
#include "dispatch/serve/control_state.h"
#include "storage/manifest.h"

#define DIGEST_TIMEOUT (10 * DUR_MIN)
#define DIGEST_PAUSE   (30 * DUR_S)
#define DIGESTS_LISTED (2 * DIGESTS_RUNNING_MAX) /* the running ones are listed too */

/* One look at the catalogue: rows and their opened files. */
struct digest_list {
	struct digest_queue *queue;
	int captures_fd;
	int count;
	struct segment_row rows[DIGESTS_LISTED];
	int fds[DIGESTS_LISTED]; /* -errno where the file cannot be opened */
};

/* One result on its way into the catalogue. Its slot stays taken until it is there, or the next
 * look would find the segment undigested again. */
struct digest_result {
	struct digest_queue *queue;
	struct segment_row *slot; /* NULL for a missing file */
	struct segment_row row;
	struct announce announce;
};

static void digest_on_pause(void *owner)
{
	digest_queue_kick(owner);
}

void digest_queue_init(struct digest_queue *queue, struct control *control)
{
	memset(queue, 0, sizeof(*queue));
	queue->control = control;
	queue->pause = timer_new(control->loop, digest_on_pause, queue);
}

void digest_queue_fini(struct digest_queue *queue)
{
	queue->pause = timer_free(queue->pause);
}

static int digest_result_run(struct db *db, void *arg)
{
	const struct digest_result *result = arg;
	const struct segment_row *row = &result->row;
	int r = row->missing ? catalogue_save_segment(db, row) : catalogue_set_digest(db, row);

	if (!r)
		r = manifest_due_set(db, row->capture, row->name);
	return r ? r : announce_finished(db, &result->announce, row->capture);
}

static void slot_free(struct digest_queue *queue, struct segment_row *slot)
{
	slot->capture[0] = '\0';
	queue->running--;
}

static void digest_result_done(void *arg, int result)
{
	struct digest_result *digest = arg;
	struct digest_queue *queue = digest->queue;

	if (digest->slot)
		slot_free(queue, digest->slot);
	if (result == 0) {
		/* after the commit: a manifest never tells what is not */
		manifest_job_post(queue->control, digest->row.capture);
		if (digest->announce.count)
			courier_link_kick(&queue->control->courier);
		digest_queue_kick(queue);
	} else {
		timer_set(queue->pause, DIGEST_PAUSE);
	}
	free(digest);
}

static void digest_commit(struct digest_queue *queue, const struct segment_row *row,
			  struct segment_row *slot)
{
	struct digest_result *result = xcalloc(1, sizeof(*result));

	result->queue = queue;
	result->slot = slot;
	result->row = *row;
	announce_gather(queue->control, &result->announce);
	commit_post(&queue->control->commits, digest_result_run, digest_result_done, result);
}

/* Which slot an answer belongs to. */
struct digest_owner {
	struct digest_queue *queue;
	struct segment_row *slot;
	bool index_only; /* its SHA-256 is known */
};

/* Takes the reply's hashes over. False: there are none, or the segment is not what was hashed
 * before. */
static bool take_reply(const struct digest_owner *owner, const struct ipc_message *message)
{
	const struct digest_reply *reply = message ? (const void *)message->body : NULL;
	struct segment_row *row = owner->slot;

	if (!reply || !ipc_is(message, struct digest_reply) || reply->error ||
	    !memchr(reply->sha256, 0, sizeof(reply->sha256)) ||
	    !memchr(reply->index_sha256, 0, sizeof(reply->index_sha256)))
		return false;
	if (owner->index_only && strcmp(row->sha256, reply->sha256) != 0) {
		log_error("control", "capture %s: segment %s is not what was hashed: altered",
			  row->capture, row->name);
		return false;
	}
	memcpy(row->sha256, reply->sha256, sizeof(row->sha256));
	memcpy(row->index_sha256, reply->index_sha256, sizeof(row->index_sha256));
	row->index_bytes = reply->index_bytes;
	return true;
}

static void digest_on_reply(void *arg, const struct ipc_message *message)
{
	struct digest_owner *owner = arg;
	struct digest_queue *queue = owner->queue;
	struct segment_row *row = owner->slot;

	if (take_reply(owner, message)) {
		digest_commit(queue, row, row);
	} else {
		if (!queue->control->stopping && !owner->index_only)
			log_warning("control",
				    "capture %s: segment %s not hashed, trying again in 30 s",
				    row->capture, row->name);
		slot_free(queue, row);
		timer_set(queue->pause, DIGEST_PAUSE);
	}
	free(owner);
}

static bool digest_running(const struct digest_queue *queue, const struct segment_row *row)
{
	for (size_t i = 0; i < DIGESTS_RUNNING_MAX; i++)
		if (!strcmp(queue->jobs[i].capture, row->capture) &&
		    !strcmp(queue->jobs[i].name, row->name))
			return true;
	return false;
}

/* fd and index (a file for it, or negative) are put. */
static void digest_start(struct digest_queue *queue, const struct segment_row *row, int fd,
			 int index)
{
	struct digest_request request = {.with_index = 1};
	struct worker_job job = {.kind = WORKER_DIGEST, .fd = fd, .timeout = DIGEST_TIMEOUT};
	struct digest_owner *owner = xcalloc(1, sizeof(*owner));

	if (index >= 0) {
		job.second = &index;
		job.body = &request;
		job.size = sizeof(request);
	}
	owner->index_only = row->sha256[0];
	owner->queue = queue;
	owner->slot = queue->jobs;
	while (owner->slot->capture[0])
		owner->slot++;
	*owner->slot = *row;
	queue->running++;
	worker_start(&queue->control->workers, &job, digest_on_reply, owner);
}

/* A new file beside the segment, to be filled by the worker. One that is cut short by a crash does
 * not fit its segment any more and is made anew when it is wanted. */
static int index_create(int captures_fd, const struct segment_row *row)
{
	char path[IDENT_SIZE + SEGMENT_NAME_SIZE + sizeof(SEGMENT_INDEX_SUFFIX) + 1];
	int fd;

	snprintf(path, sizeof(path), "%s/%s" SEGMENT_INDEX_SUFFIX, row->capture, row->name);
	fd = openat(captures_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd < 0 ? -errno : fd;
}

static int digest_list_run(struct db *db, void *arg)
{
	struct digest_list *list = arg;

	list->count = catalogue_list_undigested(db, DIGESTS_LISTED, list->rows);
	for (int i = 0; i < list->count; i++) {
		char path[IDENT_SIZE + SEGMENT_NAME_SIZE + 1];

		snprintf(path, sizeof(path), "%s/%s", list->rows[i].capture, list->rows[i].name);
		list->fds[i] = openat(list->captures_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (list->fds[i] < 0)
			list->fds[i] = -errno;
	}
	return list->count < 0 ? list->count : 0;
}

static bool has_place(const struct digest_queue *queue, const struct segment_row *row)
{
	return queue->running < DIGESTS_RUNNING_MAX && !digest_running(queue, row);
}

static void digest_take(struct digest_queue *queue, struct segment_row *row, int fd)
{
	if (fd == -ENOENT) {
		log_warning("control", "capture %s: segment %s is gone", row->capture, row->name);
		row->missing = true;
		digest_commit(queue, row, NULL);
		return;
	}
	if (fd < 0) {
		timer_set(queue->pause, DIGEST_PAUSE);
		return;
	}
	if (has_place(queue, row))
		digest_start(queue, row, fd, index_create(queue->control->captures_fd, row));
	else
		close(fd);
}

static void digest_list_done(void *arg, int result)
{
	struct digest_list *list = arg;
	struct digest_queue *queue = list->queue;

	queue->listing = false;
	for (int i = 0; result == 0 && i < list->count; i++)
		digest_take(queue, &list->rows[i], list->fds[i]);
	free(list);
	if (queue->again)
		digest_queue_kick(queue);
}

void digest_queue_kick(struct digest_queue *queue)
{
	struct digest_list *list;

	queue->again = queue->listing;
	if (queue->listing || queue->running == DIGESTS_RUNNING_MAX || queue->control->stopping)
		return;
	queue->listing = true;
	list = xcalloc(1, sizeof(*list));
	list->queue = queue;
	list->captures_fd = queue->control->captures_fd;
	store_post(queue->control->store, STORE_READ, digest_list_run, digest_list_done, list);
}

void digest_queue_index(struct digest_queue *queue, const struct segment_row *row)
{
	char path[IDENT_SIZE + SEGMENT_NAME_SIZE + 1];
	int fd;

	if (!row->sha256[0] || !has_place(queue, row) || queue->control->stopping)
		return;
	snprintf(path, sizeof(path), "%s/%s", row->capture, row->name);
	fd = openat(queue->control->captures_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		digest_start(queue, row, fd, index_create(queue->control->captures_fd, row));
}
