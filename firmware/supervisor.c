/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/loop.h"
#include "dispatch/serve/local_socket.h"
#include "firmware/nic_events.h"
#include "firmware/notify.h"
#include "firmware/process_facts.h"
#include "firmware/sandbox.h"
#include "firmware/worker_set.h"

#define COUNT_BUSY (100 * DUR_MS) /* the kernel's counters, while something is captured */
#define COUNT_IDLE DUR_S
/* The NICs and their counters, which cost many times that. Besides, each NIC event is looked at at
 * once. The heartbeat relies on it (dispatch/serve/heartbeat.h). */
#define LOOK_EVERY     DUR_S
#define WEIGH_EVERY    (10 * DUR_S) /* the processes' memory, time and descriptors */
#define LIFE_GOOD      (10 * DUR_S) /* a child that lived so long may start again at once */
#define BACKOFF_MIN    (100 * DUR_MS)
#define BACKOFF_MAX    (5 * DUR_S)
#define PAIR_RETRY     DUR_S
#define STOP_CAPTURING (2500 * DUR_MS) /* for recorder and courier; then control has its turn */
#define STOP_ALL       (4 * DUR_S)
#define STOP_AGAIN     (1 * DUR_S) /* a second request so much later is impatience, not an echo */

enum phase {
	PHASE_RUNNING,
	PHASE_STOPPING_ENDS,	/* recorder and courier finish */
	PHASE_STOPPING_CONTROL, /* control commits what they reported */
	PHASE_KILLING,		/* out of patience */
};

struct child {
	struct supervisor *supervisor;
	enum role role;
	pid_t pid; /* 0 while it is down */
	struct ipc_link *link;
	bool ready;
	mono_t started;
	dur_t backoff; /* before the next start, if it dies young */
	struct timer *restart;
};

struct supervisor {
	const struct supervisor_options *options;
	struct loop *loop;
	enum phase phase;
	bool announced; /* READY=1 was sent */
	struct child children[ROLE_COUNT];
	struct worker_set *workers;
	int shared_readable; /* the shared memory again, for those who only read */
	int signals;
	struct watch *signal_watch;
	int nic_events; /* -1: none to be had, looking every second must do */
	struct watch *nic_watch;
	struct timer *pair_timer;
	struct timer *count_timer;
	bool capturing;
	mono_t look_at;
	mono_t weigh_at;
	struct timer *stop_timer;
	mono_t stop_asked;
};

static const enum role roles[] = {ROLE_RECORDER, ROLE_CONTROL, ROLE_COURIER};

/* Who talks to whom. */
static const enum role pairs[][2] = {
	{ROLE_RECORDER, ROLE_CONTROL},
	{ROLE_CONTROL, ROLE_COURIER},
};

/* What a child process runs. */
static int recorder_process(int socket, const void *config)
{
	const struct recorder_config *c = config;
	struct sandbox_options o = {.role = SYSCALL_RECORDER, .captures = c->captures};

	return sandbox_enter(&o) < 0 ? EXIT_FAILURE : recorder_main(socket, c);
}

static int control_process(int socket, const void *config)
{
	struct control_config c = *(const struct control_config *)config;
	struct sandbox_options o = {.role = SYSCALL_CONTROL,
				    .captures = c.captures,
				    .state = c.state,
				    .readable = c.source_folders};

	/* it may make no unix socket later */
	c.local_socket = local_socket_open(c.state, c.local_group);
	if (c.local_socket < 0)
		log_warning("control",
			    "%s/" LOCAL_SOCKET_NAME ": %s: tools on this machine need a "
			    "token",
			    c.state, strerrordesc_np(-c.local_socket));
	return sandbox_enter(&o) < 0 ? EXIT_FAILURE : control_main(socket, &c);
}

static int courier_process(int socket, const void *config)
{
	const struct courier_config *c = config;
	struct sandbox_options o = {.role = SYSCALL_COURIER, .ca_file = c->ca_file};

	return sandbox_enter(&o) < 0 ? EXIT_FAILURE : courier_main(socket, c);
}

