/* SPDX-License-Identifier: Apache-2.0 */
/* The address control listens on, and the filter that keeps our own traffic out of captures. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct listen_address {
	struct sockaddr_storage socket;
	socklen_t size;
	uint16_t port;
};

/* Reads "127.0.0.1:8470" or "[::1]:8470". 0 or -EINVAL with err. */
int listen_parse(const char *text, struct listen_address *ret, struct error *err);

/* Can only this machine connect? */
int listen_is_loopback(const struct listen_address *address);

/* The filter text that excludes management traffic on NIC `nic`, e.g.
 * "not (tcp port 8470 and (host 192.0.2.1))", or "" if the NIC carries none of it: a download that
 * is captured while it runs would feed itself. Asks the kernel for the NIC's addresses. Returns
 * text. */
#define LISTEN_EXCLUSION_SIZE 1024
const char *listen_exclusion(const struct listen_address *address, const char *nic,
			     char text[LISTEN_EXCLUSION_SIZE]);
