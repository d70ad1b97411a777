/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's ring. The socket itself is closed before the first packet is looked at: in hand it
 * could be bound elsewhere or inject frames, while mapping and epoll work on without it (the
 * supervisor keeps the socket open). */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "capture/source.h"

static void afpacket_close(struct source *source)
{
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
	CLEANUP(afpacket_close_ptr) struct source *source = xcalloc(1, sizeof(*source));
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
	(void)source; /* the kernel runs already */
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