static int fork_child(struct child *c, int socket)
{
	const struct supervisor_options *o = c->supervisor->options;
	const struct {
		enum privileges_user user;
		process_main main;
		const void *config;
	} plans[ROLE_COUNT] = {
		[ROLE_RECORDER] = {USER_RECORDER, recorder_process, o->recorder},
		[ROLE_CONTROL] = {USER_CONTROL, control_process, o->control},
		[ROLE_COURIER] = {USER_COURIER, courier_process, o->courier},
	};
	struct process_options p = {
		.name = role_name(c->role),
		.socket = socket,
		.identity = &o->identities[plans[c->role].user],
		.title = o->title,
		.log_level = o->log_level,
		.main = plans[c->role].main,
		.config = plans[c->role].config,
	};

	return process_start(&p, &c->pid);
}

static struct shared_process *public_row(const struct child *c)
{
	return &c->supervisor->options->shared->processes[c->role];
}

/* A fresh pair between both, if both are there. A side that had an old one drops it. */
static void connect_pair(struct supervisor *s, const enum role pair[2])
{
	int ends[2], r;

	if (!s->children[pair[0]].pid || !s->children[pair[1]].pid)
		return;
	r = ipc_pair(ends);
	if (r < 0) {
		log_error("supervisor", "no pair between %s and %s: %s, trying again",
			  role_name(pair[0]), role_name(pair[1]), strerrordesc_np(-r));
		timer_set(s->pair_timer, PAIR_RETRY);
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct child_peer peer = {.role = pair[!i]};

		ipc_link_send(s->children[pair[i]].link, CHILD_PEER, &peer, sizeof(peer), ends[i]);
		close(ends[i]);
	}
}

/* A child without one of its pairs is of no use: all get fresh ones. */
static void on_pair_timer(void *owner)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		connect_pair(owner, pairs[i]);
}

static int send_file(struct child *c, uint32_t type, const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		log_error("supervisor", "%s: %s", path, strerror(errno));
		return -errno;
	}
	ipc_link_send(c->link, type, NULL, 0, fd);
	return 0;
}

/* The key may be readable to root alone: control gets it opened. Returns 0 if there is none, or
 * both are on their way. */
static int send_certificate(struct child *c)
{
	const struct supervisor_options *o = c->supervisor->options;
	int r;

	if (!*o->certificate_file)
		return 0;
	r = send_file(c, CHILD_CERTIFICATE, o->certificate_file);
	return r ? r : send_file(c, CHILD_KEY, o->key_file);
}

static void hand_over(struct child *c)
{
	struct supervisor *s = c->supervisor;
	const struct supervisor_options *o = s->options;

	if (c->role == ROLE_RECORDER)
		ipc_link_send(c->link, CHILD_SHARED, NULL, 0, o->shared_fd);
	if (c->role == ROLE_CONTROL)
		ipc_link_send(c->link, CHILD_SHARED, NULL, 0, s->shared_readable);
	if (c->role == ROLE_CONTROL)
		send_certificate(c);
	for (unsigned i = 0; c->role == ROLE_CONTROL && i < o->sockets->count; i++)
		ipc_link_send(c->link, CHILD_SOURCE_SOCKET, &o->sockets->told[i],
			      sizeof(o->sockets->told[i]), o->sockets->fds[i]);
	for (uint32_t i = 0; c->role == ROLE_RECORDER && i < o->slot_count; i++)
		slot_hand_over(&o->slots[i], c->link);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i][0] == c->role || pairs[i][1] == c->role)
			connect_pair(s, pairs[i]);
	ipc_link_send(c->link, CHILD_GO, NULL, 0, -1);
}

static int on_child_message(void *owner, struct ipc_message *message);
static void on_child_closed(void *owner);

static int start_child(struct child *c)
{
	int ends[2], r = ipc_pair(ends);

	if (r < 0)
		return r;
	r = fork_child(c, ends[1]);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	c->started = mono_now();
	c->ready = false;
	c->link = ipc_link_new(c->supervisor->loop, ends[0], on_child_message, on_child_closed, c);
	atomic_store(&public_row(c)->pid, c->pid);
	atomic_store(&public_row(c)->started_wall_ns, wall_now().ns);
	c->supervisor->weigh_at = (mono_t){0}; /* with the next count */
	hand_over(c);
	return 0;
}

