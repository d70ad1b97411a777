/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"

#define WORKER_MESSAGE 1 /* type of the job and of its answer */
/* The supervisor counts workers until they are dead, which takes longer than their answer. */
#define WORKER_PAUSE (100 * DUR_MS)

static void worker_kick(struct worker_pool *pool);

void worker_pool_init(struct worker_pool *pool, struct control *control)
{
	pool->control = control;
	pool->running = 0;
	pool->next_cookie = 1;
	TAILQ_INIT(&pool->workers);
}

static void worker_free(struct worker *worker)
{
	ipc_link_free(worker->link);
	timer_free(worker->timer);
	if (worker->fd >= 0)
		close(worker->fd);
	if (worker->second >= 0)
		close(worker->second);
	free(worker->body);
	free(worker->reply);
	free(worker);
}

void worker_pool_fini(struct worker_pool *pool)
{
	struct worker *worker;

	while ((worker = TAILQ_FIRST(&pool->workers))) {
		TAILQ_REMOVE(&pool->workers, worker, next);
		worker->done(worker->owner, NULL);
		worker_free(worker);
	}
}

static void worker_remove(struct worker *worker)
{
	struct worker_pool *pool = &worker->control->workers;

	TAILQ_REMOVE(&pool->workers, worker, next);
	if (worker->cookie && !worker->heard)
		pool->running--;
}

/* The one end of every worker that was asked for. */
static void worker_finish(struct worker *worker)
{
	static const char *const names[WORKER_KIND_COUNT] = {"compile", "digest", "extract"};
	struct worker_pool *pool = &worker->control->workers;

	worker_remove(worker);
	if (!worker->reply)
		log_warning("control", "worker %u (%s) gave no answer", worker->cookie,
			    names[worker->kind]);
	worker->done(worker->owner, worker->reply);
	worker_free(worker);
	worker_kick(pool);
}

void worker_abort(struct worker *worker)
{
	struct worker_pool *pool = &worker->control->workers;

	worker_remove(worker);
	worker_free(worker);
	worker_kick(pool);
}

void worker_send(struct worker *worker, uint32_t type, const void *body, size_t size, int fd)
{
	ipc_link_send(worker->link, type, body, size, fd);
}

static void worker_request(struct worker *worker)
{
	struct worker_pool *pool = &worker->control->workers;
	struct child_worker request = {.kind = worker->kind};

	worker->cookie = pool->next_cookie++;
	if (!pool->next_cookie)
		pool->next_cookie = 1;
	request.cookie = worker->cookie;
	worker->paused = false;
	timer_set(worker->timer, mono_sub(worker->deadline, mono_now()));
	ipc_link_send(worker->control->supervisor, CHILD_WORKER_REQUEST, &request, sizeof(request),
		      -1);
}

static void worker_on_timeout(void *owner)
{
	struct worker *worker = owner;

	if (worker->paused)
		worker_request(worker);
	else
		worker_finish(worker);
}

static void worker_on_refused(struct worker *worker)
{
	if (mono_sub(worker->deadline, mono_now()) <= WORKER_PAUSE) {
		worker_finish(worker);
		return;
	}
	worker->paused = true;
	timer_set(worker->timer, WORKER_PAUSE);
}

/* The last word is the answer: the link is closed by the positive return. */
static int worker_on_message(void *owner, struct ipc_message *message)
{
	struct worker *worker = owner;
	int r = 1;

	timer_unset(worker->timer);
	if (worker->heard)
		r = worker->heard(worker->owner, message);
	if (r == 0)
		return 0;
	if (worker->heard ? r > 0 : message->type == WORKER_MESSAGE)
		worker->reply =
			xmemdup(message, offsetof(struct ipc_message, body) + message->size);
	return 1;
}

static void worker_on_closed(void *owner)
{
	worker_finish(owner);
}

static void worker_ask(struct worker_pool *pool, struct worker *worker)
{
	if (!worker->heard)
		pool->running++;
	worker->timer = timer_new(pool->control->loop, worker_on_timeout, worker);
	worker->deadline = mono_add(mono_now(), worker->timeout);
	worker_request(worker);
}

static void worker_kick(struct worker_pool *pool)
{
	struct worker *worker;

	TAILQ_FOREACH (worker, &pool->workers, next)
		if (!worker->cookie && (worker->heard || pool->running < WORKER_RUNNING_MAX))
			worker_ask(pool, worker);
}

struct worker *worker_start(struct worker_pool *pool, const struct worker_job *job,
			    worker_done done, void *owner)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));

	worker->control = pool->control;
	worker->kind = job->kind;
	worker->timeout = job->timeout;
	worker->body = job->size ? xmemdup(job->body, job->size) : NULL;
	worker->size = job->size;
	worker->fd = job->fd;
	worker->second = job->second ? *job->second : -1;
	worker->done = done;
	worker->heard = job->heard;
	worker->owner = owner;
	TAILQ_INSERT_TAIL(&pool->workers, worker, next);
	worker_kick(pool);
	return worker;
}

static struct worker *worker_find(struct worker_pool *pool, uint32_t cookie)
{
	struct worker *worker;

	TAILQ_FOREACH (worker, &pool->workers, next)
		if (cookie && worker->cookie == cookie)
			return worker;
	return NULL;
}

void worker_on_socket(struct worker_pool *pool, const struct child_worker *answer, int socket)
{
	struct worker *worker = worker_find(pool, answer->cookie);

	if (!worker || worker->link) { /* it took too long and was given up */
		if (socket >= 0)
			close(socket);
		return;
	}
	if (socket < 0) {
		worker_on_refused(worker);
		return;
	}
	worker->link = ipc_link_new(pool->control->loop, socket, worker_on_message,
				    worker_on_closed, worker);
	ipc_link_send(worker->link, WORKER_MESSAGE, worker->body, worker->size, worker->fd);
	if (worker->second >= 0)
		ipc_link_send(worker->link, WORKER_MESSAGE, NULL, 0, worker->second);
}
