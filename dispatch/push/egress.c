/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/egress.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "dispatch/push/destination.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

static void format_denial(char ret[128], const char *host, const char *what)
{
	snprintf(ret, 128, "%.60s is %s, a destination that courier.allow does not list", host,
		 what);
}

static curl_socket_t on_open(void *owner, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct egress *egress = owner;
	const char *what = destination_check(&to->addr, egress->allow);
	char text[64] = "?";

	(void)purpose;
	if (egress->beyond[0]) {
		memcpy(egress->denied, egress->beyond, sizeof(egress->denied));
		return CURL_SOCKET_BAD;
	}
	if (!what)
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	getnameinfo(&to->addr, to->addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	format_denial(egress->denied, text, what);
	return CURL_SOCKET_BAD;
}

void egress_set(struct egress *egress, CURL *easy, const char *allow)
{
	egress->allow = allow;
	egress->denied[0] = egress->beyond[0] = '\0';
	bug_on(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) != CURLE_OK);
	bug_on(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, egress) != CURLE_OK);
}

static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strlen(host);

	len -= len && host[len - 1] == '.';
	return len >= strlen(name) && !strncasecmp(host + len - strlen(name), name, strlen(name)) &&
	       (len == strlen(name) || host[len - strlen(name) - 1] == '.');
}

/* NULL if it is allowed, or a name of which only the proxy knows what it means. */
static const char *check_host(char *host, const char *allow)
{
	static char loopback[] = "127.0.0.1";
	size_t len = strlen(host);
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	char inside[64];

	if (is_localhost(host))
		host = loopback;
	else if (len && host[len - 1] == '.') /* an address with a dot behind it is one, too */
		host[len - 1] = '\0';
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		return destination_check((const struct sockaddr *)&v4, allow);
	if (*host != '[')
		return NULL;
	snprintf(inside, sizeof(inside), "%.*s", (int)strcspn(host + 1, "]%"), host + 1);
	if (inet_pton(AF_INET6, inside, &v6.sin6_addr) == 1)
		return destination_check((const struct sockaddr *)&v6, allow);
	return "no address";
}

void egress_set_beyond(struct egress *egress, const char *url)
{
	CLEANUP(curl_url_cleanup_ptr) CURLU *parts = curl_url();
	char *host = NULL;
	const char *what;

	bug_on(!parts);
	/* it also writes 0x7f.1 and 2130706433 as four numbers (since 7.77) */
	if (curl_url_set(parts, CURLUPART_URL, url, 0) ||
	    curl_url_get(parts, CURLUPART_HOST, &host, CURLU_URLDECODE))
		return; /* the transfer fails for that */
	what = check_host(host, egress->allow);
	if (what)
		format_denial(egress->beyond, host, what);
	curl_free(host);
}