/* Timer: time to (re)start the child. */
static void on_restart(void *owner)
{
	struct child *c = owner;
	int r = start_child(c);

	if (!r) {
		log_info("supervisor", "%s: started, pid %d", role_name(c->role), c->pid);
		return;
	}
	log_error("supervisor", "%s: cannot start: %s, trying again", role_name(c->role),
		  strerrordesc_np(-r));
	timer_set(c->restart, BACKOFF_MAX);
}

static void schedule_restart(struct child *c, dur_t life)
{
	dur_t wait = 0;

	if (life < LIFE_GOOD) {
		wait = c->backoff;
		c->backoff = c->backoff * 2 < BACKOFF_MAX ? c->backoff * 2 : BACKOFF_MAX;
	} else {
		c->backoff = BACKOFF_MIN;
	}
	atomic_fetch_add(&public_row(c)->restarts, 1);
	timer_set(c->restart, wait);
}

/* A new ring is shown to a new recorder. Killing it loses nothing: its successor goes on at its
 * marks. */
static void replace_recorder(struct supervisor *s)
{
	struct child *c = &s->children[ROLE_RECORDER];

	if (!c->pid)
		return;
	log_info("supervisor", "recorder: starts again for the new ring");
	/* not its fault, so no backoff */
	c->started = mono_add(mono_now(), -LIFE_GOOD);
	kill(c->pid, SIGKILL);
}

static void kill_children(struct supervisor *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (s->children[roles[i]].pid)
			kill(s->children[roles[i]].pid, SIGKILL);
}

static void ask_to_stop(struct supervisor *s, enum role role)
{
	ipc_link_send(s->children[role].link, CHILD_STOP, NULL, 0, -1);
}

static void set_phase(struct supervisor *s, enum phase phase)
{
	s->phase = phase;
	switch (phase) {
	case PHASE_RUNNING:
		break;
	case PHASE_STOPPING_ENDS:
		notify_send("STOPPING=1");
		for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
			timer_unset(s->children[roles[i]].restart);
		ask_to_stop(s, ROLE_RECORDER);
		ask_to_stop(s, ROLE_COURIER);
		timer_set(s->stop_timer, STOP_CAPTURING);
		break;
	case PHASE_STOPPING_CONTROL:
		ask_to_stop(s, ROLE_CONTROL);
		timer_set(s->stop_timer, STOP_ALL - STOP_CAPTURING);
		break;
	case PHASE_KILLING:
		kill_children(s);
		break;
	}
}

/* After each death and each request: the next phase, or the end. */
static void go_on_stopping(struct supervisor *s)
{
	bool ends = s->children[ROLE_RECORDER].pid || s->children[ROLE_COURIER].pid;

	if (s->phase == PHASE_STOPPING_ENDS && !ends)
		set_phase(s, PHASE_STOPPING_CONTROL);
	if (!ends && !s->children[ROLE_CONTROL].pid)
		loop_stop(s->loop);
}

static void on_stop_timer(void *owner)
{
	struct supervisor *s = owner;

	if (s->phase == PHASE_STOPPING_ENDS) {
		set_phase(s, PHASE_STOPPING_CONTROL);
		return;
	}
	log_warning("supervisor", "not everybody finished within %d s, killing the rest",
		    (int)(STOP_ALL / DUR_S));
	set_phase(s, PHASE_KILLING);
}

static void on_stop_signal(struct supervisor *s, int number)
{
	if (s->phase == PHASE_RUNNING) {
		log_info("supervisor", "SIG%s: stopping", sigabbrev_np(number));
		s->stop_asked = mono_now();
		set_phase(s, PHASE_STOPPING_ENDS);
	} else if (mono_sub(mono_now(), s->stop_asked) > STOP_AGAIN) {
		set_phase(s, PHASE_KILLING);
	}
	go_on_stopping(s);
}

