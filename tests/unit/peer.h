/* SPDX-License-Identifier: Apache-2.0 */
/* A remote HTTP server for tests: plain sockets on 127.0.0.1, so that it can misbehave in any way.
 * Each connection is served by a thread of its own, one request per connection. */
#pragma once

#include <stddef.h>

#define PEER_REQUEST_MAX 131072

struct peer;

/* A request as it came: head and body, NUL-terminated. */
struct peer_request {
	int socket;
	unsigned number; /* of the connection, from 1 */
	size_t len;
	size_t head_len; /* with the empty line */
	char text[PEER_REQUEST_MAX];
};

/* Answers by writing to request->socket, which is closed afterwards. Any thread. */
typedef void (*peer_call)(void *owner, struct peer_request *request);

struct peer *peer_new(peer_call call, void *owner);
/* Waits for its threads to end. */
struct peer *peer_free(struct peer *peer);
int peer_port(const struct peer *peer);
/* Connections accepted so far. */
unsigned peer_count(struct peer *peer);

/* Returns 0, or -1 when the other side has hung up. */
int peer_write(const struct peer_request *request, const char *text);
/* Waits until the other side hangs up, at most 5 s. */
void peer_wait_hangup(const struct peer_request *request);
/* Closing will send RST instead of FIN. */
void peer_reset(const struct peer_request *request);
/* A header's value copied into ret ("" if absent); case of the name ignored. Returns ret. */
char *peer_header(const struct peer_request *request, const char *name, char *ret, size_t size);
