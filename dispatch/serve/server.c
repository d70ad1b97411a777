/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/server.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/tls_files.h"

#define BACKLOG		     1024
#define ACCEPTED_AT_ONCE     64	   /* in one turn of the loop, which has others to serve */
#define EVHTTP_TIMEOUT_S     86400 /* idle connections are our business, not evhttp's */
#define DESCRIPTORS_RESERVED 256   /* files, links, workers, connections on their way out */

/* evhttp and its listener for one entrance. */
struct door {
	struct server *server;
	enum entrance entrance;
	struct evhttp *http;
	struct evconnlistener *listener; /* evhttp's */
	struct event *more;		 /* end of a turn in which something was accepted */
	unsigned accepted;		 /* in this turn */
};

struct server {
	struct control *control;
	const struct route *table;
	size_t count;
	struct tls *tls; /* NULL: plain */
	struct connection_pool *connections;
	struct door doors[2];
	size_t door_count;
};

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

static bool has_token(const struct exchange *exchange)
{
	const char *header = exchange_header(exchange, "Authorization");

	return auth_matches(auth_bearer(header), exchange->control->admin_sha256);
}

/* A signed link counts before all else, so that the audit knows it: 0, LINK_EXPIRED, or nothing. */
static int follow_link(struct exchange *exchange)
{
	const char *target = evhttp_request_get_uri(exchange->http);
	int r = LINK_NONE;

	if (exchange->match.route->permission == PERMISSION_DOWNLOAD)
		r = link_check(&exchange->control->signing_key, target, wall_now(), exchange->link);
	if (r == 0) { /* not for the handler */
		evhttp_remove_header(&exchange->query, "expires");
		evhttp_remove_header(&exchange->query, "signature");
	}
	return r;
}

/* A trusted peer may do all that somebody may. */
static bool authorise(struct exchange *exchange)
{
	if (exchange->link[0] || exchange->connection->peer.trusted)
		return true;
	switch (exchange->match.route->permission) {
	case PERMISSION_OPEN:
		return true;
	case PERMISSION_SOURCE: /* the handler compares the token: it is part of the path */
		return true;
	case PERMISSION_ADMIN:
	case PERMISSION_DOWNLOAD:
		return has_token(exchange);
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

static enum crowd_kind kind_of(const struct route *route)
{
	return route->permission == PERMISSION_SOURCE ? CROWD_INTAKE : CROWD_MANAGEMENT;
}

/* Who changes something without a token is in the log. A source's path has its token. */
static void log_local(const struct exchange *exchange, const char *path)
{
	const struct peer *peer = &exchange->connection->peer;
	char method[64];

	if (peer->entrance != ENTRANCE_LOCAL || exchange->method == METHOD_GET ||
	    exchange->method == METHOD_HEAD ||
	    exchange->match.route->permission == PERMISSION_SOURCE)
		return;
	log_info("http", "uid %u, pid %d: %s %s", peer->uid, peer->pid,
		 route_format_methods(exchange->method, method), path);
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
	} else if (connection_begin(exchange->connection, kind_of(exchange->match.route))) {
		exchange_set_header(exchange, "Retry-After", "1");
		exchange_set_header(exchange, "Connection", "close");
		exchange_refuse(exchange, 503, "busy", "too many requests at once, try again");
	} else if (follow_link(exchange) == LINK_EXPIRED) {
		exchange_refuse(exchange, 403, "link_expired",
				"this link is over: ask for a new one");
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
		log_local(exchange, path);
		exchange->match.route->handler(exchange);
	}
}

static void on_request(struct evhttp_request *http, void *arg)
{
	struct server *server = ((struct door *)arg)->server;
	struct connection *connection =
		connection_on_request(server->connections, evhttp_request_get_connection(http));
	struct exchange *exchange = exchange_new(server->control, connection, http);

	connection->exchange = exchange;
	exchange->method = method_of(http);
	serve(exchange, server);
}

/* ---- life ---- */

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
	struct door *door = arg;
	struct server *server = door->server;
	struct bufferevent *socket =
		door->entrance == ENTRANCE_TLS
			? tls_accept(server->tls, base)
			: bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	bug_on(!socket);
	if (!door->accepted++)
		event_active(door->more, EV_TIMEOUT, 0);
	if (door->accepted == ACCEPTED_AT_ONCE)
		evconnlistener_disable(door->listener);
	connection_add(server->connections, door->entrance, socket);
	return socket;
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct door *door = arg;

	(void)fd;
	(void)what;
	door->accepted = 0;
	evconnlistener_enable(door->listener);
}