static void log_end(const struct child *c, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		log_warning("supervisor", "%s: pid %d was killed by SIG%s", role_name(c->role), pid,
			    sigabbrev_np(WTERMSIG(status)));
	else if (c->supervisor->phase == PHASE_RUNNING || WEXITSTATUS(status))
		log_warning("supervisor", "%s: pid %d ended with status %d", role_name(c->role),
			    pid, WEXITSTATUS(status));
}

static void on_child_ended(struct child *c, int status)
{
	struct supervisor *s = c->supervisor;

	log_end(c, c->pid, status);
	c->pid = 0;
	c->ready = false;
	c->link = ipc_link_free(c->link);
	atomic_store(&public_row(c)->pid, 0);
	if (s->phase == PHASE_RUNNING)
		schedule_restart(c, mono_sub(mono_now(), c->started));
	else
		go_on_stopping(s);
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		worker_set_on_ended(s->workers, pid);
		for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
			if (s->children[roles[i]].pid == pid)
				on_child_ended(&s->children[roles[i]], status);
	}
}

static void on_reload_signal(struct supervisor *s)
{
	struct child *control = &s->children[ROLE_CONTROL];

	if (!control->link || s->phase != PHASE_RUNNING)
		return;
	log_info("supervisor", "SIGHUP: key and certificate are read again");
	if (!send_certificate(control))
		ipc_link_send(control->link, CHILD_RELOAD, NULL, 0, -1);
}

static void on_signal(void *owner)
{
	struct supervisor *s = owner;
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else if (info.ssi_signo == SIGHUP)
			on_reload_signal(s);
		else
			on_stop_signal(s, (int)info.ssi_signo);
	}
}

/* All of them serve for the first time: the appliance does. */
static void announce(struct supervisor *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (!s->children[roles[i]].ready)
			return;
	if (s->announced)
		return;
	s->announced = true;
	notify_send("READY=1");
	log_info("supervisor", "ready: listening on %s", s->options->control->listen);
}

static void count(struct supervisor *s)
{
	for (uint32_t i = 0; i < s->options->slot_count; i++)
		slot_count(&s->options->slots[i]);
}

/* What was lost before a capture began shall not be laid to its charge: counted at once. */
static void on_capturing(struct supervisor *s, const struct child_capturing *told)
{
	s->capturing = told->tracks > 0;
	count(s);
	timer_set(s->count_timer, s->capturing ? COUNT_BUSY : COUNT_IDLE);
}

static int on_child_message(void *owner, struct ipc_message *message)
{
	struct child *c = owner;
	struct supervisor *s = c->supervisor;

	switch (message->type) {
	case CHILD_READY:
		if (message->size)
			return -EBADMSG;
		c->ready = true;
		announce(s);
		return 0;
	case CHILD_WORKER_REQUEST:
		if (c->role != ROLE_CONTROL || !ipc_is(message, struct child_worker))
			return -EBADMSG;
		return worker_set_start(s->workers, (struct child_worker *)message->body, c->link);
	case CHILD_CAPTURING:
		if (c->role != ROLE_RECORDER || !ipc_is(message, struct child_capturing))
			return -EBADMSG;
		on_capturing(s, (struct child_capturing *)message->body);
		return 0;
	default:
		return -EBADMSG;
	}
}

/* It closed its end or spoke nonsense. Its death, which follows, does the rest. */
static void on_child_closed(void *owner)
{
	struct child *c = owner;

	if (c->pid && c->supervisor->phase == PHASE_RUNNING)
		kill(c->pid, SIGKILL);
}

/* May block for as long as the kernel takes to allocate a ring, when a NIC appears. */
static void look_at_nics(struct supervisor *s)
{
	bool changed = false;

	for (uint32_t i = 0; i < s->options->slot_count; i++)
		if (slot_check(&s->options->slots[i]))
			changed = true;
	if (changed)
		replace_recorder(s);
}

static void on_nic_event(void *owner)
{
	struct supervisor *s = owner;

	nic_events_clear(s->nic_events);
	if (s->phase == PHASE_RUNNING)
		look_at_nics(s);
}

