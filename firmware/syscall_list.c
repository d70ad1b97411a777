/* SPDX-License-Identifier: Apache-2.0 */
/* The lists fit glibc 2.36 (Debian 12) and the libraries there. Newer ones may need more: the
 * message of the process that died names the call. */
#include "firmware/syscall_list.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	REC = 1 << SYSCALL_RECORDER,
	CTL = 1 << SYSCALL_CONTROL,
	COU = 1 << SYSCALL_COURIER,
	CMP = 1 << SYSCALL_COMPILER,
	DIG = 1 << SYSCALL_DIGEST,
	EXT = 1 << SYSCALL_EXTRACT,
	SUP = 1 << SYSCALL_SUPERVISOR,
	WORKERS = CMP | DIG | EXT,
	DAEMONS = REC | CTL | COU,
	ALL = DAEMONS | WORKERS | SUP,
};

struct plain {
	int call;
	unsigned roles; /* the supervisor has all of them anyway */
};

static const struct plain plain[] = {
	/* a process that computes and has memory */
	{SCMP_SYS(brk), ALL},
	{SCMP_SYS(munmap), ALL},
	{SCMP_SYS(mremap), ALL},
	{SCMP_SYS(madvise), ALL},
	{SCMP_SYS(getrandom), ALL},
	{SCMP_SYS(clock_gettime), ALL}, /* these four: where the vDSO cannot answer */
	{SCMP_SYS(clock_getres), ALL},
	{SCMP_SYS(gettimeofday), ALL},
	{SCMP_SYS(time), ALL},
	{SCMP_SYS(exit), ALL},
	{SCMP_SYS(exit_group), ALL},
	/* its signals */
	{SCMP_SYS(rt_sigaction), ALL},
	{SCMP_SYS(rt_sigprocmask), ALL},
	{SCMP_SYS(rt_sigreturn), ALL},
	{SCMP_SYS(sigaltstack), ALL},
	{SCMP_SYS(restart_syscall), ALL},
	{SCMP_SYS(getpid), ALL},
	{SCMP_SYS(gettid), ALL},
	{SCMP_SYS(getppid), ALL},
	/* open descriptors */
	{SCMP_SYS(read), ALL},
	{SCMP_SYS(readv), ALL},
	{SCMP_SYS(pread64), ALL},
	{SCMP_SYS(write), ALL},
	{SCMP_SYS(writev), ALL},
	{SCMP_SYS(lseek), ALL},
	{SCMP_SYS(close), ALL},
	{SCMP_SYS(fstat), ALL},
	{SCMP_SYS(poll), ALL},
	{SCMP_SYS(ppoll), ALL},
	{SCMP_SYS(sendmsg), ALL}, /* IPC is sockets that exist */
	{SCMP_SYS(recvmsg), ALL},
	{SCMP_SYS(fadvise64), REC | CTL | DIG},
	/* threads */
	{SCMP_SYS(futex), ALL},
	{SCMP_SYS(sched_yield), ALL},
	{SCMP_SYS(set_robust_list), DAEMONS},
	{SCMP_SYS(rseq), DAEMONS},
	{SCMP_SYS(membarrier), DAEMONS},
	{SCMP_SYS(sched_getaffinity), ALL},
	{SCMP_SYS(sched_getparam), DAEMONS},
	{SCMP_SYS(sched_getscheduler), DAEMONS},
	{SCMP_SYS(getcpu), ALL},
	{SCMP_SYS(nanosleep), DAEMONS},
	{SCMP_SYS(clock_nanosleep), DAEMONS},
	/* event loops */
	{SCMP_SYS(epoll_create1), DAEMONS},
	{SCMP_SYS(epoll_ctl), DAEMONS},
	{SCMP_SYS(epoll_wait), DAEMONS},
	{SCMP_SYS(epoll_pwait), DAEMONS},
	{SCMP_SYS(epoll_pwait2), DAEMONS},
	{SCMP_SYS(eventfd2), DAEMONS},
	{SCMP_SYS(pipe2), DAEMONS},
	{SCMP_SYS(pipe), COU}, /* librdkafka */
	{SCMP_SYS(timerfd_create), DAEMONS},
	{SCMP_SYS(timerfd_settime), DAEMONS},
	{SCMP_SYS(timerfd_gettime), DAEMONS},
	/* finding files (Landlock says which) */
	{SCMP_SYS(openat), DAEMONS},
	{SCMP_SYS(newfstatat), DAEMONS},
	{SCMP_SYS(statx), DAEMONS},
	{SCMP_SYS(getdents64), DAEMONS},
	{SCMP_SYS(fstatfs), DAEMONS},
	{SCMP_SYS(open), CTL | COU},
	{SCMP_SYS(stat), CTL | COU},
	{SCMP_SYS(lstat), CTL | COU},
	{SCMP_SYS(access), CTL | COU},
	{SCMP_SYS(faccessat), CTL | COU},
	{SCMP_SYS(faccessat2), CTL | COU},
	{SCMP_SYS(readlink), CTL | COU},
	{SCMP_SYS(readlinkat), CTL | COU},
	{SCMP_SYS(getcwd), CTL | COU},
	{SCMP_SYS(statfs), CTL},
	/* changing files */
	{SCMP_SYS(pwrite64), REC | CTL},
	{SCMP_SYS(pwritev), REC | CTL},
	{SCMP_SYS(pwritev2), REC | CTL},
	{SCMP_SYS(ftruncate), REC | CTL},
	{SCMP_SYS(fallocate), REC | CTL},
	{SCMP_SYS(sync_file_range), REC | CTL},
	{SCMP_SYS(fsync), REC | CTL},
	{SCMP_SYS(fdatasync), REC | CTL | EXT},
	{SCMP_SYS(rename), REC | CTL},
	{SCMP_SYS(renameat), REC | CTL},
	{SCMP_SYS(renameat2), REC | CTL},
	{SCMP_SYS(unlink), REC | CTL},
	{SCMP_SYS(unlinkat), REC | CTL},
	{SCMP_SYS(fchmod), REC | CTL},
	{SCMP_SYS(chmod), CTL},
	{SCMP_SYS(fchmodat), CTL},
	{SCMP_SYS(mkdir), CTL},
	{SCMP_SYS(mkdirat), CTL},
	{SCMP_SYS(rmdir), CTL},
	{SCMP_SYS(fchown), CTL}, /* SQLite gives its log the owner of its database */
	{SCMP_SYS(flock), CTL},
	{SCMP_SYS(umask), CTL},
	{SCMP_SYS(msync), CTL},
	{SCMP_SYS(sendfile), CTL},
	/* the clock's state, for manifests; to change it takes a capability nobody has */
	{SCMP_SYS(adjtimex), CTL},
	{SCMP_SYS(clock_adjtime), CTL},
	/* the HTTP server */
	{SCMP_SYS(listen), CTL},
	{SCMP_SYS(accept), CTL},
	{SCMP_SYS(accept4), CTL},
	/* either end of a connection */
	{SCMP_SYS(bind), CTL | COU}, /* courier: the resolver's netlink socket */
	{SCMP_SYS(getsockname), CTL | COU},
	{SCMP_SYS(getpeername), CTL | COU},
	{SCMP_SYS(getsockopt), CTL | COU},
	{SCMP_SYS(setsockopt), CTL | COU},
	{SCMP_SYS(shutdown), CTL | COU},
	{SCMP_SYS(sendto), CTL | COU},
	{SCMP_SYS(recvfrom), CTL | COU},
	/* the HTTP client and the resolver */
	{SCMP_SYS(connect), COU},
	{SCMP_SYS(sendmmsg), COU},
	{SCMP_SYS(recvmmsg), COU},
	{SCMP_SYS(select), COU},
	{SCMP_SYS(pselect6), COU},
	/* what libraries want to know */
	{SCMP_SYS(getuid), DAEMONS},
	{SCMP_SYS(geteuid), DAEMONS},
	{SCMP_SYS(getgid), DAEMONS},
	{SCMP_SYS(getegid), DAEMONS},
	{SCMP_SYS(getrusage), DAEMONS},
	{SCMP_SYS(sysinfo), DAEMONS},
	{SCMP_SYS(uname), CTL | COU},
	/* how long and how much a worker may */
	{SCMP_SYS(setitimer), CMP},
	{SCMP_SYS(setpriority), DIG | EXT},
	/* making children and handing them things */
	{SCMP_SYS(clone), SUP},
	{SCMP_SYS(wait4), SUP},
	{SCMP_SYS(waitid), SUP},
	{SCMP_SYS(kill), SUP},
	{SCMP_SYS(tgkill), SUP},
	{SCMP_SYS(signalfd4), SUP},
	{SCMP_SYS(socketpair), SUP},
	{SCMP_SYS(dup2), SUP},
	{SCMP_SYS(dup3), SUP},
	{SCMP_SYS(close_range), SUP},
	{SCMP_SYS(memfd_create), SUP | CTL}, /* CTL: a filter for the recorder */
	{SCMP_SYS(mmap), SUP},
	{SCMP_SYS(mprotect), SUP},
	{SCMP_SYS(fcntl), SUP},
	{SCMP_SYS(ioctl), SUP},
	{SCMP_SYS(socket), SUP},
	{SCMP_SYS(prctl), SUP},
	{SCMP_SYS(prlimit64), SUP},
	{SCMP_SYS(getrlimit), SUP},
	{SCMP_SYS(setrlimit), SUP},
	{SCMP_SYS(set_tid_address), SUP},
	/* making children less than itself */
	{SCMP_SYS(setgroups), SUP},
	{SCMP_SYS(setresgid), SUP},
	{SCMP_SYS(setresuid), SUP},
	{SCMP_SYS(chown), SUP}, /* control's unix socket, before it shuts itself in */
	{SCMP_SYS(capget), SUP},
	{SCMP_SYS(capset), SUP},
	{SCMP_SYS(seccomp), SUP},
	{SCMP_SYS(landlock_create_ruleset), SUP},
	{SCMP_SYS(landlock_add_rule), SUP},
	{SCMP_SYS(landlock_restrict_self), SUP},
};

