/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SOCKET_FD 3 /* where a child finds its end */

enum exit_status {
	EXIT_ORPHAN = 70, /* the supervisor died before we could ask to die with it */
	EXIT_DESCRIPTORS = 71,
	EXIT_PRIVILEGES = 72,
};

void process_title_init(struct process_title *title, int argc, char *argv[])
{
	title->start = argv[0];
	title->size = 0;
	/* the arguments lie one behind the other */
	for (int i = 0; i < argc && argv[i] == argv[0] + title->size; i++)
		title->size += strlen(argv[i]) + 1;
}

static void set_title(const struct process_title *title, const char *name)
{
	char text[16];

	snprintf(text, sizeof(text), "rb-%s", name);
	prctl(PR_SET_NAME, text, 0, 0, 0);
	memset(title->start, 0, title->size);
	snprintf(title->start, title->size, "ringbelld: %s", name);
}

static int keep_only(int socket)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -errno;
	if (socket != SOCKET_FD && dup3(socket, SOCKET_FD, O_CLOEXEC) < 0)
		return -errno;
	return close_range(SOCKET_FD + 1, ~0U, 0) ? -errno : 0;
}

static void reset_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void fail(enum exit_status status, const char *what, int r)
{
	log_error("process", "%s: %s", what, strerrordesc_np(-r));
	_exit(status);
}

__attribute__((noreturn)) static void child(const struct process_options *o, pid_t supervisor)
{
	int r;

	log_open(o->name, o->log_level);
	set_title(o->title, o->name);
	reset_signals();
	r = keep_only(o->socket);
	if (r < 0)
		fail(EXIT_DESCRIPTORS, "cannot close descriptors", r);
	r = privileges_drop(o->identity);
	if (r < 0)
		fail(EXIT_PRIVILEGES, "cannot give up privileges", r);
	/* only now: a change of user clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != supervisor)
		_exit(EXIT_ORPHAN);
	/* not exit(): what the supervisor registered or buffered is not ours to finish */
	_exit(o->main(SOCKET_FD, o->config));
}

int process_start(const struct process_options *options, pid_t *ret)
{
	pid_t supervisor = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(options, supervisor);
	*ret = pid;
	return 0;
}