static void weigh(struct shared_process *process)
{
	struct process_facts facts;
	pid_t pid = atomic_load(&process->pid);

	if (!pid || process_facts_read(pid, &facts))
		return;
	atomic_store(&process->cpu_ns, facts.cpu_ns);
	atomic_store(&process->resident_bytes, facts.resident_bytes);
	atomic_store(&process->descriptors, facts.descriptors);
}

static void weigh_processes(struct supervisor *s, mono_t now)
{
	if (mono_sub(s->weigh_at, now) > 0)
		return;
	s->weigh_at = mono_add(now, WEIGH_EVERY);
	for (int role = 0; role < ROLE_COUNT; role++)
		weigh(&s->options->shared->processes[role]);
}

static void on_count(void *owner)
{
	struct supervisor *s = owner;
	mono_t now = mono_now();

	timer_set(s->count_timer, s->capturing ? COUNT_BUSY : COUNT_IDLE);
	count(s);
	weigh_processes(s, now);
	if (mono_sub(s->look_at, now) > 0)
		return;
	/* less a little, so that the next count is not just too early */
	s->look_at = mono_add(now, LOOK_EVERY - COUNT_BUSY / 2);
	for (uint32_t i = 0; i < s->options->slot_count; i++)
		slot_count_nic(&s->options->slots[i]);
	if (s->phase == PHASE_RUNNING)
		look_at_nics(s);
	worker_set_check(s->workers);
}

/* Signals become readable data, so that nothing ever runs between two instructions, and a forked
 * child has no handler of ours. */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* A descriptor that cannot be mapped writable, whatever its owner tries. */
static int open_readable(int memfd)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void init_child(struct supervisor *s, enum role role)
{
	s->children[role] = (struct child){.supervisor = s, .role = role, .backoff = BACKOFF_MIN};
	s->children[role].restart = timer_new(s->loop, on_restart, &s->children[role]);
	timer_set(s->children[role].restart, 0);
}

/* From here on the loop does everything. Descriptors are put. */
static void supervisor_init(struct supervisor *s, const struct supervisor_options *options,
			    int signals, int shared_readable)
{
	*s = (struct supervisor){.options = options,
				 .loop = loop_new(),
				 .signals = signals,
				 .shared_readable = shared_readable};
	s->workers = worker_set_new(&options->identities[USER_WORKER], options->title,
				    options->log_level);
	s->signal_watch = watch_new_read(s->loop, s->signals, on_signal, s);
	watch_enable(s->signal_watch);
	s->nic_events = nic_events_open();
	if (s->nic_events >= 0) {
		s->nic_watch = watch_new_read(s->loop, s->nic_events, on_nic_event, s);
		watch_enable(s->nic_watch);
	}
	s->pair_timer = timer_new(s->loop, on_pair_timer, s);
	s->count_timer = timer_new(s->loop, on_count, s);
	timer_set(s->count_timer, COUNT_BUSY);
	s->stop_timer = timer_new(s->loop, on_stop_timer, s);
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		init_child(s, roles[i]);
}

static void supervisor_fini(struct supervisor *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		ipc_link_free(s->children[roles[i]].link);
		timer_free(s->children[roles[i]].restart);
	}
	worker_set_free(s->workers);
	timer_free(s->stop_timer);
	timer_free(s->count_timer);
	timer_free(s->pair_timer);
	watch_free(s->nic_watch);
	watch_free(s->signal_watch);
	loop_free(s->loop);
	if (s->nic_events >= 0)
		close(s->nic_events);
	close(s->signals);
	close(s->shared_readable);
}

int supervisor_run(const struct supervisor_options *options)
{
	CLEANUP_CLOSE int shared_readable = open_readable(options->shared_fd);
	CLEANUP_CLOSE int signals = shared_readable < 0 ? -1 : open_signals();
	struct shared_process *self = &options->shared->processes[ROLE_SUPERVISOR];
	struct supervisor s;

	if (shared_readable < 0)
		return shared_readable;
	if (signals < 0)
		return signals;
	atomic_store(&self->pid, getpid());
	atomic_store(&self->started_wall_ns, wall_now().ns);
	supervisor_init(&s, options, take_fd(&signals), take_fd(&shared_readable));
	loop_run(s.loop);
	supervisor_fini(&s);
	return 0;
}
