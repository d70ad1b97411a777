/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/mailbox.h"
#include "tests/unit/test.h"

#define MESSAGES 2000

struct fixture {
	struct loop *loop;
	unsigned received;
	unsigned closed;
};

static int on_message(void *owner, struct ipc_message *message)
{
	struct fixture *f = owner;

	check_int(message->type, 7);
	check(ipc_is(message, unsigned));
	check_int(*(unsigned *)message->body, f->received);
	if (++f->received == MESSAGES)
		loop_stop(f->loop);
	return 0;
}

static void on_closed(void *owner)
{
	struct fixture *f = owner;

	f->closed++;
	loop_stop(f->loop);
}

/* More messages than the socket holds are queued, arrive in order, and the end is told once. */
static void test_link(void)
{
	struct fixture f = {.loop = loop_new()}, g = {.loop = f.loop};
	struct ipc_link *a, *b;
	int fds[2];

	check(!ipc_pair(fds));
	a = ipc_link_new(f.loop, fds[0], on_message, on_closed, &f);
	b = ipc_link_new(f.loop, fds[1], on_message, on_closed, &g);
	for (unsigned i = 0; i < MESSAGES; i++)
		ipc_link_send(a, 7, &i, sizeof(i), -1);
	loop_run(f.loop);
	check_int(g.received, MESSAGES);
	a = ipc_link_free(a);
	loop_run(f.loop);
	check_int(g.closed, 1);
	b = ipc_link_free(b);
	loop_free(f.loop);
}

static void test_descriptor(void)
{
	static struct ipc_message m;
	int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	check(!ipc_pair(fds));
	check_int(ipc_receive(fds[1], &m), IPC_EMPTY);
	check(!ipc_send(fds[0], 3, "abc", 3, null));
	check(!ipc_receive_wait(fds[1], &m, 1000));
	check_int(m.type, 3);
	check_int(m.size, 3);
	check(m.fd >= 0 && fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
	close(m.fd);
	check_int(send(fds[0], "x", 1, 0), 1); /* not one of our messages */
	check(ipc_receive_wait(fds[1], &m, 1000) < 0);
	close(fds[0]);
	check_int(ipc_receive_wait(fds[1], &m, 1000), IPC_CLOSED);
	close(fds[1]);
	close(null);
}

/* What does not fit into the queue is not lost in silence: the link is dead, and its owner told. */
static void test_overflow(void)
{
	struct fixture f = {.loop = loop_new()};
	static struct ipc_message m;
	static char body[1024];
	struct ipc_link *link;
	int fds[2];

	check(!ipc_pair(fds));
	link = ipc_link_new(f.loop, fds[0], on_message, on_closed, &f);
	for (unsigned i = 0; i < 10000; i++)
		ipc_link_send(link, 7, body, sizeof(body), -1);
	check_int(f.closed, 0); /* not from inside a call of ours */
	while (!ipc_receive(fds[1], &m))
		;
	loop_run(f.loop); /* ends in on_closed */
	check_int(f.closed, 1);
	link = ipc_link_free(link);
	close(fds[1]);
	loop_free(f.loop);
}

int main(void)
{
	test_link();
	test_descriptor();
	test_overflow();
	return 0;
}
