/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/egress.h"

#include <netdb.h>
#include <stdio.h>

#include "base/error.h"
#include "dispatch/push/destination.h"

static curl_socket_t on_open(void *owner, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct egress *egress = owner;
	const char *what = destination_check(&to->addr, egress->allow);
	char text[64] = "?";

	(void)purpose;
	if (!what)
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	getnameinfo(&to->addr, to->addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	snprintf(egress->denied, sizeof(egress->denied),
		 "%s is %s, a destination that courier.allow does not list", text, what);
	return CURL_SOCKET_BAD;
}

void egress_set(struct egress *egress, CURL *easy, const char *allow)
{
	egress->allow = allow;
	egress->denied[0] = '\0';
	bug_on(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) != CURLE_OK);
	bug_on(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, egress) != CURLE_OK);
}
