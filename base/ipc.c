/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define QUEUE_MAX 4096

struct ipc_header {
	uint32_t type;
	uint32_t size;
};

struct queued {
	STAILQ_ENTRY(queued) next;
	uint32_t type;
	uint32_t size;
	int fd; /* our own duplicate, or -1 */
	unsigned char body[];
};

struct ipc_link {
	int socket;
	struct watch *read_watch;
	struct watch *write_watch;
	ipc_on_message on_message;
	ipc_on_closed on_closed;
	void *owner;
	STAILQ_HEAD(, queued) queue;
	unsigned queued;
	bool dead;
	bool broken; /* to die as soon as the loop comes to it */
	struct ipc_message message;
};

int ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) ? -errno
											  : 0;
}

int ipc_send(int socket, uint32_t type, const void *body, size_t size, int fd)
{
	struct ipc_header header = {type, (uint32_t)size};
	struct iovec iov[] = {{&header, sizeof(header)}, {(void *)body, size}};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (size > IPC_SIZE_MAX)
		return -EMSGSIZE;
	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	while (sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		/* no memory now: the same as no room, nothing was sent */
		if (errno == ENOBUFS || errno == ENOMEM)
			return -EAGAIN;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Waits for events on socket until the deadline. Returns 0 or -ETIMEDOUT/-errno. */
static int wait_until(int socket, short events, mono_t deadline)
{
	struct pollfd p = {.fd = socket, .events = events};
	dur_t left = mono_sub(deadline, mono_now());
	int r = poll(&p, 1, left > 0 ? (int)(left / DUR_MS) + 1 : 0);

	if (r < 0 && errno != EINTR)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int ipc_send_wait(int socket, uint32_t type, const void *body, size_t size, int fd, int timeout_ms)
{
	mono_t deadline = mono_add(mono_now(), timeout_ms * DUR_MS);
	int r;

	while ((r = ipc_send(socket, type, body, size, fd)) == -EAGAIN) {
		r = wait_until(socket, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_descriptor(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int ipc_receive(int socket, struct ipc_message *ret)
{
	struct ipc_header header;
	struct iovec iov[] = {{&header, sizeof(header)}, {ret->body, sizeof(ret->body)}};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	/* CMSG_LEN: the padding of CMSG_SPACE has room for a second descriptor */
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = control.space,
			     .msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return IPC_EMPTY;
	if (n < 0)
		return errno == ECONNRESET ? IPC_CLOSED : -errno;
	/* an empty message looks like the end, and may carry a descriptor */
	ret->fd = take_descriptor(&msg);
	if ((size_t)n < sizeof(header) || (size_t)n != sizeof(header) + header.size ||
	    msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (ret->fd >= 0)
			close(ret->fd);
		return n ? -EBADMSG : IPC_CLOSED;
	}
	ret->type = header.type;
	ret->size = header.size;
	return 0;
}

int ipc_receive_wait(int socket, struct ipc_message *ret, int timeout_ms)
{
	mono_t deadline = mono_add(mono_now(), timeout_ms * DUR_MS);
	int r;

	while ((r = ipc_receive(socket, ret)) == IPC_EMPTY) {
		r = wait_until(socket, POLLIN, deadline);
		if (r < 0)
			return r;
	}
	return r;
}

static void link_die(struct ipc_link *link)
{
	if (link->dead)
		return;
	link->dead = true;
	link->read_watch = watch_free(link->read_watch);
	link->write_watch = watch_free(link->write_watch);
	if (link->on_closed)
		link->on_closed(link->owner);
}

#define MESSAGES_PER_TURN 64 /* so that one chatty peer does not starve the loop */

static void on_readable(void *owner)
{
	struct ipc_link *link = owner;

	for (int i = 0; i < MESSAGES_PER_TURN && !link->dead; i++) {
		int r = ipc_receive(link->socket, &link->message);

		if (r == IPC_EMPTY)
			return;
		if (r == 0) {
			r = link->on_message(link->owner, &link->message);
			if (link->message.fd >= 0)
				close(link->message.fd);
		}
		if (r != 0) {
			link_die(link);
			return;
		}
	}
}

static void queue_drop(struct ipc_link *link)
{
	struct queued *q = STAILQ_FIRST(&link->queue);

	STAILQ_REMOVE_HEAD(&link->queue, next);
	link->queued--;
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

static void on_writable(void *owner)
{
	struct ipc_link *link = owner;
	struct queued *q;

	if (link->broken) {
		link_die(link);
		return;
	}
	while ((q = STAILQ_FIRST(&link->queue))) {
		int r = ipc_send(link->socket, q->type, q->body, q->size, q->fd);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			link_die(link);
			return;
		}
		queue_drop(link);
	}
	watch_disable(link->write_watch);
}

struct ipc_link *ipc_link_new(struct loop *loop, int socket, ipc_on_message on_message,
			      ipc_on_closed on_closed, void *owner)
{
	struct ipc_link *link = xcalloc(1, sizeof(*link));

	link->socket = socket;
	link->on_message = on_message;
	link->on_closed = on_closed;
	link->owner = owner;
	STAILQ_INIT(&link->queue);
	link->read_watch = watch_new_read(loop, socket, on_readable, link);
	link->write_watch = watch_new_write(loop, socket, on_writable, link);
	watch_enable(link->read_watch);
	return link;
}

struct ipc_link *ipc_link_free(struct ipc_link *link)
{
	if (!link)
		return NULL;
	watch_free(link->read_watch);
	watch_free(link->write_watch);
	while (!STAILQ_EMPTY(&link->queue))
		queue_drop(link);
	close(link->socket);
	free(link);
	return NULL;
}

static int enqueue(struct ipc_link *link, uint32_t type, const void *body, size_t size, int fd)
{
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	struct queued *q;

	if (fd >= 0 && copy < 0)
		return -errno;
	q = xmalloc(sizeof(*q) + size);
	q->type = type;
	q->size = (uint32_t)size;
	q->fd = copy;
	if (size)
		memcpy(q->body, body, size);
	STAILQ_INSERT_TAIL(&link->queue, q, next);
	link->queued++;
	watch_enable(link->write_watch);
	return 0;
}

void ipc_link_send(struct ipc_link *link, uint32_t type, const void *body, size_t size, int fd)
{
	int r = -EAGAIN;

	if (!link || link->dead || link->broken)
		return;
	if (STAILQ_EMPTY(&link->queue))
		r = ipc_send(link->socket, type, body, size, fd);
	if (r == -EAGAIN && link->queued < QUEUE_MAX)
		r = enqueue(link, type, body, size, fd);
	if (r == 0)
		return;
	/* a message is lost: the link dies, but from the loop, not under its owner's hands */
	link->broken = true;
	watch_enable(link->write_watch);
}
