/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that write their alerts to a unix socket, one JSON text per line or datagram, as
 * Suricata's `filetype: unix_stream` and `unix_dgram` do. The supervisor makes the sockets before
 * anybody gives up a right (ringbell.yaml, sources.sockets) and keeps them: senders find them
 * while control is down. Which source reads one is said by the source's `file`.
 *
 * Who writes faster than alerts become durable waits: nothing is read while a decision of this
 * sender is on its way, and what was read is kept until it is durable. A datagram leaves the
 * socket only then, so that it survives the death of this process (at least once); of a stream
 * what was read goes with the process, as does the connection.
 *
 * At most SOURCE_SENDERS connections each; more wait in the kernel's queue. Loop. */
#pragma once

#include <sys/queue.h>

#include "base/child.h"
#include "base/loop.h"

#define SOURCE_SENDERS 16

struct control;
struct source;
struct source_socket;

struct source_sockets {
	struct control *control;
	LIST_HEAD(, source_socket) list;
	struct timer *timer; /* set while somebody is to be looked at again */
	char *chunk;	     /* LINES_BYTES_MAX, for datagrams */
};

void source_sockets_init(struct source_sockets *sockets, struct control *control);
/* After the store is closed. */
void source_sockets_fini(struct source_sockets *sockets);

/* Takes fd: a bound socket, listening if it is one of streams. Returns 0 or -EBADMSG. */
int source_sockets_add(struct source_sockets *sockets, const struct child_source_socket *told,
		       int fd);

/* What a source's socket is doing; NULL if its `file` is none of the sockets. */
const char *source_sockets_state(const struct source_sockets *sockets, const struct source *source,
				 char text[200]);
