/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's sockets pass dispatch/push/destination.h here. */
#pragma once

#include <curl/curl.h>

struct egress {
	const char *allow;
	char beyond[128]; /* why what a proxy is asked for is refused, "" = it is not */
	char denied[128]; /* why the last address was refused, "" = none was */
};

/* `egress` must outlive the handle; allow is borrowed. */
void egress_set(struct egress *egress, CURL *easy, const char *allow);
/* After egress_set, for a request that goes through a proxy: what connects to the URL's host is the
 * proxy, which nobody else may use to reach what we must not. An address in the URL, however it is
 * written, and localhost are judged here; other names are the proxy's to look up. */
void egress_set_beyond(struct egress *egress, const char *url);
