/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dispatch/serve/connection.h"

#define BACKLOG	   64
#define GROUPS_MAX 1024

int local_socket_open(const char *state, gid_t group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP_CLOSE int fd = -1;
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" LOCAL_SOCKET_NAME,
			   state);

	if (len >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(address.sun_path) && errno != ENOENT)
		return -errno;
	/* nobody connects before listen() */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    (group && chown(address.sun_path, (uid_t)-1, group)) ||
	    chmod(address.sun_path, group ? 0660 : 0600) || listen(fd, BACKLOG))
		return -errno;
	return take_fd(&fd);
}

static bool is_member(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (!group || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

void local_socket_peer(int fd, gid_t group, struct peer *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return;
	ret->uid = peer.uid;
	ret->pid = peer.pid;
	ret->trusted = peer.uid == 0 || peer.uid == geteuid() || (group && peer.gid == group) ||
		       is_member(fd, group);
}
