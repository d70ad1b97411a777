/* SPDX-License-Identifier: Apache-2.0 */
/* The whole courier process over its real protocols: this program is supervisor, control and the
 * remote peer at once. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ipc.h"
#include "dispatch/push/courier.h"
#include "policy/settings.h"
#include "tests/unit/peer.h"
#include "tests/unit/test.h"

/* The forked process and our ends. */
struct fixture {
	pid_t pid;
	int supervisor;
	int control;
	struct ipc_message message;
};

/* A peer that can be told to keep its callers waiting. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int open;
	unsigned answered;
};

static void on_request(void *owner, struct peer_request *request)
{
	struct gate *gate = owner;

	pthread_mutex_lock(&gate->lock);
	while (!gate->open)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->answered++;
	pthread_mutex_unlock(&gate->lock);
	peer_write(request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void gate_init(struct gate *gate, int open)
{
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->open = open;
	gate->answered = 0;
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->open = 1;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static unsigned gate_answered(struct gate *gate)
{
	unsigned answered;

	pthread_mutex_lock(&gate->lock);
	answered = gate->answered;
	pthread_mutex_unlock(&gate->lock);
	return answered;
}

static void give_peer(struct fixture *f)
{
	struct child_peer peer = {.role = ROLE_CONTROL};
	int fds[2];

	check(!ipc_pair(fds));
	check(!ipc_send(f->supervisor, CHILD_PEER, &peer, sizeof(peer), fds[1]));
	close(fds[1]);
	f->control = fds[0];
}

/* Forks before any thread is started. */
static void fixture_start(struct fixture *f)
{
	static const struct courier_config config = {.connect_timeout_ms = 2000,
						     .allow = "127.0.0.0/8"};
	int fds[2];

	check(!ipc_pair(fds));
	f->pid = fork();
	check(f->pid >= 0);
	if (f->pid == 0) {
		close(fds[0]);
		exit(courier_main(fds[1], &config));
	}
	close(fds[1]);
	f->supervisor = fds[0];
	give_peer(f);
	check(!ipc_send(f->supervisor, CHILD_GO, NULL, 0, -1));
	check(!ipc_receive_wait(f->supervisor, &f->message, 5000));
	check_int(f->message.type, CHILD_READY);
}

static int fixture_wait(struct fixture *f)
{
	int status = 0;

	wait_for(waitpid(f->pid, &status, WNOHANG) == f->pid, 5);
	check(WIFEXITED(status));
	close(f->supervisor);
	close(f->control);
	return WEXITSTATUS(status);
}

static int fixture_stop(struct fixture *f)
{
	check(!ipc_send(f->supervisor, CHILD_STOP, NULL, 0, -1));
	return fixture_wait(f);
}

static const char *push_id(unsigned number)
{
	static char id[IDENT_SIZE];

	snprintf(id, sizeof(id), "0193a000-0000-7000-8000-%012u", number);
	return id;
}

static int send_push(struct fixture *f, unsigned number, const char *url)
{
	static struct courier_push push;

	courier_push_init(&push, push_id(number));
	push.kind = ENDPOINT_HTTP;
	push.attempt = 1;
	push.timeout_ms = 4000;
	courier_push_set(&push, COURIER_METHOD, "POST");
	courier_push_set(&push, COURIER_URL, url);
	courier_push_set(&push, COURIER_HEADERS, "Authorization: Bearer secret\n");
	courier_push_set(&push, COURIER_BODY, "{}");
	return ipc_send_wait(f->control, COURIER_PUSH, &push, courier_push_size(&push), -1, 2000);
}

static const struct courier_result *take_result(struct fixture *f)
{
	do
		check_int(ipc_receive_wait(f->control, &f->message, 5000), 0);
	while (f->message.type == COURIER_HEALTH);
	check_int(f->message.type, COURIER_RESULT);
	check(ipc_is(&f->message, struct courier_result));
	return (const void *)f->message.body;
}

static void format_url(const struct peer *peer, char url[64])
{
	snprintf(url, 64, "http://127.0.0.1:%d/", peer_port(peer));
}

/* As many as may be leased at once; each gets its own result. */
static void test_deliver(void)
{
	static struct fixture f;
	struct gate gate;
	struct peer *peer;
	char url[64];

	fixture_start(&f);
	gate_init(&gate, 1);
	peer = peer_new(on_request, &gate);
	format_url(peer, url);
	for (unsigned i = 0; i < COURIER_LEASES_MAX; i++)
		check(!send_push(&f, i, url));
	for (unsigned i = 0; i < COURIER_LEASES_MAX; i++) {
		const struct courier_result *r = take_result(&f);

		check_int(r->verdict, VERDICT_DELIVERED);
		check_int(r->status, 200);
		check_text(r->text, "HTTP 200: ok");
	}
	check_int(peer_count(peer), COURIER_LEASES_MAX);
	check_int(fixture_stop(&f), 0);
	peer_free(peer);
}