/* Tried by libraries that go on without. */
static const struct {
	int call;
	unsigned roles;
	int error;
} refused[] = {
	/* glibc falls back to clone, whose flags a filter can look at */
	{SCMP_SYS(clone3), ALL, ENOSYS},
	/* pthread_create blocks the signal that would tell */
	{SCMP_SYS(clone), WORKERS, EPERM},
	/* libpcap looks for names, OpenSSL for its configuration: there are none */
	{SCMP_SYS(openat), WORKERS, EACCES},
	{SCMP_SYS(open), WORKERS, EACCES},
	{SCMP_SYS(stat), WORKERS, EACCES},
	{SCMP_SYS(access), WORKERS, EACCES},
	{SCMP_SYS(readlink), WORKERS, EACCES},
	{SCMP_SYS(uname), WORKERS, EACCES},
	{SCMP_SYS(sysinfo), WORKERS, EACCES},
	{SCMP_SYS(socket), WORKERS, EACCES},
};

/* Allowed only if (argument & mask) == value. */
struct conditional {
	int call;
	unsigned roles;
	unsigned argument;
	uint64_t mask, value;
};

#define EXACTLY UINT64_MAX
#define COMMAND UINT32_MAX /* the kernel looks at 32 bits of it */

static const struct conditional conditional[] = {
	/* memory is written or executed, never both one after the other; only the resolver loads
	 * modules */
	{SCMP_SYS(mmap), REC | CTL | WORKERS, 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), REC | CTL | WORKERS, 2, PROT_EXEC, 0},
	{SCMP_SYS(mmap), COU, 2, PROT_EXEC | PROT_WRITE, 0},
	{SCMP_SYS(mmap), COU, 2, PROT_EXEC | PROT_WRITE, PROT_WRITE},
	{SCMP_SYS(mmap), COU, 2, PROT_EXEC | PROT_WRITE, PROT_EXEC},
	{SCMP_SYS(mprotect), COU, 2, PROT_EXEC, 0},
	/* threads, no processes */
	{SCMP_SYS(clone), DAEMONS, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},
	{SCMP_SYS(prctl), DAEMONS, 0, COMMAND, PR_SET_NAME},
	/* without a path: fstat */
	{SCMP_SYS(newfstatat), WORKERS, 3, AT_EMPTY_PATH, AT_EMPTY_PATH},
	{SCMP_SYS(fcntl), ALL, 1, COMMAND, F_GETFD},
	{SCMP_SYS(fcntl), ALL, 1, COMMAND, F_SETFD},
	{SCMP_SYS(fcntl), ALL, 1, COMMAND, F_GETFL},
	{SCMP_SYS(fcntl), DAEMONS | DIG, 1, COMMAND, F_SETFL}, /* DIG: O_DIRECT */
	{SCMP_SYS(fcntl), DAEMONS, 1, COMMAND, F_DUPFD_CLOEXEC},
	{SCMP_SYS(fcntl), CTL | COU, 1, COMMAND, F_SETPIPE_SZ}, /* COU: librdkafka */
	{SCMP_SYS(fcntl), CTL, 1, COMMAND, F_ADD_SEALS},
	{SCMP_SYS(fcntl), REC, 1, COMMAND, F_GET_SEALS},
	{SCMP_SYS(fcntl), REC | CTL, 1, COMMAND, F_GETLK},
	{SCMP_SYS(fcntl), REC | CTL, 1, COMMAND, F_SETLK},
	{SCMP_SYS(fcntl), REC | CTL, 1, COMMAND, F_SETLKW},
	{SCMP_SYS(ioctl), CTL | COU, 1, COMMAND, FIONREAD},
	{SCMP_SYS(ioctl), CTL | COU, 1, COMMAND, FIONBIO},
	{SCMP_SYS(ioctl), COU, 1, COMMAND, SIOCOUTQ}, /* has the peer of a syslog got it? */
	{SCMP_SYS(socketpair), CTL | COU, 0, COMMAND, AF_UNIX},
	/* reading its own limits is nobody's business but libc's */
	{SCMP_SYS(prlimit64), DAEMONS, 2, EXACTLY, 0},
	{SCMP_SYS(prlimit64), CMP, 1, COMMAND, RLIMIT_NOFILE},
	{SCMP_SYS(prlimit64), CMP, 1, COMMAND, RLIMIT_CPU},
	{SCMP_SYS(prlimit64), CMP, 1, COMMAND, RLIMIT_CORE},
};

