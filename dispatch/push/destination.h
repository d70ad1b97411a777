/* SPDX-License-Identifier: Apache-2.0 */
/* Where the courier may connect to: not to this machine, its links, or a cloud's metadata, unless
 * the operator allows it (SSRF, HTP-18). Asked with the address that is about to be connected to,
 * so no name can be looked up twice with different answers. Pure. */
#pragma once

#include <sys/socket.h>

/* NULL if allowed, else what it is: "loopback", "link-local", …; `allow` is a list of addresses and
 * networks (1.2.3.4, 10.0.0.0/8, ::1) separated by commas. IPv4 inside of IPv6 (::ffff:0:0/96,
 * 64:ff9b::/96) counts as what it is. */
const char *destination_check(const struct sockaddr *address, const char *allow);
