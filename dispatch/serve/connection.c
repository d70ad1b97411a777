/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/local_socket.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/server.h"
#include "dispatch/serve/tls.h"

/* evhttp reads on while an answer is on its way: room for one more request, whole */
#define INPUT_BYTES_MAX (SERVER_BODY_MAX + SERVER_HEAD_MAX + GATE_LINE_MAX)
#define LOOK_EVERY	DUR_S
#define ENDED_AT_ONCE	64	     /* in one look: the loop has others to serve … */
#define LOOK_AGAIN	(5 * DUR_MS) /* … before the next ones */
#define LINGER		(2 * DUR_S)  /* for who still sends what is refused */
#define UNSENT_BYTES	(128 * 1024)
#define PIECE_BYTES	4096 /* of an answer: fewer taken are no progress */

TAILQ_HEAD(connection_queue, connection);

struct connection_pool {
	struct connection_options options;
	struct timer *look;
	unsigned slow;	       /* ended since the last line in the log */
	struct event *meeting; /* evhttp has given descriptors to the fresh ones */
	struct crowd *crowd;
	struct connection_counts counts;
	LIST_HEAD(, connection) list;
	struct connection_queue fresh;
	struct connection_queue waiting; /* who waits longest comes first */
	size_t fd_count;
	struct connection **by_fd;
};

const char *entrance_name(enum entrance entrance)
{
	static const char *const names[] = {"plain", "tls", "local"};

	return names[entrance];
}

const char *connection_end_name(enum connection_end end)
{
	static const char *const names[] = {"address", "full", "displaced",
					    "slow",    "idle", "malformed"};

	return names[end];
}

/* A few ms behind at most, and cheap: it is asked for each piece of each answer. */
static mono_t mono_coarse(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (mono_t){ts.tv_sec * DUR_S + ts.tv_nsec};
}

static struct bufferevent *socket_of(const struct connection *connection)
{
	return connection->http ? evhttp_connection_get_bufferevent(connection->http)
				: connection->socket;
}

/* ---- places ---- */

static void leave_crowd(struct connection *connection)
{
	if (connection->address)
		crowd_leave(connection->pool->crowd, connection->address, mono_now());
	connection->address = NULL;
}

static void set_waiting(struct connection *connection)
{
	if (connection->waiting)
		return;
	connection->waiting = true;
	TAILQ_INSERT_TAIL(&connection->pool->waiting, connection, queue);
}

static void unset_waiting(struct connection *connection)
{
	if (!connection->waiting)
		return;
	connection->waiting = false;
	TAILQ_REMOVE(&connection->pool->waiting, connection, queue);
}

static void unset_busy(struct connection *connection)
{
	if (connection->busy)
		crowd_end(connection->pool->crowd, connection->kind);
	connection->busy = false;
}

/* Close resets the connection: what a slow reader has not taken the kernel would keep for minutes,
 * and a sender whose window is closed would not learn for a minute that nobody reads. */
static void set_reset(const struct connection *connection)
{
	static const struct linger none = {.l_onoff = 1};

	setsockopt(bufferevent_getfd(socket_of(connection)), SOL_SOCKET, SO_LINGER, &none,
		   sizeof(none));
}

/* evhttp sees the end of file next, and frees the connection. Its place is free at once. Who is not
 * told why is reset. */
static void connection_end(struct connection *connection, enum connection_end why)
{
	if (why == CONNECTION_IDLE || why == CONNECTION_DISPLACED || why == CONNECTION_SLOW)
		set_reset(connection);
	connection->pool->counts.ended[why]++;
	connection->refused = true;
	connection->since.ns = 0;
	unset_waiting(connection);
	leave_crowd(connection);
	shutdown(bufferevent_getfd(socket_of(connection)), SHUT_RDWR);
}

/* The answer is sent. Who sends a body reads it only when all is sent, so what comes is read and
 * dropped for a while (RFC 9112, 9.6); without reading, the kernel would not open the window of a
 * socket that is shut down again, and its peer would wait for a minute. */
static void connection_linger(struct connection *connection)
{
	connection->pool->counts.ended[CONNECTION_MALFORMED]++;
	connection->refused = true;
	connection->since = mono_coarse();
	unset_waiting(connection);
	shutdown(bufferevent_getfd(socket_of(connection)), SHUT_WR);
}

static void linger_end(struct connection *connection)
{
	connection->since.ns = 0;
	set_reset(connection);
	leave_crowd(connection);
	shutdown(bufferevent_getfd(socket_of(connection)), SHUT_RDWR);
}