/* The only sockets that may be made. Netlink: getifaddrs, and the resolver's look at our addresses.
 */
static const struct {
	unsigned roles;
	int family, type, protocol; /* protocol: -1 = any */
} sockets[] = {
	{CTL | COU, AF_INET, SOCK_STREAM, -1},
	{CTL | COU, AF_INET6, SOCK_STREAM, -1},
	{COU, AF_INET, SOCK_DGRAM, -1},
	{COU, AF_INET6, SOCK_DGRAM, -1},
	{CTL | COU, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
};

#define SOCKET_TYPE 0xf /* the rest are flags */

const char *syscall_list_name(enum syscall_role role)
{
	static const char *const names[SYSCALL_ROLE_COUNT] = {
		[SYSCALL_RECORDER] = "recorder",     [SYSCALL_CONTROL] = "control",
		[SYSCALL_COURIER] = "courier",	     [SYSCALL_COMPILER] = "compile worker",
		[SYSCALL_DIGEST] = "digest worker",  [SYSCALL_EXTRACT] = "extract worker",
		[SYSCALL_SUPERVISOR] = "supervisor",
	};

	return names[role];
}

static int add_plain(scmp_filter_ctx filter, enum syscall_role role)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plain) && !r; i++)
		if (role == SYSCALL_SUPERVISOR || plain[i].roles & 1u << role)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i].call, 0);
	return r;
}

