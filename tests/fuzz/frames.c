/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/frames.h"

#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"

#define FRAMES_MAX 16
#define WAIT_MS	   2000

struct running {
	const struct frame_play *play;
	int socket;
};

static void *run(void *arg)
{
	const struct running *running = arg;

	running->play->run(running->socket);
	return NULL;
}

/* What the process answers is thrown away. False once it has closed its end. */
static bool drain(int peer)
{
	static struct ipc_message message;
	int r;

	while (!(r = ipc_receive(peer, &message)))
		if (message.fd >= 0)
			close(message.fd);
	return r == IPC_EMPTY;
}

static void send_frame(const struct frame_play *play, int peer, struct fuzz_input *input)
{
	static uint8_t body[IPC_SIZE_MAX];
	const struct frame_kind *kind = &play->kinds[fuzz_take(input, 1) % play->count];
	size_t size = fuzz_take(input, 1) % 8 ? kind->size : fuzz_take(input, 2) % IPC_SIZE_MAX;
	size_t given = fuzz_take(input, 2), known;

	known = given < size ? given : size;
	if (known > input->size)
		known = input->size;
	memset(body, 0, size);
	memcpy(body, input->data, known);
	input->data += known;
	input->size -= known;
	ipc_send_wait(peer, kind->type, body, (uint32_t)size, -1, WAIT_MS);
}

static void wait_read(int peer)
{
	struct pollfd nothing = {.fd = peer};
	int unread = 1;

	for (int ms = 0; ms < WAIT_MS && unread && drain(peer); ms++) {
		fuzz_check(!ioctl(peer, SIOCOUTQ, &unread));
		if (unread)
			poll(&nothing, 1, 1);
	}
}

void frames_play(const struct frame_play *play, const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct child_peer role = {.role = play->peer};
	int supervisor[2], peer[2];
	struct running running;
	pthread_t thread;

	log_open("fuzz", LOG_LEVEL_ERROR);
	fuzz_check(!ipc_pair(supervisor) && !ipc_pair(peer));
	running = (struct running){play, supervisor[1]};
	fuzz_check(!pthread_create(&thread, NULL, run, &running));
	if (play->shared >= 0)
		ipc_send_wait(supervisor[0], CHILD_SHARED, NULL, 0, play->shared, WAIT_MS);
	ipc_send_wait(supervisor[0], CHILD_PEER, &role, sizeof(role), peer[1], WAIT_MS);
	ipc_send_wait(supervisor[0], CHILD_GO, NULL, 0, -1, WAIT_MS);
	close(peer[1]);
	for (int i = 0; i < FRAMES_MAX && input.size && drain(peer[0]); i++)
		send_frame(play, peer[0], &input);
	wait_read(peer[0]);
	close(supervisor[0]);
	pthread_join(thread, NULL);
	close(peer[0]);
}