/* Control restarts while a push is on the wire: it is not sent again, and its result goes to the
 * control that leased it last. One that is not leased again is told to nobody. */
static void test_new_control(void)
{
	static struct fixture f;
	struct gate gate;
	struct peer *peer;
	char url[64];

	fixture_start(&f);
	gate_init(&gate, 0);
	peer = peer_new(on_request, &gate);
	format_url(peer, url);
	check(!send_push(&f, 1, url));
	check(!send_push(&f, 2, url));
	wait_for(peer_count(peer) == 2, 5);
	close(f.control);
	give_peer(&f);
	check(!send_push(&f, 1, url));
	check(!send_push(&f, 3, "ftp://refused/")); /* its result says that 1 was seen */
	check_text(take_result(&f)->push, push_id(3));
	gate_open(&gate);
	check_text(take_result(&f)->push, push_id(1));
	wait_for(gate_answered(&gate) == 2, 5);
	check_int(peer_count(peer), 2);
	check_int(fixture_stop(&f), 0);
	check_int(ipc_receive(f.control, &f.message) != 0, 1);
	peer_free(peer);
}

/* What is under way is finished before the process ends, and its result told. */
static void test_stop_finishes(void)
{
	static struct fixture f;
	struct gate gate;
	struct peer *peer;
	char url[64];

	fixture_start(&f);
	gate_init(&gate, 0);
	peer = peer_new(on_request, &gate);
	format_url(peer, url);
	check(!send_push(&f, 1, url));
	wait_for(peer_count(peer) == 1, 5);
	check(!ipc_send(f.supervisor, CHILD_STOP, NULL, 0, -1));
	gate_open(&gate);
	check_int(take_result(&f)->verdict, VERDICT_DELIVERED);
	check_int(fixture_wait(&f), 0);
	peer_free(peer);
}

/* A peer that never answers holds the exit up for two seconds, not longer. */
static void test_stop_limit(void)
{
	static struct fixture f;
	struct gate gate;
	struct peer *peer;
	mono_t start;
	char url[64];

	fixture_start(&f);
	gate_init(&gate, 0);
	peer = peer_new(on_request, &gate);
	format_url(peer, url);
	check(!send_push(&f, 1, url));
	wait_for(peer_count(peer) == 1, 5);
	start = mono_now();
	check_int(fixture_stop(&f), 0);
	check(mono_sub(mono_now(), start) < 3 * DUR_S);
	gate_open(&gate);
	peer_free(peer);
}

static void expect_link_closed(struct fixture *f)
{
	int r;

	do
		r = ipc_receive_wait(f->control, &f->message, 5000);
	while (!r && f->message.type == COURIER_HEALTH);
	check_int(r, IPC_CLOSED);
	close(f->control);
	give_peer(f);
}

/* Control speaks nonsense: its link ends, the process lives and takes the next. */
static void test_hostile_control(void)
{
	static struct fixture f;
	static struct courier_push push;

	fixture_start(&f);
	check(!ipc_send(f.control, 77, NULL, 0, -1));
	expect_link_closed(&f);
	check(!ipc_send(f.control, COURIER_PUSH, "short", 5, -1));
	expect_link_closed(&f);
	memset(&push, 'x', sizeof(push)); /* no text ends, offsets out of bounds */
	check(!ipc_send(f.control, COURIER_PUSH, &push, sizeof(push), -1));
	expect_link_closed(&f);
	check(!send_push(&f, 1, "ftp://refused/"));
	check_int(take_result(&f)->step, COURIER_STEP_REQUEST);
	check_int(fixture_stop(&f), 0);
}

static void test_orphan(void)
{
	static struct fixture f;

	fixture_start(&f);
	check(!shutdown(f.supervisor, SHUT_RDWR));
	check_int(fixture_wait(&f), 1);
}

static void test_names(void)
{
	check_text(courier_verdict_name(VERDICT_DISABLE), "disable");
	check_text(courier_step_name(COURIER_STEP_REQUEST), "request");
}

int main(void)
{
	test_names();
	test_deliver();
	test_new_control();
	test_stop_finishes();
	test_stop_limit();
	test_hostile_control();
	test_orphan();
	return 0;
}