/* ---- bytes ---- */

/* Straight to the socket, because evhttp must not see any of it. */
static void send_past(const struct connection *connection, const char *bytes)
{
	struct bufferevent *socket = socket_of(connection);

	if (connection->peer.entrance == ENTRANCE_TLS)
		tls_send_last(socket, bytes, strlen(bytes));
	else
		(void)!send(bufferevent_getfd(socket), bytes, strlen(bytes),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Answers what the gate refused and ends the connection: after a request that is not HTTP nobody
 * can tell where the next one begins. An answer that is on its way is not mixed with another. */
static void refuse_bytes(struct connection *connection)
{
	const struct gate *gate = &connection->gate;
	const char *code = gate->status == 413 || gate->status == 414 || gate->status == 431
				   ? "too_large"
				   : "invalid_request";
	CLEANUP_FREE char *detail = gate->status == 413 ? xasprintf("%s, at most %u bytes are read",
								    gate->reason, EXCHANGE_BODY_MAX)
							: xstrdup(gate->reason);
	CLEANUP_JSON json_t *problem = problem_format(gate->status, code, detail);
	CLEANUP_FREE char *body = json_format(problem);
	CLEANUP_FREE char *answer =
		xasprintf("HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
			  "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			  gate->status, problem_title(gate->status), strlen(body), body);

	log_info("http", "a request was refused: %s", gate->reason);
	if (connection->exchange ||
	    evbuffer_get_length(bufferevent_get_output(socket_of(connection)))) {
		connection_end(connection, CONNECTION_MALFORMED);
		return;
	}
	send_past(connection, answer);
	connection_linger(connection);
}

/* Shows the gate the last `count` bytes of the buffer. Returns false if it refuses. */
static bool pass_gate(struct gate *gate, struct evbuffer *buffer, size_t count)
{
	struct evbuffer_iovec pieces[8];
	struct evbuffer_ptr at;
	size_t start = evbuffer_get_length(buffer) - count;

	while (count) {
		int n;

		evbuffer_ptr_set(buffer, &at, start, EVBUFFER_PTR_SET);
		n = evbuffer_peek(buffer, (ev_ssize_t)count, &at, pieces, ARRAY_SIZE(pieces));
		for (int i = 0; i < n && i < (int)ARRAY_SIZE(pieces); i++) {
			size_t len = pieces[i].iov_len < count ? pieces[i].iov_len : count;

			if (gate_step(gate, pieces[i].iov_base, len) < len)
				return false;
			start += len;
			count -= len;
		}
	}
	return true;
}

/* Requests that come faster than their answers are read. No answer: one is on its way. */
static void refuse_flood(struct connection *connection)
{
	log_info("http", "more requests than answers were read, connection closed");
	set_reset(connection);
	connection_end(connection, CONNECTION_MALFORMED);
}

/* Bytes arrived: a request has begun, unless one is being answered. They pass the gate before
 * evhttp looks at them. */
static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct connection *connection = arg;

	if (!info->n_added)
		return;
	connection->moved = mono_coarse();
	if (!connection->exchange && !connection->refused && !connection->since.ns)
		connection->since = connection->moved;
	if (!connection->refused && evbuffer_get_length(buffer) > INPUT_BYTES_MAX)
		refuse_flood(connection);
	else if (!connection->refused && !pass_gate(&connection->gate, buffer, info->n_added))
		refuse_bytes(connection);
	if (connection->refused)
		evbuffer_drain(buffer, evbuffer_get_length(buffer));
}

static void on_output(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct connection *connection = arg;

	connection->piece += info->n_deleted;
	if (!info->n_deleted || (connection->piece < PIECE_BYTES && evbuffer_get_length(buffer)))
		return;
	connection->piece = 0;
	connection->moved = mono_coarse();
}

/* ---- coming and going ---- */

static void connection_free(struct connection *connection)
{
	struct connection_pool *pool = connection->pool;

	LIST_REMOVE(connection, next);
	unset_waiting(connection);
	unset_busy(connection);
	leave_crowd(connection);
	if (connection->fd >= 0 && pool->by_fd[connection->fd] == connection)
		pool->by_fd[connection->fd] = NULL;
	free(connection);
}

static void forget_socket(struct connection *connection, struct bufferevent *socket)
{
	evbuffer_remove_cb(bufferevent_get_input(socket), on_input, connection);
	evbuffer_remove_cb(bufferevent_get_output(socket), on_output, connection);
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct connection *connection = arg;

	forget_socket(connection, evhttp_connection_get_bufferevent(http));
	evhttp_connection_set_closecb(http, NULL, NULL);
	if (connection->exchange)
		exchange_on_closed(connection->exchange);
	connection_free(connection);
}

void connection_add(struct connection_pool *pool, enum entrance entrance,
		    struct bufferevent *socket)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));

	connection->pool = pool;
	connection->peer.entrance = entrance;
	connection->fd = -1;
	connection->socket = socket;
	connection->since = connection->moved = mono_coarse();
	gate_init(&connection->gate, EXCHANGE_BODY_MAX);
	bufferevent_incref(socket);
	evbuffer_add_cb(bufferevent_get_input(socket), on_input, connection);
	evbuffer_add_cb(bufferevent_get_output(socket), on_output, connection);
	if (LIST_EMPTY(&pool->list))
		timer_set(pool->look, LOOK_EVERY);
	LIST_INSERT_HEAD(&pool->list, connection, next);
	TAILQ_INSERT_TAIL(&pool->fresh, connection, queue);
	event_active(pool->meeting, EV_TIMEOUT, 0);
}

