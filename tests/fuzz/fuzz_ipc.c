/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram from another process of ours that somebody has taken over: one byte of how many
 * descriptors it carries, then its bytes, header included. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ipc.h"
#include "tests/fuzz/fuzz.h"

#define DESCRIPTORS_MAX 5

static struct ipc_message message;

/* The lowest free descriptor: higher than before, if one was left open. */
static int lowest_free(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	fuzz_check(fd >= 0);
	close(fd);
	return fd;
}

static void send_raw(int socket, const struct fuzz_input *input, size_t descriptors)
{
	struct iovec iov = {(void *)input->data, input->size};
	union {
		char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[DESCRIPTORS_MAX] = {socket, socket, socket, socket, socket};

	if (descriptors) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		memcpy(CMSG_DATA(c), fds, descriptors * sizeof(int));
	}
	fuzz_check(sendmsg(socket, &msg, MSG_NOSIGNAL) == (ssize_t)input->size);
}

static void check_message(const struct fuzz_input *input, size_t descriptors)
{
	fuzz_check(message.size <= IPC_SIZE_MAX && input->size == message.size + 8);
	fuzz_check(!memcmp(message.body, input->data + 8, message.size));
	fuzz_check(descriptors <= 1 && (message.fd >= 0) == (descriptors == 1));
	if (message.fd >= 0) {
		fuzz_check(fcntl(message.fd, F_GETFD) & FD_CLOEXEC);
		close(message.fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	size_t descriptors = fuzz_take(&input, 1) % (DESCRIPTORS_MAX + 1);
	int fds[2], lowest, r;

	fuzz_check(!ipc_pair(fds));
	lowest = lowest_free();
	send_raw(fds[0], &input, descriptors);
	r = ipc_receive(fds[1], &message);
	fuzz_check(r == 0 || r == (input.size ? -EBADMSG : IPC_CLOSED));
	if (!r)
		check_message(&input, descriptors);
	fuzz_check(lowest_free() == lowest);
	fuzz_check(ipc_receive(fds[1], &message) == IPC_EMPTY);
	close(fds[0]);
	fuzz_check(ipc_receive(fds[1], &message) == IPC_CLOSED);
	close(fds[1]);
	return 0;
}
