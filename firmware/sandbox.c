/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "firmware/landlock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#define CALLS_MAX 512

/* A signal handler has nothing but what is global: set once, before the filter. */
static struct {
	const char *role;
	char *names[CALLS_MAX]; /* by number; never freed */
} dying;

/* Appends to a line; there is room for every name that exists. */
static char *append(char *at, char *end, const char *text)
{
	while (*text && at < end)
		*at++ = *text++;
	return at;
}

static char *append_number(char *at, char *end, unsigned n)
{
	char digits[12];
	char *digit = digits + sizeof(digits) - 1;

	*digit = '\0';
	do
		*--digit = (char)('0' + n % 10);
	while (n /= 10);
	return append(at, end, digit);
}

/* Async-signal-safe. The handler is gone already (SA_RESETHAND), so the signal sent here ends the
 * process as it would have without us. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
	unsigned call = (unsigned)info->si_syscall;
	char line[160], *at = line, *end = line + sizeof(line) - 1;

	(void)context;
	at = append(at, end, "sandbox: ");
	at = append(at, end, dying.role);
	at = append(at, end, ": forbidden system call ");
	if (call < CALLS_MAX && dying.names[call])
		at = append(at, end, dying.names[call]);
	else
		at = append_number(at, end, call);
	*at++ = '\n';
	/* nothing to be done if it fails */
	if (syscall(SYS_write, STDERR_FILENO, line, (size_t)(at - line)) < 0)
		at = line;
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
	_exit(128 + number);
}

static int prepare_death(enum syscall_role role)
{
	struct sigaction action = {.sa_sigaction = on_forbidden,
				   .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER};
	uint32_t arch = seccomp_arch_native();
	sigset_t set;

	dying.role = syscall_list_name(role);
	for (int i = 0; i < CALLS_MAX; i++)
		if (!dying.names[i]) /* or inherited */
			dying.names[i] = seccomp_syscall_resolve_num_arch(arch, i);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	return sigaction(SIGSYS, &action, NULL) || sigprocmask(SIG_UNBLOCK, &set, NULL) ? -errno
											: 0;
}

static void release_ptr(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int restrict_calls(enum syscall_role role)
{
	CLEANUP(release_ptr) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r;

	if (!filter)
		return -ENOMEM;
	/* calls of another architecture's numbering */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r) /* a tree, not a line of comparisons */
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = syscall_list_add(filter, role);
	return r ? r : seccomp_load(filter);
}

static int add(int rules, const char *path, enum landlock_access access)
{
	return path && *path ? landlock_add(rules, path, access) : 0;
}

/* Certificates, and what the resolver reads: its configuration and its modules. */
static int add_for_courier(int rules, const struct sandbox_options *o)
{
	static const char *const readable[] = {
		"/etc/ssl",
		"/usr/lib/ssl",
		"/usr/share/ca-certificates",
		"/usr/local/share/ca-certificates",
		"/etc/resolv.conf",
		/* where it points if a program writes it, a new file each time */
		"/run/systemd/resolve",
		"/run/resolvconf",
		"/run/NetworkManager",
		"/etc/hosts",
		"/etc/host.conf",
		"/etc/nsswitch.conf",
		"/etc/gai.conf",
		"/etc/ld.so.cache",
		"/usr/lib",
		"/lib",
		"/lib64",
	};
	int r = add(rules, o->ca_file, LANDLOCK_READ);

	for (size_t i = 0; i < ARRAY_SIZE(readable) && !r; i++)
		r = add(rules, readable[i], LANDLOCK_READ);
	return r;
}

static int add_list(int rules, const char *folders)
{
	int r = 0;

	while (!r && folders && *(folders += strspn(folders, ", "))) {
		size_t len = strcspn(folders, ",");
		CLEANUP_FREE char *folder = strndup(folders, len);

		r = add(rules, folder, LANDLOCK_READ);
		folders += len;
	}
	return r;
}

static int add_paths(int rules, const struct sandbox_options *o)
{
	int r;

	switch (o->role) {
	case SYSCALL_RECORDER:
		return add(rules, o->captures, LANDLOCK_CHANGE);
	case SYSCALL_CONTROL:
		r = add(rules, o->state, LANDLOCK_FOLDERS);
		if (!r)
			r = add_list(rules, o->readable);
		return r ? r : add(rules, o->captures, LANDLOCK_FOLDERS);
	case SYSCALL_COURIER:
		return add_for_courier(rules, o);
	default:
		return 0;
	}
}

static int restrict_files(const struct sandbox_options *o)
{
	static const unsigned bans[SYSCALL_ROLE_COUNT] = {
		[SYSCALL_RECORDER] = LANDLOCK_BAN_BIND | LANDLOCK_BAN_CONNECT,
		[SYSCALL_CONTROL] = LANDLOCK_BAN_CONNECT,
		[SYSCALL_COURIER] = LANDLOCK_BAN_BIND,
		[SYSCALL_COMPILER] = LANDLOCK_BAN_BIND | LANDLOCK_BAN_CONNECT,
		[SYSCALL_DIGEST] = LANDLOCK_BAN_BIND | LANDLOCK_BAN_CONNECT,
		[SYSCALL_EXTRACT] = LANDLOCK_BAN_BIND | LANDLOCK_BAN_CONNECT,
	};
	CLEANUP_CLOSE int rules = -1;
	int r = landlock_open(bans[o->role], &rules);

	if (r == LANDLOCK_ABSENT)
		return 0;
	if (!r)
		r = add_paths(rules, o);
	return r ? r : landlock_commit(rules);
}

int sandbox_enter(const struct sandbox_options *options)
{
	int r = 0;

	if (IS_SANITIZED) {
		log_warning("sandbox", "none for %s: this is a build for a sanitizer",
			    syscall_list_name(options->role));
		return 0;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* what Landlock takes from the supervisor it would take from its children too */
	if (options->role != SYSCALL_SUPERVISOR)
		r = restrict_files(options);
	if (!r)
		r = prepare_death(options->role);
	if (!r)
		r = restrict_calls(options->role);
	if (r)
		log_error("sandbox", "cannot shut in %s: %s", syscall_list_name(options->role),
			  strerrordesc_np(-r));
	return r;
}

void sandbox_log(void)
{
	int abi = landlock_abi();
	const char *missing = landlock_missing(abi);

	if (IS_SANITIZED)
		return;
	if (*missing)
		log_warning("sandbox",
			    "seccomp; Landlock ABI %d of this kernel does not restrict %s", abi,
			    missing);
	else
		log_info("sandbox", "seccomp and Landlock ABI %d", abi);
}
