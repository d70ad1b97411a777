/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: evhttp behind the connections' limits (connection.h), in front of the route
 * table: permission first, handler second.
 *
 * Two ways in: the configured address, with TLS or without, and the unix socket. Heads of at most
 * 16 KiB, bodies of at most 1 MiB. */
#pragma once

#include <stddef.h>

#include "dispatch/serve/connection.h"
#include "dispatch/serve/tls.h"

#define SERVER_HEAD_MAX (16 * 1024)
/* evhttp reads a body whole before it asks us; the gate is stricter and comes first */
#define SERVER_BODY_MAX (EXCHANGE_BODY_MAX + 65536)

struct server;

/* 0, or -errno: the address cannot be listened on, or (logged) there is no usable certificate. */
int server_start(struct control *control, const struct route table[], size_t count,
		 struct server **ret);
struct server *server_stop(struct server *server);

/* Key and certificate may have changed: new connections get the new ones. What cannot be used is
 * logged, and the old ones stay. server may be NULL. */
void server_reload(struct server *server);

/* NULL: no TLS. */
const struct tls_facts *server_tls(const struct server *server);
const struct connection_pool *server_connections(const struct server *server);
