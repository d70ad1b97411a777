/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's sockets pass dispatch/push/destination.h here. */
#pragma once

#include <curl/curl.h>

struct egress {
	const char *allow;
	char denied[128]; /* why the last address was refused, "" = none was */
};

/* `egress` must outlive the handle; allow is borrowed. */
void egress_set(struct egress *egress, CURL *easy, const char *allow);
