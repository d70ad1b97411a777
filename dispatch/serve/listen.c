/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define HOSTS_MAX 12 /* addresses of one NIC in the filter; INET6_ADDRSTRLEN each */

static int listen_complain(const char *text, struct error *err)
{
	return error_set(err, "invalid_value", "listen",
			 "\"%s\": address and port like 127.0.0.1:8470 or [::]:8470 expected",
			 text);
}

static bool port_parse(const char *text, uint16_t *ret)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || port < 1 || port > 65535)
		return false;
	*ret = (uint16_t)port;
	return true;
}

int listen_parse(const char *text, struct listen_address *ret, struct error *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->socket;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->socket;
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	memset(ret, 0, sizeof(*ret));
	if (!colon || len >= sizeof(host) || !port_parse(colon + 1, &ret->port))
		return listen_complain(text, err);
	memcpy(host, text, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(ret->port);
		ret->size = sizeof(*v6);
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1
			       ? 0
			       : listen_complain(text, err);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(ret->port);
	ret->size = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? 0 : listen_complain(text, err);
}

int listen_is_loopback(const struct listen_address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;

	if (address->socket.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The bytes of an address; NULL for families we do not speak. */
static const void *address_bytes(const struct sockaddr *a, size_t *size)
{
	if (a && a->sa_family == AF_INET) {
		*size = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)a)->sin_addr;
	}
	if (a && a->sa_family == AF_INET6) {
		*size = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)a)->sin6_addr;
	}
	return NULL;
}

/* Does a client reach us through interface address `a`? The wildcards are all zero; [::] takes
 * IPv4 as well. */
static bool listen_covers(const struct listen_address *address, const struct sockaddr *a)
{
	static const unsigned char zero[16];
	size_t own_size = 0, size = 0;
	const struct sockaddr *own_socket = (const struct sockaddr *)&address->socket;
	const void *own = address_bytes(own_socket, &own_size);
	const void *bytes = address_bytes(a, &size);

	if (!bytes)
		return false;
	if (!memcmp(own, zero, own_size))
		return own_socket->sa_family == AF_INET6 || a->sa_family == AF_INET;
	return own_size == size && !memcmp(own, bytes, size);
}

const char *listen_exclusion(const struct listen_address *address, const char *nic,
			     char text[LISTEN_EXCLUSION_SIZE])
{
	struct ifaddrs *all = NULL;
	char hosts[HOSTS_MAX * (INET6_ADDRSTRLEN + 9)] = "", host[INET6_ADDRSTRLEN];
	size_t len = 0, size, count = 0;
	bool loopback = false;

	text[0] = '\0';
	if (getifaddrs(&all))
		return text;
	for (struct ifaddrs *i = all; i && count < HOSTS_MAX; i = i->ifa_next) {
		if (strcmp(i->ifa_name, nic))
			continue;
		loopback = loopback || i->ifa_flags & IFF_LOOPBACK;
		if (!listen_covers(address, i->ifa_addr))
			continue;
		inet_ntop(i->ifa_addr->sa_family, address_bytes(i->ifa_addr, &size), host,
			  sizeof(host));
		len += (size_t)snprintf(hosts + len, sizeof(hosts) - len, "%shost %s",
					count++ ? " or " : "", host);
	}
	freeifaddrs(all);
	/* whatever address a local client uses, its packets pass the loopback NIC */
	if (loopback)
		snprintf(text, LISTEN_EXCLUSION_SIZE, "not (tcp port %u)", address->port);
	else if (count)
		snprintf(text, LISTEN_EXCLUSION_SIZE, "not (tcp port %u and (%s))", address->port,
			 hosts);
	return text;
}
