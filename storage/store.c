/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/store.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/mailbox.h"
#include "storage/db_internal.h"

#define GROUP_JOBS_MAX	 64
#define GROUP_TIME_MAX	 (5 * DUR_MS)
#define CHECKPOINT_PAGES 1000 /* 4 MiB of log, SQLite's own default */

struct job {
	struct letter letter;
	enum store_job_kind kind;
	store_run run; /* NULL: the thread ends */
	store_done done;
	void *arg;
	int result;
};

struct store {
	pthread_t thread;
	struct mailbox in;  /* loop → store thread */
	struct mailbox out; /* store thread → loop: finished jobs in order */

	/* store thread, between start and join */
	struct db *db;
	struct job *next; /* taken while a group was formed, and not of it */

	/* loop */
	struct watch *watch;
	size_t under_way; /* posted, done not called yet */
};

/* --- store thread --- */

static struct job *take_job(struct store *store)
{
	struct job *job = store->next;

	store->next = NULL;
	return job ? job : (struct job *)mailbox_take(&store->in);
}

static struct job *wait_job(struct store *store)
{
	struct pollfd fd = {.fd = store->in.event_fd, .events = POLLIN};
	struct job *job;

	while (!(job = take_job(store)))
		poll(&fd, 1, -1);
	return job;
}

static void put_job(struct store *store, struct job *job)
{
	mailbox_put(&store->out, &job->letter);
}

static void run_read(struct store *store, struct job *job)
{
	int64_t changes = sqlite3_total_changes64(store->db->sqlite);

	job->result = job->run(store->db, job->arg);
	/* it would have been durable, but neither grouped nor all or nothing */
	bug_on(sqlite3_total_changes64(store->db->sqlite) != changes);
}

/* In its own savepoint. */
static void run_write(struct store *store, struct job *job)
{
	int r = db_atomic_start(store->db);

	if (!r)
		r = db_atomic_end(store->db, job->run(store->db, job->arg));
	job->result = r;
}

/* The next job, if it is a write and the group has room and time for it. An empty mailbox ends the
 * group at once: jobs gather by themselves while the disk is waited for. */
static struct job *take_member(struct store *store, size_t count, mono_t began)
{
	struct job *job;

	if (count == GROUP_JOBS_MAX || mono_sub(mono_now(), began) >= GROUP_TIME_MAX)
		return NULL;
	job = take_job(store);
	if (!job || (job->kind == STORE_WRITE && job->run))
		return job;
	store->next = job;
	return NULL;
}

/* Runs jobs until the group is full or broken (SQLite undid the transaction by itself). Returns how
 * many; *ret tells why it broke, or 0. */
static size_t run_members(struct store *store, struct job *first, struct job *members[], int *ret)
{
	mono_t began = mono_now();
	size_t count = 0;

	*ret = 0;
	for (struct job *job = first; job; job = take_member(store, count, began)) {
		members[count++] = job;
		run_write(store, job);
		if (!sqlite3_get_autocommit(store->db->sqlite))
			continue;
		*ret = job->result < 0 ? job->result : -EIO;
		break;
	}
	return count;
}

/* One transaction; its jobs' `done` are told after the commit, in order. */
static void run_group(struct store *store, struct job *first)
{
	struct job *members[GROUP_JOBS_MAX];
	size_t count = 1;
	int r = db_run(store->db, "BEGIN IMMEDIATE");

	members[0] = first;
	first->result = 0;
	if (!r)
		count = run_members(store, first, members, &r);
	if (!r)
		r = db_run(store->db, "COMMIT");
	if (r && !sqlite3_get_autocommit(store->db->sqlite))
		db_run(store->db, "ROLLBACK");
	for (size_t i = 0; i < count; i++) {
		if (r && members[i]->result >= 0)
			members[i]->result = r;
		put_job(store, members[i]);
	}
	/* after the answers: they do not wait for it. A failure (full disk) loses nothing, the log
	 * just grows until a later try succeeds */
	if (store->db->wal_pages >= CHECKPOINT_PAGES)
		db_checkpoint(store->db);
}

static void *thread_main(void *arg)
{
	struct store *store = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), "store");
	while ((job = wait_job(store))->run) {
		if (job->kind == STORE_WRITE) {
			run_group(store, job);
			continue;
		}
		run_read(store, job);
		put_job(store, job);
	}
	put_job(store, job);
	return NULL;
}

/* --- loop --- */

static void on_out(void *owner)
{
	struct store *store = owner;
	struct job *job;

	while ((job = (struct job *)mailbox_take(&store->out))) {
		store->under_way--;
		if (job->done)
			job->done(job->arg, job->result);
		free(job);
	}
}

void store_post(struct store *store, enum store_job_kind kind, store_run run, store_done done,
		void *arg)
{
	struct job *job = xmalloc(sizeof(*job));

	*job = (struct job){.kind = kind, .run = run, .done = done, .arg = arg};
	store->under_way++;
	mailbox_put(&store->in, &job->letter);
}

/* Signals are the loop's. */
static int start_thread(struct store *store)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* the last words of a thread that made a forbidden call */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&store->thread, NULL, thread_main, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void open_mailboxes(struct store *store)
{
	/* two descriptors at start: without them nothing works anyway */
	bug_on(mailbox_init(&store->in) || mailbox_init(&store->out));
}

int store_open(struct loop *loop, const char *state_folder, struct store **ret)
{
	char path[PATH_MAX];
	struct store *store;
	struct db *db;
	int r;

	if (snprintf(path, sizeof(path), "%s/ringbell.db", state_folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = db_open(path, &db);
	if (r)
		return r;
	store = xcalloc(1, sizeof(*store));
	store->db = db;
	open_mailboxes(store);
	r = start_thread(store);
	if (r) {
		mailbox_fini(&store->in);
		mailbox_fini(&store->out);
		db_close(db);
		free(store);
		return r;
	}
	store->watch = watch_new_read(loop, store->out.event_fd, on_out, store);
	watch_enable(store->watch);
	*ret = store;
	return 0;
}

struct db *store_db(struct store *store)
{
	return store->db;
}

/* Callbacks may post more: those are finished too. */
static void finish(struct store *store)
{
	struct pollfd fd = {.fd = store->out.event_fd, .events = POLLIN};

	while (store->under_way) {
		poll(&fd, 1, -1);
		on_out(store);
	}
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	finish(store);
	store_post(store, STORE_WRITE, NULL, NULL, NULL);
	pthread_join(store->thread, NULL);
	finish(store);
	watch_free(store->watch);
	mailbox_fini(&store->in);
	mailbox_fini(&store->out);
	db_checkpoint(store->db);
	db_close(store->db);
	free(store);
	return NULL;
}
