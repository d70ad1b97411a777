/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's ring. The socket itself is closed before the first packet is looked at: in hand it
 * could be bound elsewhere or inject frames, while mapping and epoll work on without it (the
 * supervisor keeps the socket open). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "capture/source.h"

#define PAGE 4096

struct afpacket {
	struct source source;
	pthread_t warmer;
	int warming; /* the thread was started */
	_Atomic int stop;
};

/* The first look at each page costs a fault, in virtual machines (shadowed page tables) many times
 * what the packets in it cost. Better now than while a capture reads them. */
static void *warm(void *arg)
{
	struct afpacket *a = arg;
	const volatile unsigned char *memory = a->source.memory;

	pthread_setname_np(pthread_self(), "warmer");
	for (size_t at = 0; at < a->source.bytes; at += PAGE) {
		if (atomic_load_explicit(&a->stop, memory_order_relaxed))
			break;
		(void)memory[at];
	}
	return NULL;
}

static void start_warmer(struct afpacket *a)
{
	sigset_t all, old;

	/* signals are the main thread's */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* the last words of a thread that made a forbidden call */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* without it everything works, only slower at first */
	a->warming = !pthread_create(&a->warmer, NULL, warm, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void afpacket_close(struct source *source)
{
	struct afpacket *a = (struct afpacket *)source;

	atomic_store(&a->stop, 1);
	if (a->warming)
		pthread_join(a->warmer, NULL);
	source_unmap(source);
	if (source->wake_fd >= 0)
		close(source->wake_fd);
	free(source);
}

DEFINE_CLEANUP(struct source *, afpacket_close)

/* Edge-triggered: as long as a retired block is held the socket is readable all the time. The loop
 * watches the epoll descriptor instead, and stops watching it where wake-ups are paced. */
static int watch_socket(struct source *source, int socket)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	source->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (source->wake_fd < 0 || epoll_ctl(source->wake_fd, EPOLL_CTL_ADD, socket, &event))
		return -errno;
	return 0;
}

static int afpacket_open(const struct source_options *options, struct source **ret)
{
	CLEANUP_CLOSE int socket = options->descriptor;
	CLEANUP(afpacket_close_ptr) struct source *source = xcalloc(1, sizeof(struct afpacket));
	int r;

	source->ops = &source_afpacket;
	source->wake_fd = -1;
	if (options->file >= 0)
		close(options->file);
	r = source_map(source, socket,
		       (size_t)options->ring->block_bytes * options->ring->block_count);
	if (!r)
		r = watch_socket(source, socket);
	if (!r)
		*ret = take_ptr(source);
	return r;
}

static int afpacket_start(struct source *source)
{
	start_warmer((struct afpacket *)source); /* the kernel runs already */
	return 0;
}

static void afpacket_clear(struct source *source)
{
	struct epoll_event event;

	(void)epoll_wait(source->wake_fd, &event, 1, 0);
}

const struct source_ops source_afpacket = {
	.name = "packet socket",
	.open = afpacket_open,
	.start = afpacket_start,
	.clear = afpacket_clear,
	.close = afpacket_close,
};
