/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket for tools on this machine: <state>/ringbell.sock. Who may open it is the file
 * system's business (owner and group of the file, 0660); who is at the other end the kernel says,
 * so that no token is needed. */
#pragma once

#include <sys/types.h>

#define LOCAL_SOCKET_NAME "ringbell.sock"

struct peer;

/* Makes the socket, replacing what a process before left, and listens. `group` 0: for the owner
 * only. To be called before the process shuts itself in. Returns a descriptor, non-blocking, or
 * -errno; -ENAMETOOLONG: the folder's path does not fit. */
int local_socket_open(const char *state, gid_t group);

/* Fills uid, pid and trusted: root, our own user, or a member of `group` (0 = nobody's). */
void local_socket_peer(int fd, gid_t group, struct peer *ret);
