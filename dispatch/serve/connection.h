/* SPDX-License-Identifier: Apache-2.0 */
/* The listener's connections: limits that evhttp does not have, in front of evhttp.
 *
 * - TLS handshake and request must be complete within request_timeout of the accept, a later
 *   request within request_timeout of its first byte;
 * - idle_timeout without a byte ends a connection between requests, and idle_timeout in which less
 *   than 4 KiB of its answer are read ends one that reads too slowly;
 * - crowd.h says how many there may be. When all places are taken, the connection that has waited
 *   longest for a request makes room for the new one;
 * - every byte passes the gate (gate.h) before evhttp sees it.
 *
 * A look each second ends what is too slow. Loop thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/loop.h"
#include "dispatch/serve/crowd.h"
#include "dispatch/serve/exchange.h"
#include "dispatch/serve/gate.h"

struct bufferevent;
struct connection_pool;

/* How somebody came in. */
enum entrance {
	ENTRANCE_PLAIN,
	ENTRANCE_TLS,
	ENTRANCE_LOCAL, /* the unix socket */
	ENTRANCE_COUNT,
};

const char *entrance_name(enum entrance entrance);

struct peer {
	enum entrance entrance;
	uid_t uid; /* local only */
	pid_t pid;
	bool trusted; /* local, and root, ourselves or of the group: may do everything */
};

struct connection {
	LIST_ENTRY(connection) next;
	TAILQ_ENTRY(connection) queue; /* fresh or waiting */
	struct connection_pool *pool;
	struct bufferevent *socket;	/* referenced until `http` is known */
	struct evhttp_connection *http; /* NULL while fresh */
	struct exchange *exchange;	/* being answered, or NULL */
	struct crowd_address *address;	/* NULL = not counted (any more) */
	struct peer peer;
	int fd;
	bool waiting; /* in the pool's queue of those without a request */
	bool busy;    /* counted as `kind` */
	enum crowd_kind kind;
	mono_t since; /* first byte of the request being read, or its refusal; 0 = none */
	mono_t moved; /* newest byte in, newest piece out */
	size_t piece; /* bytes out since then */
	exchange_drained drained; /* of the stream being sent */
	struct gate gate;	  /* reads every byte before evhttp does */
	bool refused;		  /* nothing more is answered, bytes are thrown away */
};

struct connection_options {
	struct loop *loop;
	struct crowd_limits limits;
	dur_t request_timeout;
	dur_t idle_timeout;
	gid_t group; /* whose members are trusted at the unix socket; 0 = root only */
};

enum connection_end {
	CONNECTION_ADDRESS,   /* too many of one address */
	CONNECTION_FULL,      /* too many, and none that waits */
	CONNECTION_DISPLACED, /* waited longest when all places were taken */
	CONNECTION_SLOW,      /* handshake or request not complete in time */
	CONNECTION_IDLE,      /* no request, or an answer not read */
	CONNECTION_MALFORMED, /* refused by the gate */
	CONNECTION_ENDS,
};

const char *connection_end_name(enum connection_end end);

/* Since the process started. */
struct connection_counts {
	uint64_t accepted[ENTRANCE_COUNT];
	uint64_t ended[CONNECTION_ENDS]; /* by us, and why */
	uint64_t busy[CROWD_KINDS];	 /* requests that were told to come again */
};

struct connection_pool *connection_pool_new(const struct connection_options *options);
/* After evhttp let go of all of them. */
struct connection_pool *connection_pool_free(struct connection_pool *pool);
const struct connection_counts *connection_pool_counts(const struct connection_pool *pool);
const struct crowd *connection_pool_crowd(const struct connection_pool *pool);

/* evhttp asked for a socket's buffer: this one, which has no descriptor yet. */
void connection_add(struct connection_pool *pool, enum entrance entrance,
		    struct bufferevent *socket);

/* The connection of a request that is complete; from now on it is busy with `exchange`. */
struct connection *connection_on_request(struct connection_pool *pool,
					 struct evhttp_connection *http);
/* Counts it as busy with that kind of request. Returns 0 or CROWD_BUSY. */
int connection_begin(struct connection *connection, enum crowd_kind kind);
/* For exchange.c: the connection is free for its next request. */
void connection_on_answered(struct connection *connection);
