/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/ipc.h"
#include "tests/unit/test.h"

static struct ipc_message message;

/* Runs one worker on fd; returns its exit status, and its answer in *reply if that is 0. */
static int run_worker(uint32_t type, size_t body_bytes, int fd, struct digest_reply *reply)
{
	char body[8] = {0};
	int ends[2], status;
	pid_t pid;

	check(!ipc_pair(ends));
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		_exit(digest_main(ends[1]));
	}
	close(ends[1]);
	check(!ipc_send(ends[0], type, body, body_bytes, fd));
	if (!ipc_receive_wait(ends[0], &message, 20000)) {
		check_int(message.type, 1);
		check(ipc_is(&message, struct digest_reply));
		memcpy(reply, message.body, sizeof(*reply));
	}
	check(waitpid(pid, &status, 0) == pid);
	close(ends[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void agrees_with_libsodium(int fd, size_t bytes)
{
	unsigned char *data = xcalloc(1, bytes + 1);
	struct digest_reply reply = {.error = 77};
	char hex[SHA256_HEX_SIZE];

	for (size_t i = 0; i < bytes; i++)
		data[i] = (unsigned char)(i * 31 + i / 251);
	check(!ftruncate(fd, 0));
	check(lseek(fd, 0, SEEK_SET) == 0);
	check(!file_write_all(fd, data, bytes));
	check_int(run_worker(1, 0, fd, &reply), 0);
	check_int(reply.error, 0);
	check_int(reply.bytes, bytes);
	check_text(reply.sha256, sha256_text(data, bytes, hex));
	free(data);
}

static void refuses_what_is_not_a_file(void)
{
	struct digest_reply reply = {0};
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY);

	check_int(run_worker(1, 0, folder, &reply), 0);
	check_int(reply.error, EINVAL);
	check_int(run_worker(1, 0, -1, &reply), 0);
	check_int(reply.error, EBADF);
	check(run_worker(2, 0, folder, &reply) != 0);
	check(run_worker(1, 4, folder, &reply) != 0);
	close(folder);
}

int main(void)
{
	char path[] = "/tmp/test_digest.XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	agrees_with_libsodium(fd, 0);
	agrees_with_libsodium(fd, 3);
	agrees_with_libsodium(fd, (3u << 20) + 17);
	refuses_what_is_not_a_file();
	close(fd);
	check(!unlink(path));
	return 0;
}
