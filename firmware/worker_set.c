/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/worker_set.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "capture/compiler.h"
#include "capture/digest.h"
#include "capture/extract.h"
#include "firmware/sandbox.h"

#define MEMORY_BYTES (256u << 20)
#define JOB_CPU	     60 /* seconds */
#define EXTRACT_CPU  3600
#define JOB_PLACES   4
#define JOB_LIFE     (10 * DUR_MIN) /* longer than any job; control gives up much earlier */

struct running {
	pid_t pid; /* 0 = free */
	enum worker_kind kind;
	mono_t started;
};

struct worker_set {
	const struct identity *identity;
	const struct process_title *title;
	enum log_level log_level;
	struct running workers[WORKER_SET_MAX];
};

struct worker_set *worker_set_new(const struct identity *identity,
				  const struct process_title *title, enum log_level log_level)
{
	struct worker_set *set = xcalloc(1, sizeof(*set));

	set->identity = identity;
	set->title = title;
	set->log_level = log_level;
	return set;
}

struct worker_set *worker_set_free(struct worker_set *set)
{
	if (!set)
		return NULL;
	for (size_t i = 0; i < WORKER_SET_MAX; i++)
		if (set->workers[i].pid)
			kill(set->workers[i].pid, SIGKILL);
	free(set);
	return NULL;
}

/* A worker that runs wild ends alone. That it writes no files is the sandbox's business: a limit of
 * zero would forbid it to log into one. */
static int limit(rlim_t cpu_seconds)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CPU, cpu_seconds},
		{RLIMIT_NPROC, 0},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{RLIMIT_AS, MEMORY_BYTES}, /* sanitizers reserve terabytes */
#endif
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit(limits[i].resource, &(struct rlimit){limits[i].most, limits[i].most}))
			return -errno;
	return 0;
}

static int compile_process(int socket, const void *config)
{
	struct sandbox_options o = {.role = SYSCALL_COMPILER};

	(void)config;
	if (limit(JOB_CPU) < 0 || compiler_limit() < 0 || sandbox_enter(&o) < 0)
		return EXIT_FAILURE;
	return compiler_main(socket);
}

static int digest_process(int socket, const void *config)
{
	struct sandbox_options o = {.role = SYSCALL_DIGEST};

	(void)config;
	return limit(JOB_CPU) < 0 || sandbox_enter(&o) < 0 ? EXIT_FAILURE : digest_main(socket);
}

static int extract_process(int socket, const void *config)
{
	struct sandbox_options o = {.role = SYSCALL_EXTRACT};

	(void)config;
	return limit(EXTRACT_CPU) < 0 || sandbox_enter(&o) < 0 ? EXIT_FAILURE
							       : extract_main(socket);
}

/* Extractions last: some places are for those that others wait for. */
static bool is_crowded(const struct worker_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < WORKER_SET_MAX; i++)
		n += set->workers[i].pid && set->workers[i].kind == WORKER_EXTRACT;
	return n >= WORKER_SET_MAX - JOB_PLACES;
}

static struct running *find_free(struct worker_set *set)
{
	for (size_t i = 0; i < WORKER_SET_MAX; i++)
		if (!set->workers[i].pid)
			return &set->workers[i];
	return NULL;
}

/* Returns the socket to the new worker, or -errno. */
static int fork_worker(struct worker_set *set, enum worker_kind kind)
{
	static const process_main mains[WORKER_KIND_COUNT] = {
		[WORKER_COMPILE] = compile_process,
		[WORKER_DIGEST] = digest_process,
		[WORKER_EXTRACT] = extract_process,
	};
	struct running *w = find_free(set);
	struct process_options p = {
		.name = "worker",
		.identity = set->identity,
		.title = set->title,
		.log_level = set->log_level,
		.main = mains[kind],
	};
	int ends[2], r;

	if (!w || (kind == WORKER_EXTRACT && is_crowded(set)))
		return -EAGAIN;
	r = ipc_pair(ends);
	if (r < 0)
		return r;
	p.socket = ends[1];
	r = process_start(&p, &w->pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	w->kind = kind;
	w->started = mono_now();
	return ends[0];
}

int worker_set_start(struct worker_set *set, const struct child_worker *request,
		     struct ipc_link *control)
{
	int socket;

	if (request->kind >= WORKER_KIND_COUNT)
		return -EBADMSG;
	socket = fork_worker(set, request->kind);
	if (socket < 0)
		log_warning("supervisor", "no worker for control: %s", strerrordesc_np(-socket));
	ipc_link_send(control, CHILD_WORKER, request, sizeof(*request), socket < 0 ? -1 : socket);
	if (socket >= 0)
		close(socket);
	return 0;
}

void worker_set_on_ended(struct worker_set *set, pid_t pid)
{
	for (size_t i = 0; i < WORKER_SET_MAX; i++)
		if (set->workers[i].pid == pid)
			set->workers[i].pid = 0;
}

void worker_set_check(struct worker_set *set)
{
	for (size_t i = 0; i < WORKER_SET_MAX; i++) {
		const struct running *w = &set->workers[i];

		/* a download takes as long as its client, and ends with control's end */
		if (w->pid && w->kind != WORKER_EXTRACT &&
		    mono_sub(mono_now(), w->started) > JOB_LIFE)
			kill(w->pid, SIGKILL);
	}
}
