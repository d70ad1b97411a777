/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/problem.h"

#define HEAD_BYTES_MAX (16 * 1024)
/* evhttp reads a body whole before it asks us; the gate is stricter and comes first */
#define BODY_BYTES_MAX (EXCHANGE_BODY_MAX + 65536)
/* evhttp reads on while an answer is on its way: room for one more request, whole */
#define INPUT_BYTES_MAX (BODY_BYTES_MAX + HEAD_BYTES_MAX + GATE_LINE_MAX)
#define LOOK_EVERY	DUR_S
#define BACKLOG		256

struct server {
	struct control *control;
	struct evhttp *http;
	struct evconnlistener *listener;
	struct timer *look;
	const struct route *table;
	size_t count;
	unsigned connections;
	unsigned connections_max;
	bool refusing; /* the listener is off */
	LIST_HEAD(, connection) list;
};

/* ---- connections ---- */

static struct bufferevent *connection_socket(const struct connection *connection)
{
	return connection->http ? evhttp_connection_get_bufferevent(connection->http)
				: connection->socket;
}

/* Answers what the gate refused and ends the connection: after a request that is not HTTP nobody
 * can tell where the next one begins. Straight to the socket, because evhttp must not see any of
 * it; an answer that is on its way is not mixed with another. */
static void refuse_bytes(const struct connection *connection)
{
	struct bufferevent *socket = connection_socket(connection);
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
	int fd = bufferevent_getfd(socket);

	log_info("http", "a request was refused: %s", gate->reason);
	if (!connection->exchange && !evbuffer_get_length(bufferevent_get_output(socket)))
		(void)!send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_RDWR);
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
static void refuse_flood(const struct connection *connection)
{
	log_info("http", "more requests than answers were read, connection closed");
	shutdown(bufferevent_getfd(connection_socket(connection)), SHUT_RDWR);
}

/* Bytes arrived: a request has begun, unless one is being answered. They pass the gate before
 * evhttp looks at them. */
static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct connection *connection = arg;
	bool flood;

	if (!info->n_added)
		return;
	if (!connection->exchange && !connection->since.ns)
		connection->since = mono_now();
	flood = evbuffer_get_length(buffer) > INPUT_BYTES_MAX;
	if (!flood && !connection->refused && pass_gate(&connection->gate, buffer, info->n_added))
		return;
	if (!connection->refused && flood)
		refuse_flood(connection);
	else if (!connection->refused)
		refuse_bytes(connection);
	connection->refused = true;
	evbuffer_drain(buffer, evbuffer_get_length(buffer));
}

static void connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	LIST_REMOVE(connection, next);
	server->connections--;
	if (server->refusing && server->connections < server->connections_max) {
		server->refusing = false;
		evconnlistener_enable(server->listener);
	}
	free(connection);
}

/* evhttp asks for the socket's buffer when it has accepted a connection. A reference is kept until
 * the first request: until then nobody tells us that evhttp has let go. */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
	struct server *server = arg;
	struct connection *connection;
	struct bufferevent *socket = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	bug_on(!socket);
	connection = xcalloc(1, sizeof(*connection));
	connection->server = server;
	connection->socket = socket;
	connection->since = mono_now();
	gate_init(&connection->gate, EXCHANGE_BODY_MAX);
	bufferevent_incref(socket);
	evbuffer_add_cb(bufferevent_get_input(socket), on_input, connection);
	if (LIST_EMPTY(&server->list))
		timer_set(server->look, LOOK_EVERY);
	LIST_INSERT_HEAD(&server->list, connection, next);
	if (++server->connections >= server->connections_max) {
		log_warning("http", "%u connections, no more are accepted until one ends",
			    server->connections);
		server->refusing = true;
		evconnlistener_disable(server->listener);
	}
	return socket;
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct connection *connection = arg;

	evbuffer_remove_cb(bufferevent_get_input(evhttp_connection_get_bufferevent(http)), on_input,
			   connection);
	evhttp_connection_set_closecb(http, NULL, NULL);
	if (connection->exchange)
		exchange_on_closed(connection->exchange);
	connection_free(connection);
}

