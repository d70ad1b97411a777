/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed-size typed messages between our processes, over SOCK_SEQPACKET pairs.
 *
 * Each side treats the other as hostile: a receiver checks type and exact size of every message and
 * closes the link on the first one that does not fit. A message may carry one descriptor. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define IPC_SIZE_MAX 65536 /* largest body; fits the default socket buffer */

enum ipc_outcome {
	IPC_EMPTY = 1,	/* nothing to read now (non-blocking end) */
	IPC_CLOSED = 2, /* the other side is gone */
};

struct ipc_message {
	uint32_t type;
	uint32_t size; /* bytes in body */
	int fd;	       /* received descriptor or -1; the receiver owns it (close-on-exec) */
	/* aligned so that a message struct may be read in place */
	_Alignas(16) unsigned char body[IPC_SIZE_MAX];
};

/* Two connected ends, close-on-exec and non-blocking. Returns 0 or -errno. */
int ipc_pair(int fds[2]);

/* Sends one message; fd >= 0 is duplicated to the receiver (the caller keeps its own).
 * Returns 0, -EAGAIN when the socket is full or the kernel has no memory, -EPIPE when the peer is
 * gone, or -errno. */
int ipc_send(int socket, uint32_t type, const void *body, size_t size, int fd);

/* Waits until the message could be sent or timeout_ms passed (-ETIMEDOUT). */
int ipc_send_wait(int socket, uint32_t type, const void *body, size_t size, int fd, int timeout_ms);

/* Receives one message without waiting. Returns 0, IPC_EMPTY, IPC_CLOSED or -errno. */
int ipc_receive(int socket, struct ipc_message *ret);

/* Waits up to timeout_ms for a message (-ETIMEDOUT). Returns 0, IPC_CLOSED or -errno. */
int ipc_receive_wait(int socket, struct ipc_message *ret, int timeout_ms);

/* A pair's end on a loop: incoming messages become calls, outgoing ones never block.
 *
 * on_message may not free the link; message->fd still >= 0 after the call is closed.
 * on_closed is called once, from the loop, when the peer is gone or spoke nonsense (on_message
 * returned < 0); the link is dead then and waits for ipc_link_free. */
struct ipc_link;
typedef int (*ipc_on_message)(void *owner, struct ipc_message *message);
typedef void (*ipc_on_closed)(void *owner);

struct ipc_link *ipc_link_new(struct loop *loop, int socket /* put */, ipc_on_message on_message,
			      ipc_on_closed on_closed, void *owner);
struct ipc_link *ipc_link_free(struct ipc_link *link);

/* Sends now or queues (at most 4096 messages, then the link counts as dead). A dead or NULL link
 * swallows messages: the owner resynchronises with the next link. fd is duplicated. */
void ipc_link_send(struct ipc_link *link, uint32_t type, const void *body, size_t size, int fd);

/* True if `message` is exactly sizeof(T) long; for the first line of every handler. */
#define ipc_is(message, T) ((message)->size == sizeof(T))