static int add_refused(scmp_filter_ctx filter, enum syscall_role role)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && !r; i++)
		if (refused[i].roles & 1u << role)
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)refused[i].error),
					     refused[i].call, 0);
	return r;
}

static int add_conditional(scmp_filter_ctx filter, enum syscall_role role)
{
	int r = 0;

	/* the supervisor has each of these calls without a condition */
	for (size_t i = 0; i < ARRAY_SIZE(conditional) && !r; i++) {
		const struct conditional *c = &conditional[i];

		if (role != SYSCALL_SUPERVISOR && c->roles & 1u << role)
			r = seccomp_rule_add(
				filter, SCMP_ACT_ALLOW, c->call, 1,
				SCMP_CMP64(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value));
	}
	return r;
}

static int add_sockets(scmp_filter_ctx filter, enum syscall_role role)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sockets) && !r; i++) {
		struct scmp_arg_cmp conditions[] = {
			SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, COMMAND, (uint64_t)sockets[i].family),
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, (uint64_t)sockets[i].type),
			SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, COMMAND, (uint64_t)sockets[i].protocol),
		};

		if (sockets[i].roles & 1u << role)
			r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
						   sockets[i].protocol < 0 ? 2 : 3, conditions);
	}
	return r;
}

/* abort, and the death of a process whose call was in no list; but no other process's. */
static int add_own_death(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_CMP64(0, SCMP_CMP_EQ, (uint64_t)getpid()));
}

/* A look-up that finds no name service cache goes on without. */
static int add_no_unix(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
				SCMP_CMP64(0, SCMP_CMP_EQ, AF_UNIX));
}

int syscall_list_add(scmp_filter_ctx filter, enum syscall_role role)
{
	int r = add_plain(filter, role);

	if (!r)
		r = add_refused(filter, role);
	if (!r)
		r = add_conditional(filter, role);
	if (!r)
		r = add_sockets(filter, role);
	if (!r && role != SYSCALL_SUPERVISOR)
		r = add_own_death(filter);
	if (!r && (role == SYSCALL_CONTROL || role == SYSCALL_COURIER))
		r = add_no_unix(filter);
	return r;
}