/* What a reader's window has no room for waits with us, not in the kernel: thousands who do not
 * read would take all of tcp_mem, and each byte that is freed then looks like progress of another.
 */
static void limit_unsent(const struct connection *connection)
{
	static const int bytes = UNSENT_BYTES;

	setsockopt(connection->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

/* The answer follows the last handshake record: it would wait 40 ms for its acknowledgement. */
static void set_no_delay(const struct connection *connection)
{
	static const int yes = 1;

	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static int try_enter(struct connection *connection, const struct sockaddr *address)
{
	struct connection_pool *pool = connection->pool;
	mono_t now = mono_now();
	int r = crowd_enter(pool->crowd, address, now, &connection->address);

	if (r != CROWD_FULL || TAILQ_EMPTY(&pool->waiting))
		return r;
	connection_end(TAILQ_FIRST(&pool->waiting), CONNECTION_DISPLACED);
	return crowd_enter(pool->crowd, address, now, &connection->address);
}

static void admit(struct connection *connection)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n";
	struct sockaddr_storage address = {.ss_family = AF_INET};
	socklen_t size = sizeof(address);
	int r;

	/* gone already: counted as 0.0.0.0 until evhttp notices */
	if (getpeername(connection->fd, (struct sockaddr *)&address, &size))
		address = (struct sockaddr_storage){.ss_family = AF_INET};
	if (connection->peer.entrance == ENTRANCE_LOCAL) {
		address.ss_family = AF_UNIX;
		local_socket_peer(connection->fd, connection->pool->options.group,
				  &connection->peer);
	}
	limit_unsent(connection);
	set_no_delay(connection);
	r = try_enter(connection, (const struct sockaddr *)&address);
	if (!r) {
		set_waiting(connection);
		return;
	}
	/* no handshake for somebody who is sent away */
	if (connection->peer.entrance != ENTRANCE_TLS)
		send_past(connection, busy);
	connection_end(connection, r == CROWD_ADDRESS ? CONNECTION_ADDRESS : CONNECTION_FULL);
}

/* evhttp 2.1 is the argument of the callbacks it sets, which are cleared if it has let go. */
static struct evhttp_connection *find_http(struct bufferevent *socket)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *arg;

	bufferevent_getcb(socket, &read, &write, &event, &arg);
	return event ? arg : NULL;
}

static void meet(struct connection *connection)
{
	struct connection_pool *pool = connection->pool;
	struct bufferevent *socket = take_ptr(connection->socket);

	TAILQ_REMOVE(&pool->fresh, connection, queue);
	connection->http = find_http(socket);
	if (connection->http) {
		connection->fd = bufferevent_getfd(socket);
		bug_on(connection->fd < 0 || (size_t)connection->fd >= pool->fd_count);
		pool->by_fd[connection->fd] = connection;
		pool->counts.accepted[connection->peer.entrance]++;
		evhttp_connection_set_closecb(connection->http, on_close, connection);
		admit(connection);
	} else {
		forget_socket(connection, socket);
		connection_free(connection);
	}
	bufferevent_decref(socket);
}

/* In the same turn of the loop as the accept: no byte has been read yet. */
static void on_meeting(evutil_socket_t fd, short what, void *arg)
{
	struct connection_pool *pool = arg;

	(void)fd;
	(void)what;
	while (!TAILQ_EMPTY(&pool->fresh))
		meet(TAILQ_FIRST(&pool->fresh));
}

/* ---- requests ---- */

struct connection *connection_on_request(struct connection_pool *pool,
					 struct evhttp_connection *http)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(http));
	struct connection *connection;

	bug_on(fd < 0 || (size_t)fd >= pool->fd_count);
	connection = pool->by_fd[fd];
	bug_on(!connection || connection->http != http);
	connection->since.ns = 0;
	unset_waiting(connection);
	return connection;
}

