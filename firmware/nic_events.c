/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/nic_events.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int nic_events_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	CLEANUP_CLOSE int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return take_fd(&fd);
}

void nic_events_clear(int fd)
{
	char message[1]; /* the rest of each is thrown away */

	while (recv(fd, message, sizeof(message), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}