static struct connection *connection_find(struct server *server, struct evhttp_connection *http)
{
	struct bufferevent *socket = evhttp_connection_get_bufferevent(http);
	struct connection *connection;

	LIST_FOREACH (connection, &server->list, next) {
		if (connection->http == http)
			return connection;
		if (connection->socket != socket)
			continue;
		connection->http = http;
		connection->socket = NULL;
		bufferevent_decref(socket);
		evhttp_connection_set_closecb(http, on_close, connection);
		return connection;
	}
	return NULL;
}

/* Has evhttp let go of a connection that never had a request? Its callbacks are cleared then. */
static bool is_abandoned(struct bufferevent *socket)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *arg;

	bufferevent_getcb(socket, &read, &write, &event, &arg);
	return !read && !write && !event;
}

/* Returns true if the connection was too slow and is being closed. */
static bool connection_look(struct connection *connection, mono_t deadline)
{
	struct bufferevent *socket = connection->socket;

	if (socket && is_abandoned(socket)) {
		connection_free(connection);
		bufferevent_decref(socket);
		return false;
	}
	if (!connection->since.ns || mono_sub(deadline, connection->since) < 0)
		return false;
	if (!socket)
		socket = evhttp_connection_get_bufferevent(connection->http);
	connection->since.ns = 0;
	shutdown(bufferevent_getfd(socket), SHUT_RDWR);
	return true;
}

static void on_look(void *owner)
{
	struct server *server = owner;
	uint32_t timeout_ms = server->control->config.request_timeout_ms;
	mono_t deadline = mono_add(mono_now(), -(dur_t)timeout_ms * DUR_MS);
	struct connection *connection, *following;
	unsigned slow = 0;

	for (connection = LIST_FIRST(&server->list); connection; connection = following) {
		following = LIST_NEXT(connection, next);
		slow += connection_look(connection, deadline);
	}
	if (slow)
		log_info("http", "%u requests were not complete in time, connections closed", slow);
	if (!LIST_EMPTY(&server->list))
		timer_set(server->look, LOOK_EVERY);
}

void server_on_answered(struct connection *connection)
{
	connection->exchange = NULL;
}

/* ---- requests ---- */

static enum route_method method_of(struct evhttp_request *http)
{
	switch (evhttp_request_get_command(http)) {
	case EVHTTP_REQ_GET:
		return METHOD_GET;
	case EVHTTP_REQ_HEAD:
		return METHOD_HEAD;
	case EVHTTP_REQ_POST:
		return METHOD_POST;
	case EVHTTP_REQ_PUT:
		return METHOD_PUT;
	case EVHTTP_REQ_PATCH:
		return METHOD_PATCH;
	case EVHTTP_REQ_DELETE:
		return METHOD_DELETE;
	default:
		return 0;
	}
}

static bool authorise(struct exchange *exchange)
{
	const struct control *control = exchange->control;
	const char *header;

	switch (exchange->match.route->permission) {
	case PERMISSION_OPEN:
		return true;
	case PERMISSION_SOURCE: /* the handler compares the token: it is part of the path */
		return true;
	case PERMISSION_ADMIN:
		header = exchange_header(exchange, "Authorization");
		return auth_matches(auth_bearer(header), control->admin_sha256);
	case PERMISSION_NONE:
		break;
	}
	return false;
}

static void refuse_route(struct exchange *exchange, int outcome, const char *path)
{
	char methods[64];

	if (outcome == ROUTE_UNKNOWN) {
		exchange_refuse(exchange, 404, "not_found", "there is nothing at \"%.200s\"", path);
		return;
	}
	route_format_methods(exchange->match.allow, methods);
	exchange_set_header(exchange, "Allow", methods);
	exchange_refuse(exchange, 405, "method_not_allowed", "\"%.200s\" takes %s", path, methods);
}

