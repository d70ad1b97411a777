/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP listener: evhttp on the loop, with limits evhttp does not have.
 *
 * - a request must be complete within request_timeout_ms of its first byte (of the accept, for a
 *   connection's first one): a periodic look shuts slower connections down;
 * - at most connections_max connections: beyond that nothing is accepted until one ends;
 * - every byte passes the gate (gate.h) first: only requests valid by RFC 9112, heads of at most
 *   16 KiB, bodies of at most 1 MiB.
 *
 * Then the route table: permission first, handler second. */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "dispatch/serve/exchange.h"
#include "dispatch/serve/gate.h"

struct server;
struct bufferevent;

struct connection {
	LIST_ENTRY(connection) next;
	struct server *server;
	struct bufferevent *socket;	/* referenced until the first request has come */
	struct evhttp_connection *http; /* NULL before */
	struct exchange *exchange;	/* being answered, or NULL */
	mono_t since;			/* first byte of the request being read; 0 = none */
	exchange_drained drained;	/* of the stream being sent */
	struct gate gate;		/* reads every byte before evhttp does */
	bool refused;			/* the socket is shut down, bytes are thrown away */
};

/* 0, or -errno: the address cannot be listened on. */
int server_start(struct control *control, const struct route table[], size_t count,
		 struct server **ret);
struct server *server_stop(struct server *server);

/* For exchange.c: the connection is free for its next request. */
void server_on_answered(struct connection *connection);