int connection_begin(struct connection *connection, enum crowd_kind kind)
{
	struct connection_pool *pool = connection->pool;
	int r;

	if (connection->peer.entrance == ENTRANCE_LOCAL)
		return 0;
	r = crowd_begin(pool->crowd, kind);
	connection->busy = !r;
	connection->kind = kind;
	pool->counts.busy[kind] += r != 0;
	return r;
}

void connection_on_answered(struct connection *connection)
{
	connection->exchange = NULL;
	unset_busy(connection);
	connection->moved = mono_coarse();
	if (!connection->refused)
		set_waiting(connection);
}

/* ---- the look ---- */

enum look { LOOK_FINE, LOOK_ENDED, LOOK_ENDED_SLOW };

static enum look connection_look(struct connection *connection, mono_t now)
{
	const struct connection_options *o = &connection->pool->options;
	dur_t passed = mono_sub(now, connection->since);
	bool is_sending;

	if (connection->refused && connection->since.ns && passed >= LINGER)
		linger_end(connection);
	if (connection->refused || !connection->http)
		return LOOK_FINE;
	if (connection->since.ns) {
		if (passed < o->request_timeout)
			return LOOK_FINE;
		connection_end(connection, CONNECTION_SLOW);
		return LOOK_ENDED_SLOW;
	}
	is_sending = evbuffer_get_length(bufferevent_get_output(socket_of(connection)));
	if ((connection->exchange && !is_sending) ||
	    mono_sub(now, connection->moved) < o->idle_timeout)
		return LOOK_FINE;
	connection_end(connection, CONNECTION_IDLE);
	return is_sending ? LOOK_ENDED_SLOW : LOOK_ENDED;
}

static void log_slow(struct connection_pool *pool)
{
	if (pool->slow)
		log_info("http", "%u requests were not sent or read in time, connections closed",
			 pool->slow);
	pool->slow = 0;
}

static void on_look(void *owner)
{
	struct connection_pool *pool = owner;
	struct connection *connection;
	mono_t now = mono_now();
	unsigned ended = 0;

	LIST_FOREACH (connection, &pool->list, next) {
		enum look look = connection_look(connection, now);

		pool->slow += look == LOOK_ENDED_SLOW;
		ended += look != LOOK_FINE;
		if (ended == ENDED_AT_ONCE) {
			timer_set(pool->look, LOOK_AGAIN);
			return;
		}
	}
	log_slow(pool);
	if (!LIST_EMPTY(&pool->list))
		timer_set(pool->look, LOOK_EVERY);
}

/* ---- life ---- */

struct connection_pool *connection_pool_new(const struct connection_options *options)
{
	struct connection_pool *pool = xcalloc(1, sizeof(*pool));
	struct rlimit limit = {.rlim_cur = 1024};

	pool->options = *options;
	getrlimit(RLIMIT_NOFILE, &limit);
	pool->fd_count = limit.rlim_cur;
	pool->by_fd = xcalloc(pool->fd_count, sizeof(struct connection *));
	LIST_INIT(&pool->list);
	TAILQ_INIT(&pool->fresh);
	TAILQ_INIT(&pool->waiting);
	pool->crowd = crowd_new(&options->limits);
	pool->meeting = event_new(loop_base(options->loop), -1, 0, on_meeting, pool);
	bug_on(!pool->meeting);
	pool->look = timer_new(options->loop, on_look, pool);
	return pool;
}

struct connection_pool *connection_pool_free(struct connection_pool *pool)
{
	if (!pool)
		return NULL;
	while (!TAILQ_EMPTY(&pool->fresh))
		meet(TAILQ_FIRST(&pool->fresh));
	while (!LIST_EMPTY(&pool->list))
		connection_free(LIST_FIRST(&pool->list));
	event_free(pool->meeting);
	timer_free(pool->look);
	crowd_free(pool->crowd);
	free(pool->by_fd);
	free(pool);
	return NULL;
}

const struct connection_counts *connection_pool_counts(const struct connection_pool *pool)
{
	return &pool->counts;
}

const struct crowd *connection_pool_crowd(const struct connection_pool *pool)
{
	return pool->crowd;
}