static bool is_open(const struct route *route)
{
	return route->permission == PERMISSION_OPEN;
}

static void serve(struct exchange *exchange, const struct server *server)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->http);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	size_t len;
	int r;

	if (!path || (query && *query && evhttp_parse_query_str(query, &exchange->query))) {
		exchange_refuse(exchange, 400, "invalid_request", "the request's target is no URI");
		return;
	}
	r = route_find(server->table, server->count, exchange->method, path, &exchange->match);
	if (r) {
		refuse_route(exchange, r, path);
	} else if (!authorise(exchange)) {
		exchange_set_header(exchange, "WWW-Authenticate", "Bearer realm=\"ringbell\"");
		exchange_refuse(
			exchange, 401, "unauthorized",
			"header \"Authorization: Bearer <token>\" with a valid token expected");
	} else if (exchange_body(exchange, &len), len > EXCHANGE_BODY_MAX) {
		exchange_refuse(exchange, 413, "too_large",
				"body of %zu bytes, at most %u are read", len, EXCHANGE_BODY_MAX);
	} else if (!exchange->control->engine && !is_open(exchange->match.route)) {
		exchange_set_header(exchange, "Retry-After", "1");
		exchange_refuse(exchange, 503, "starting", "the state is being loaded, try again");
	} else {
		exchange->match.route->handler(exchange);
	}
}

static void on_request(struct evhttp_request *http, void *arg)
{
	struct server *server = arg;
	struct connection *connection =
		connection_find(server, evhttp_request_get_connection(http));
	struct exchange *exchange;

	bug_on(!connection);
	connection->since.ns = 0;
	exchange = exchange_new(server->control, connection, http);
	connection->exchange = exchange;
	exchange->method = method_of(http);
	serve(exchange, server);
}

/* ---- life ---- */

static void set_limits(struct server *server)
{
	const struct control_config *config = &server->control->config;
	struct timeval idle = {.tv_sec = config->idle_timeout_ms / 1000,
			       .tv_usec = config->idle_timeout_ms % 1000 * 1000};

	evhttp_set_max_headers_size(server->http, GATE_LINE_MAX + HEAD_BYTES_MAX);
	evhttp_set_max_body_size(server->http, BODY_BYTES_MAX);
	evhttp_set_timeout_tv(server->http, &idle);
	evhttp_set_default_content_type(server->http, NULL);
	/* all that the gate lets pass: what no route takes is answered by us, not by evhttp */
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
							 EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
							 EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE |
							 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE);
	evhttp_set_bevcb(server->http, on_accept, server);
	evhttp_set_gencb(server->http, on_request, server);
}

static int listen_on(struct server *server)
{
	struct control *control = server->control;

	server->listener = evconnlistener_new_bind(
		loop_base(control->loop), NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		(struct sockaddr *)&control->address.socket, (int)control->address.size);
	if (!server->listener)
		return -errno;
	bug_on(!evhttp_bind_listener(server->http, server->listener));
	return 0;
}

int server_start(struct control *control, const struct route table[], size_t count,
		 struct server **ret)
{
	struct server *server = xcalloc(1, sizeof(*server));
	int r;

	server->control = control;
	server->table = table;
	server->count = count;
	server->connections_max = control->config.connections_max;
	LIST_INIT(&server->list);
	server->http = evhttp_new(loop_base(control->loop));
	bug_on(!server->http);
	set_limits(server);
	server->look = timer_new(control->loop, on_look, server);
	r = listen_on(server);
	if (r < 0) {
		server_stop(server);
		return r;
	}
	*ret = server;
	return 0;
}

struct server *server_stop(struct server *server)
{
	struct connection *connection;

	if (!server)
		return NULL;
	server->refusing = false; /* the listener goes with evhttp */
	evhttp_free(server->http);
	while ((connection = LIST_FIRST(&server->list))) {
		struct bufferevent *socket = connection->socket;

		connection_free(connection);
		if (socket)
			bufferevent_decref(socket);
	}
	timer_free(server->look);
	free(server);
	return NULL;
}
