/* SPDX-License-Identifier: Apache-2.0 */
/* The break-out drill: every role is shut in, then tries what it promised not to do, each attempt
 * in a process of its own; and what it needs still works. */
#include "firmware/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/perf_event.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "firmware/landlock.h"
#include "tests/unit/scratch.h"
#include "tests/unit/test.h"

#define DONE 0 /* an attempt's other results are errno */

static struct scratch scratch;
static char captures[256], state[256], elsewhere[256];
static int packet_socket = -1;

static int result(long r)
{
	return r < 0 ? errno : DONE;
}

/* --- what nobody may --- */

static int open_shadow(void)
{
	return result(open("/etc/shadow", O_RDONLY));
}

static int open_passwd(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int create_in_tmp(void)
{
	return result(open(elsewhere, O_WRONLY | O_CREAT, 0600));
}

static int make_packet_socket(void)
{
	return result(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
}

static int make_raw_socket(void)
{
	return result(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
}

static int inject(void)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = 1};
	char frame[60] = {0};

	return result(
		sendto(packet_socket, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)));
}

static int run_program(void)
{
	char name[] = "true", *const argv[] = {name, NULL};

	return result(execve("/bin/true", argv, NULL));
}

static int trace_parent(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static int read_parent(void)
{
	return result(syscall(SYS_process_vm_readv, getppid(), NULL, 0L, NULL, 0L, 0L));
}

static int kill_parent(void)
{
	return result(kill(getppid(), SIGCONT));
}

static int kill_thread_of_parent(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), SIGCONT));
}

static int become_root(void)
{
	return result(setuid(0));
}

static int mount_something(void)
{
	return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int load_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int open_counters(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};

	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int leave_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int load_module(void)
{
	return result(syscall(SYS_init_module, NULL, 0, ""));
}

static int load_keys(void)
{
	return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int use_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int push_key(void)
{
	return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

/* --- what some may --- */

static int listen_inet(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1))
		return errno;
	return DONE;
}

/* Done, as far as we are concerned, if only nobody listens. */
static int connect_inet(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != ECONNREFUSED)
		return errno;
	return DONE;
}

static int bind_packet_socket(void)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	return result(bind(packet_socket, (struct sockaddr *)&to, sizeof(to)));
}

static int make_executable(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? errno : result(mprotect(code, 4096, PROT_READ | PROT_EXEC));
}

static int change_file(const char *folder)
{
	char path[300], renamed[320];
	int fd;

	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(renamed, sizeof(renamed), "%s.new", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, "abc", 3, 0) != 3 || ftruncate(fd, 1) || fsync(fd) ||
	    fdatasync(fd) || rename(path, renamed) || unlink(renamed))
		return errno;
	return DONE;
}

static int change_captures(void)
{
	return change_file(captures);
}

static int change_state(void)
{
	return change_file(state);
}

static int read_captures(void)
{
	return result(open(captures, O_RDONLY | O_DIRECTORY));
}

static int read_state(void)
{
	return result(open(state, O_RDONLY | O_DIRECTORY));
}

static int make_folder(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/folder", captures);
	if (mkdir(path, 0700))
		return errno;
	return result(rmdir(path));
}

static int read_resolver(void)
{
	return result(open("/etc/hosts", O_RDONLY));
}

static void *do_nothing(void *arg)
{
	prctl(PR_SET_NAME, "thread", 0, 0, 0);
	return arg;
}

static int start_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, do_nothing, NULL);

	return r ? r : pthread_join(thread, NULL);
}

static int watch_events(void)
{
	return result(epoll_create1(EPOLL_CLOEXEC));
}

static int use_memory(void)
{
	char *large = malloc(8u << 20);

	if (!large)
		return ENOMEM;
	memset(large, 1, 8u << 20);
	large = realloc(large, 32u << 20);
	free(large);
	return DONE;
}

