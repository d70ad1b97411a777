/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define STACK_BYTES (512 * 1024)
#define IDLE_S	    10

struct crew {
	struct loop *loop;
	struct watch *watch;
	struct mailbox finished;
	bool ending; /* loop thread */
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t gone; /* a thread has ended */
	/* shared, under lock */
	TAILQ_HEAD(, crew_job) waiting;
	const struct crew_job *running[CREW_THREADS_MAX];
	unsigned threads, idle;
	bool stop;
};

static unsigned lane_count(const struct crew *crew, const char *lane)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CREW_THREADS_MAX; i++)
		count += crew->running[i] && !strcmp(crew->running[i]->lane, lane);
	return count;
}

/* The oldest whose lane has room. Under lock. */
static struct crew_job *take_job(struct crew *crew)
{
	struct crew_job *job;

	TAILQ_FOREACH (job, &crew->waiting, next) {
		if (lane_count(crew, job->lane) >= CREW_LANE_MAX)
			continue;
		TAILQ_REMOVE(&crew->waiting, job, next);
		return job;
	}
	return NULL;
}

/* Under lock. False: time to end. */
static bool wait_for_work(struct crew *crew)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_S;
	crew->idle++;
	r = pthread_cond_timedwait(&crew->work, &crew->lock, &until);
	crew->idle--;
	/* a job may have been put, and its signal lost, while a timed-out wait got its lock back */
	return !crew->stop && (!r || !TAILQ_EMPTY(&crew->waiting));
}

static unsigned free_place(const struct crew *crew)
{
	unsigned i = 0;

	while (i < CREW_THREADS_MAX && crew->running[i])
		i++;
	return i;
}

static void run_job(struct crew *crew, struct crew_job *job)
{
	unsigned place = free_place(crew);

	bug_on(place == CREW_THREADS_MAX);
	crew->running[place] = job;
	pthread_mutex_unlock(&crew->lock);
	job->run(job);
	pthread_mutex_lock(&crew->lock);
	crew->running[place] = NULL;
	mailbox_put(&crew->finished, &job->letter);
	pthread_cond_signal(&crew->work); /* its lane has room again */
}

static void *thread_main(void *owner)
{
	struct crew *crew = owner;
	struct crew_job *job;

	pthread_mutex_lock(&crew->lock);
	do {
		while (!crew->stop && (job = take_job(crew)))
			run_job(crew, job);
	} while (!crew->stop && wait_for_work(crew));
	crew->threads--;
	pthread_cond_signal(&crew->gone);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* Under lock. Without a thread the job waits for one of those that are there. */
static void add_thread(struct crew *crew)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &attributes, thread_main, crew))
		crew->threads++;
	pthread_attr_destroy(&attributes);
}

static unsigned count_waiting(const struct crew *crew)
{
	const struct crew_job *job;
	unsigned n = 0;

	TAILQ_FOREACH (job, &crew->waiting, next)
		n++;
	return n;
}

void crew_put(struct crew *crew, struct crew_job *job)
{
	pthread_mutex_lock(&crew->lock);
	TAILQ_INSERT_TAIL(&crew->waiting, job, next);
	if (crew->idle < count_waiting(crew) && crew->threads < CREW_THREADS_MAX)
		add_thread(crew);
	pthread_cond_signal(&crew->work);
	pthread_mutex_unlock(&crew->lock);
}

static void on_finished(void *owner)
{
	struct crew *crew = owner;
	struct letter *letter;

	while ((letter = mailbox_take(&crew->finished))) {
		struct crew_job *job = (struct crew_job *)letter;

		job->done(job);
	}
}

int crew_is_ending(const struct crew *crew)
{
	return crew->ending;
}

struct crew *crew_new(struct loop *loop)
{
	struct crew *crew = xcalloc(1, sizeof(*crew));

	crew->loop = loop;
	TAILQ_INIT(&crew->waiting);
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->work, NULL);
	pthread_cond_init(&crew->gone, NULL);
	bug_on(mailbox_init(&crew->finished));
	crew->watch = watch_new_read(loop, crew->finished.event_fd, on_finished, crew);
	watch_enable(crew->watch);
	return crew;
}

struct crew *crew_free(struct crew *crew)
{
	struct crew_job *job;

	if (!crew)
		return NULL;
	crew->ending = true;
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	pthread_cond_broadcast(&crew->work);
	while (crew->threads)
		pthread_cond_wait(&crew->gone, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
	on_finished(crew);
	while ((job = TAILQ_FIRST(&crew->waiting))) {
		TAILQ_REMOVE(&crew->waiting, job, next);
		job->done(job);
	}
	watch_free(crew->watch);
	mailbox_fini(&crew->finished);
	pthread_cond_destroy(&crew->gone);
	pthread_cond_destroy(&crew->work);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
	return NULL;
}