static void door_new(struct server *server, enum entrance entrance, struct evconnlistener *listener)
{
	static const struct timeval timeout = {.tv_sec = EVHTTP_TIMEOUT_S};
	struct door *door = &server->doors[server->door_count++];
	struct evhttp *http = evhttp_new(loop_base(server->control->loop));

	bug_on(!http);
	*door = (struct door){
		.server = server,
		.entrance = entrance,
		.http = http,
		.listener = listener,
		.more = event_new(loop_base(server->control->loop), -1, 0, on_turn_end, door),
	};
	bug_on(!door->more);
	evhttp_set_max_headers_size(http, GATE_LINE_MAX + SERVER_HEAD_MAX);
	evhttp_set_max_body_size(http, SERVER_BODY_MAX);
	evhttp_set_timeout_tv(http, &timeout);
	evhttp_set_default_content_type(http, NULL);
	/* all that the gate lets pass: what no route takes is answered by us, not by evhttp */
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
						 EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
						 EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
						 EVHTTP_REQ_TRACE);
	evhttp_set_bevcb(http, on_accept, door);
	evhttp_set_gencb(http, on_request, door);
	bug_on(!evhttp_bind_listener(http, listener));
}

static int listen_on(struct server *server)
{
	const struct listen_address *address = &server->control->address;
	struct evconnlistener *listener = evconnlistener_new_bind(
		loop_base(server->control->loop), NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		(const struct sockaddr *)&address->socket, (int)address->size);

	if (!listener)
		return -errno;
	door_new(server, server->tls ? ENTRANCE_TLS : ENTRANCE_PLAIN, listener);
	return 0;
}

/* The socket listens already; it stays the process's, for another start of the server. */
static void listen_locally(struct server *server, int fd)
{
	struct evconnlistener *listener;

	if (fd <= 0)
		return;
	listener = evconnlistener_new(loop_base(server->control->loop), NULL, NULL,
				      LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	bug_on(!listener);
	door_new(server, ENTRANCE_LOCAL, listener);
}

/* No more connections than there are descriptors for. */
static struct crowd_limits limits_of(const struct control_config *config)
{
	struct rlimit limit = {.rlim_cur = 1024};
	struct crowd_limits limits = {.max = config->connections_max,
				      .per_address = config->connections_per_address};

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > 2 * DESCRIPTORS_RESERVED &&
	    limits.max > limit.rlim_cur - DESCRIPTORS_RESERVED) {
		limits.max = (uint32_t)limit.rlim_cur - DESCRIPTORS_RESERVED;
		log_warning("http", "at most %u connections: there are no more descriptors",
			    limits.max);
	}
	limits.reserve = limits.max / 8;
	return limits;
}

int server_start(struct control *control, const struct route table[], size_t count,
		 struct server **ret)
{
	const struct control_config *config = &control->config;
	struct server *server = xcalloc(1, sizeof(*server));
	struct connection_options options = {
		.loop = control->loop,
		.limits = limits_of(config),
		.request_timeout = config->request_timeout_ms * DUR_MS,
		.idle_timeout = config->idle_timeout_ms * DUR_MS,
		.group = config->local_group,
	};
	int r;

	server->control = control;
	server->table = table;
	server->count = count;
	server->connections = connection_pool_new(&options);
	r = config->tls ? tls_files_load(control, &server->tls) : 0;
	if (!r)
		r = listen_on(server);
	if (r < 0) {
		server_stop(server);
		return r;
	}
	listen_locally(server, config->local_socket);
	*ret = server;
	return 0;
}

void server_reload(struct server *server)
{
	struct tls *tls;

	if (!server || !server->tls || tls_files_load(server->control, &tls) < 0)
		return;
	tls_free(server->tls);
	server->tls = tls;
}

struct server *server_stop(struct server *server)
{
	if (!server)
		return NULL;
	for (size_t i = 0; i < server->door_count; i++) {
		evhttp_free(server->doors[i].http);
		event_free(server->doors[i].more);
	}
	connection_pool_free(server->connections);
	tls_free(server->tls);
	free(server);
	return NULL;
}

const struct tls_facts *server_tls(const struct server *server)
{
	return server->tls ? tls_facts(server->tls) : NULL;
}

const struct connection_pool *server_connections(const struct server *server)
{
	return server->connections;
}
