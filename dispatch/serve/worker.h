/* SPDX-License-Identifier: Apache-2.0 */
/* Short-lived helpers of one job each: control asks the supervisor for one and talks to it over its
 * own pair. Most give exactly one answer; at most WORKER_RUNNING_MAX of these run at once, the rest
 * wait in order. A session (worker_job.heard) says and hears more before it ends; how many there
 * may be is its owner's business. */
#pragma once

#include <sys/queue.h>

#include "base/child.h"
#include "base/loop.h"

#define WORKER_RUNNING_MAX 4

struct control;

/* reply NULL: the worker could not start, died without an answer, or took too long. */
typedef void (*worker_done)(void *owner, const struct ipc_message *reply);
/* A session's worker said something. Returns 1: that was its last word and is the reply; 0: go on;
 * negative: it talks nonsense, which ends it without a reply. May take the message's descriptor. */
typedef int (*worker_heard)(void *owner, struct ipc_message *message);

struct worker {
	TAILQ_ENTRY(worker) next;
	struct control *control;
	enum worker_kind kind;
	uint32_t cookie; /* 0 = waiting for its turn */
	dur_t timeout;
	mono_t deadline; /* once asked for */
	bool paused;	 /* the supervisor had no place: asked for again when the timer fires */
	void *body;	 /* owned */
	size_t size;
	int fd;	    /* owned, or -1 */
	int second; /* owned, or -1 */
	struct ipc_link *link;
	struct ipc_message *reply;
	struct timer *timer;
	worker_done done;
	worker_heard heard; /* NULL: the first message is the answer */
	void *owner;
};

struct worker_pool {
	struct control *control;
	TAILQ_HEAD(workers, worker) workers;
	unsigned running;
	uint32_t next_cookie;
};

void worker_pool_init(struct worker_pool *pool, struct control *control);
/* Drops all jobs; their owners are told that no answer comes. */
void worker_pool_fini(struct worker_pool *pool);

/* body is copied, fd put (may be -1). The timeout counts from when the worker is asked for; that of
 * a session ends with its first message. */
struct worker_job {
	enum worker_kind kind;
	const void *body;
	size_t size;
	int fd;
	const int *second; /* put: sent behind it in a message of its own; NULL = there is none */
	dur_t timeout;
	worker_heard heard;
};
/* Borrowed until done is called. */
struct worker *worker_start(struct worker_pool *pool, const struct worker_job *job,
			    worker_done done, void *owner);
/* Says something to a session's worker that has spoken; fd stays the caller's (may be -1). */
void worker_send(struct worker *worker, uint32_t type, const void *body, size_t size, int fd);
/* Ends it at once; done is not called. Not from within `heard`. */
void worker_abort(struct worker *worker);

/* CHILD_WORKER came: socket is put, -1 = it could not start (yet). */
void worker_on_socket(struct worker_pool *pool, const struct child_worker *answer, int socket);
