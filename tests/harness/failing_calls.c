/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: makes chosen calls of one process fail, as told through a file that the test and
 * all processes of the daemon map (RINGBELL_FAULT names it).
 *
 * Not strace: to inject an error it makes the call number -1, which is in no seccomp list. Nothing
 * here makes a system call of its own once main runs, so the sandbox stays as it is. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum call {
	CALL_NONE,
	CALL_PWRITE,
	CALL_WRITE,
	CALL_FSYNC,
	CALL_FDATASYNC,
	CALL_FTRUNCATE,
	CALL_RENAME, /* renameat, renameat2 */
	CALL_OPEN,   /* open, openat */
	CALL_FCHMOD,
	CALL_MKDIR,
	CALL_ACCEPT,
	CALL_SOCKET,
	CALL_CONNECT,
	CALL_SEND,
	CALL_RECEIVE,
	CALL_MMAP,
	CALL_FORK,
	CALL_SOCKETPAIR,
	CALL_UNLINK,
	CALL_READ, /* pread */
};

/* tests/fault/fault_inject.py knows this order. */
struct control {
	_Atomic int32_t pid; /* whose calls fail; 0 = everybody's, -1 = nobody's */
	_Atomic int32_t call;
	_Atomic int32_t error;
	_Atomic int32_t when; /* the so-manieth call, from 1 */
	_Atomic int32_t kept; /* 1 = and all after it */
	_Atomic int32_t seen;
	_Atomic int32_t failed;
};

static struct control nobody = {.pid = -1};
static struct control *control = &nobody;
static int32_t own_pid; /* getpid is a system call, which a sandbox may not know */

static int fails(enum call call)
{
	int32_t pid = atomic_load(&control->pid), n;

	if ((pid && pid != own_pid) || atomic_load(&control->call) != (int32_t)call)
		return 0;
	n = atomic_fetch_add(&control->seen, 1) + 1;
	if (n != atomic_load(&control->when) &&
	    !(atomic_load(&control->kept) && n > atomic_load(&control->when)))
		return 0;
	atomic_fetch_add(&control->failed, 1);
	errno = atomic_load(&control->error);
	return 1;
}

/* Defines `name` with the given parameters; `failure` is what a failed one returns. */
#define FAILING(call, type, failure, name, parameters, arguments)                                  \
	static type(*real_##name) parameters;                                                      \
	type name parameters;                                                                      \
	type name parameters                                                                       \
	{                                                                                          \
		if (!real_##name)                                                                  \
			*(void **)&real_##name = dlsym(RTLD_NEXT, #name);                          \
		return fails(call) ? (failure) : real_##name arguments;                            \
	}

FAILING(CALL_PWRITE, ssize_t, -1, pwrite, (int fd, const void *data, size_t n, off_t at),
	(fd, data, n, at))
FAILING(CALL_PWRITE, ssize_t, -1, pwrite64, (int fd, const void *data, size_t n, off_t at),
	(fd, data, n, at))
FAILING(CALL_READ, ssize_t, -1, pread, (int fd, void *data, size_t n, off_t at), (fd, data, n, at))
FAILING(CALL_READ, ssize_t, -1, pread64, (int fd, void *data, size_t n, off_t at),
	(fd, data, n, at))
FAILING(CALL_WRITE, ssize_t, -1, write, (int fd, const void *data, size_t n), (fd, data, n))
FAILING(CALL_FSYNC, int, -1, fsync, (int fd), (fd))
FAILING(CALL_FDATASYNC, int, -1, fdatasync, (int fd), (fd))
FAILING(CALL_FTRUNCATE, int, -1, ftruncate, (int fd, off_t bytes), (fd, bytes))
FAILING(CALL_FTRUNCATE, int, -1, ftruncate64, (int fd, off_t bytes), (fd, bytes))
FAILING(CALL_RENAME, int, -1, renameat, (int a, const char *from, int b, const char *to),
	(a, from, b, to))
FAILING(CALL_RENAME, int, -1, renameat2,
	(int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
FAILING(CALL_UNLINK, int, -1, unlinkat, (int folder, const char *path, int flags),
	(folder, path, flags))
FAILING(CALL_FCHMOD, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
FAILING(CALL_MKDIR, int, -1, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
FAILING(CALL_ACCEPT, int, -1, accept4,
	(int fd, struct sockaddr *address, socklen_t *size, int flags), (fd, address, size, flags))
FAILING(CALL_SOCKET, int, -1, socket, (int domain, int type, int protocol),
	(domain, type, protocol))
FAILING(CALL_CONNECT, int, -1, connect, (int fd, const struct sockaddr *address, socklen_t size),
	(fd, address, size))
FAILING(CALL_SEND, ssize_t, -1, send, (int fd, const void *data, size_t n, int flags),
	(fd, data, n, flags))
FAILING(CALL_SEND, ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags),
	(fd, message, flags))
FAILING(CALL_RECEIVE, ssize_t, -1, recv, (int fd, void *data, size_t n, int flags),
	(fd, data, n, flags))
FAILING(CALL_MMAP, void *, MAP_FAILED, mmap,
	(void *at, size_t n, int protection, int flags, int fd, off_t offset),
	(at, n, protection, flags, fd, offset))
FAILING(CALL_MMAP, void *, MAP_FAILED, mmap64,
	(void *at, size_t n, int protection, int flags, int fd, off_t offset),
	(at, n, protection, flags, fd, offset))
FAILING(CALL_FORK, pid_t, -1, fork, (void), ())
FAILING(CALL_SOCKETPAIR, int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
	(domain, type, protocol, fds))

/* --- with an optional mode --- */

#define FAILING_OPEN(name, arguments)                                                              \
	static int (*real_##name)(OPEN_##name, ...);                                               \
	int name(OPEN_##name, ...);                                                                \
	int name(OPEN_##name, ...)                                                                 \
	{                                                                                          \
		mode_t mode = 0;                                                                   \
		va_list rest;                                                                      \
                                                                                                   \
		va_start(rest, flags);                                                             \
		if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)                           \
			mode = va_arg(rest, mode_t);                                               \
		va_end(rest);                                                                      \
		if (!real_##name)                                                                  \
			*(void **)&real_##name = dlsym(RTLD_NEXT, #name);                          \
		return fails(CALL_OPEN) ? -1 : real_##name arguments;                              \
	}
#define OPEN_open     const char *path, int flags
#define OPEN_open64   OPEN_open
#define OPEN_openat   int folder, const char *path, int flags
#define OPEN_openat64 OPEN_openat
FAILING_OPEN(open, (path, flags, mode))
FAILING_OPEN(open64, (path, flags, mode))
FAILING_OPEN(openat, (folder, path, flags, mode))
FAILING_OPEN(openat64, (folder, path, flags, mode))

/* --- start --- */

static void know_pid(void)
{
	own_pid = getpid();
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("RINGBELL_FAULT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	know_pid();
	pthread_atfork(NULL, NULL, know_pid);
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		control = map;
}