static int send_message(void)
{
	struct iovec part = {.iov_base = elsewhere, .iov_len = 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	errno = ENOTSOCK;
	/* standard error is the test's pipe: the call is made, and refused by it alone */
	return sendmsg(STDERR_FILENO, &m, 0) < 0 && errno == ENOTSOCK ? DONE : errno;
}

/* --- the drill --- */

enum {
	REC = 1 << SYSCALL_RECORDER,
	CTL = 1 << SYSCALL_CONTROL,
	COU = 1 << SYSCALL_COURIER,
	CMP = 1 << SYSCALL_COMPILER,
	DIG = 1 << SYSCALL_DIGEST,
	EXT = 1 << SYSCALL_EXTRACT,
	WORKERS = CMP | DIG | EXT,
	SUP = 1 << SYSCALL_SUPERVISOR,
	EVERY_CHILD = REC | CTL | COU | WORKERS,
	EVERYBODY = EVERY_CHILD | SUP,
};

static const struct attempt {
	const char *name;
	int (*make)(void);
	unsigned allowed;   /* works for these roles */
	unsigned forbidden; /* fails for these */
	const char *call;   /* what the SIGSYS line names, if it dies */
} attempts[] = {
	{"open /etc/shadow", open_shadow, 0, EVERY_CHILD, "openat"},
	{"open /etc/passwd", open_passwd, 0, EVERY_CHILD, "openat"},
	{"create a file elsewhere", create_in_tmp, 0, EVERY_CHILD, "openat"},
	{"packet socket", make_packet_socket, 0, EVERY_CHILD, "socket"},
	{"raw socket", make_raw_socket, 0, EVERY_CHILD, "socket"},
	{"bind a packet socket", bind_packet_socket, 0, REC | WORKERS, "bind"},
	{"inject a frame", inject, 0, REC | WORKERS, "sendto"},
	{"execve", run_program, 0, EVERYBODY, "execve"},
	{"ptrace", trace_parent, 0, EVERYBODY, "ptrace"},
	{"process_vm_readv", read_parent, 0, EVERYBODY, "process_vm_readv"},
	{"kill", kill_parent, SUP, EVERY_CHILD, "kill"},
	{"tgkill", kill_thread_of_parent, SUP, EVERY_CHILD, "tgkill"},
	{"setuid", become_root, 0, EVERYBODY, "setuid"},
	{"mount", mount_something, 0, EVERYBODY, "mount"},
	{"bpf", load_bpf, 0, EVERYBODY, "bpf"},
	{"perf_event_open", open_counters, 0, EVERYBODY, "perf_event_open"},
	{"unshare", leave_namespace, 0, EVERYBODY, "unshare"},
	{"fork", fork_child, SUP, EVERY_CHILD, "clone"},
	{"init_module", load_module, 0, EVERYBODY, "init_module"},
	{"keyctl", load_keys, 0, EVERYBODY, "keyctl"},
	{"io_uring_setup", use_uring, 0, EVERYBODY, "io_uring_setup"},
	{"TIOCSTI", push_key, 0, EVERY_CHILD, "ioctl"},
	{"listen", listen_inet, CTL, REC | WORKERS, "socket"},
	{"connect", connect_inet, COU, REC | CTL | WORKERS, NULL},
	{"executable memory", make_executable, SUP, EVERY_CHILD & ~COU, "mprotect"},
	{"change the captures", change_captures, REC | CTL, COU | WORKERS, NULL},
	{"change the state", change_state, CTL, REC | COU | WORKERS, NULL},
	{"list the captures", read_captures, REC | CTL, COU | WORKERS, NULL},
	{"list the state", read_state, CTL, REC | COU | WORKERS, NULL},
	{"make a folder", make_folder, CTL, REC | COU | WORKERS, "mkdir"},
	{"read /etc/hosts", read_resolver, COU, REC | CTL | WORKERS, NULL},
	{"thread", start_thread, REC | CTL | COU | SUP, WORKERS, NULL},
	{"epoll", watch_events, REC | CTL | COU | SUP, WORKERS, "epoll_create1"},
	{"memory", use_memory, EVERYBODY, 0, NULL},
	{"sendmsg", send_message, EVERYBODY, 0, NULL},
};

static void enter(enum syscall_role role)
{
	struct sandbox_options o = {.role = role};

	if (role == SYSCALL_RECORDER || role == SYSCALL_CONTROL)
		o.captures = captures;
	if (role == SYSCALL_CONTROL)
		o.state = state;
	check(!sandbox_enter(&o));
}

struct outcome {
	int status;
	char said[512];
};

/* Shuts in a new process as `role`, and has it try. */
static struct outcome attempt_as(enum syscall_role role, int (*make)(void))
{
	struct outcome o = {0};
	int ends[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	check(!pipe(ends));
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		enter(role);
		_exit(make());
	}
	close(ends[1]);
	while ((n = read(ends[0], o.said + len, sizeof(o.said) - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	check(waitpid(pid, &o.status, 0) == pid);
	return o;
}

static int is_refused(int status)
{
	static const int errors[] = {EPERM, EACCES};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (WIFEXITED(status) && WEXITSTATUS(status) == errors[i])
			return 1;
	return 0;
}

static int names_the_call(const struct outcome *o, enum syscall_role role, const char *call)
{
	char line[160];

	snprintf(line, sizeof(line), "sandbox: %s: forbidden system call %s%s",
		 syscall_list_name(role), call ? call : "", call ? "\n" : "");
	return strstr(o->said, line) != NULL;
}

static int is_stopped(const struct outcome *o, const struct attempt *a, enum syscall_role role)
{
	if (WIFSIGNALED(o->status) && WTERMSIG(o->status) == SIGSYS)
		return names_the_call(o, role, a->call);
	return is_refused(o->status);
}

static int drill(enum syscall_role role, const struct attempt *a)
{
	struct outcome o = attempt_as(role, a->make);
	int is_good = 1;

	if (a->forbidden & 1u << role)
		is_good = is_stopped(&o, a, role);
	if (a->allowed & 1u << role)
		is_good = WIFEXITED(o.status) && WEXITSTATUS(o.status) == DONE;
	if (!is_good)
		fprintf(stderr, "%s, %s: status %#x, \"%s\"\n", syscall_list_name(role), a->name,
			(unsigned)o.status, o.said);
	return is_good;
}

static void everybody_is_drilled(void)
{
	int bad = 0;

	for (int role = 0; role < SYSCALL_ROLE_COUNT; role++)
		for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
			bad += !drill(role, &attempts[i]);
	check_int(bad, 0);
}

/* The table itself: nobody is tested on fewer than twelve attempts. */
static void twelve_attempts_each(void)
{
	for (int role = 0; role < SYSCALL_ROLE_COUNT; role++) {
		int count = 0;

		for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
			count += (attempts[i].forbidden & 1u << role) != 0;
		check(count >= (role == SYSCALL_SUPERVISOR ? 9 : 12));
	}
}

static int load_bpf_in_thread_result;

static void *load_bpf_in_thread(void *arg)
{
	load_bpf_in_thread_result = load_bpf();
	return arg;
}

static int forbidden_in_thread(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, load_bpf_in_thread, NULL))
		pthread_join(thread, NULL);
	return load_bpf_in_thread_result;
}

/* A thread's violation ends the process, not the thread. */
static void threads_are_shut_in(void)
{
	struct outcome o = attempt_as(SYSCALL_RECORDER, forbidden_in_thread);

	check(WIFSIGNALED(o.status));
	check_int(WTERMSIG(o.status), SIGSYS);
	check(names_the_call(&o, SYSCALL_RECORDER, "bpf"));
}

static int die(void)
{
	abort();
}

static void abort_still_works(void)
{
	for (int role = 0; role < SYSCALL_ROLE_COUNT; role++) {
		struct outcome o = attempt_as(role, die);

		check(WIFSIGNALED(o.status));
		check_int(WTERMSIG(o.status), SIGABRT);
	}
}

/* A child of the supervisor has both filters, and its own name in the message. */
static int become_recorder(void)
{
	enter(SYSCALL_RECORDER);
	return change_captures() ? EINVAL : load_bpf();
}

static void filters_add_up(void)
{
	struct outcome o = attempt_as(SYSCALL_SUPERVISOR, become_recorder);

	check(WIFSIGNALED(o.status));
	check_int(WTERMSIG(o.status), SIGSYS);
	check(names_the_call(&o, SYSCALL_RECORDER, "bpf"));
}

static void levels_are_told(void)
{
	check(strstr(landlock_missing(0), "files"));
	check(strstr(landlock_missing(3), "TCP"));
	check(!strstr(landlock_missing(3), "files"));
	check_text(landlock_missing(6), "");
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0; /* there is none in such builds */
#endif
	scratch_init(&scratch);
	snprintf(captures, sizeof(captures), "%s", scratch_path(&scratch, "captures"));
	snprintf(state, sizeof(state), "%s", scratch_path(&scratch, "state"));
	snprintf(elsewhere, sizeof(elsewhere), "%s", scratch_path(&scratch, "elsewhere"));
	check(!mkdir(captures, 0700) && !mkdir(state, 0700));
	packet_socket = socket(AF_PACKET, SOCK_RAW, 0); /* only as root */
	everybody_is_drilled();
	twelve_attempts_each();
	threads_are_shut_in();
	abort_still_works();
	filters_add_up();
	levels_are_told();
	scratch_fini(&scratch);
	return 0;
}
