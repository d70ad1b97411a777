/* SPDX-License-Identifier: Apache-2.0 */
/* The unix sockets that senders on this machine write alerts to (ringbell.yaml, sources.sockets).
 * Made as whoever starts the daemon, kept by the supervisor, handed to each control process. */
#pragma once

#include "base/child.h"
#include "base/error.h"

#define SOURCE_SOCKETS_MAX 8

struct source_sockets_open {
	struct child_source_socket told[SOURCE_SOCKETS_MAX];
	int fds[SOURCE_SOCKETS_MAX];
	unsigned count;
};

/* Reads "PATH, dgram:PATH, …". Returns the number of sockets, or -EINVAL. Pure. */
int source_sockets_parse(const char *list, struct source_sockets_open *ret);

/* Is there such a group, or is it ""? 0, or -EINVAL with err. */
int source_sockets_check_group(const char *group, struct error *err);

/* Makes them, replacing what a daemon before left; folders that are not there are made. They are
 * open to their owner, and to the members of `group` if that is not "". Descriptors stay open for
 * the life of the process. Returns 0 or a negative error with err. */
int source_sockets_open(const char *list, const char *group, struct source_sockets_open *ret,
			struct error *err);
