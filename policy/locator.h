/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as people write them into settings: URLs, hosts, mail addresses, Kafka's brokers and
 * topics, syslog's destinations. Pure.
 *
 * Checks return NULL, or what is expected instead (the caller quotes the value, if it is no
 * secret). Parsers give 0 or -EINVAL with the same text in *problem. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOCATOR_HOST_MAX 255
#define LOCATOR_MAIL_MAX 254 /* RFC 5321: a path of 256 with its brackets */

/* http or https, a host, no user and password, no byte outside of printable ASCII. Jinja
 * expressions may come after the authority (HTP-06). */
const char *locator_check_url(const char *url);
/* The same without expressions. */
const char *locator_check_plain_url(const char *url);
/* http://, https://, socks5:// or socks5h:// with an optional user and password. */
const char *locator_check_proxy(const char *url);
/* Number of bytes before the path: scheme, "://" and authority. The URL was checked. */
size_t locator_origin_len(const char *url);

/* A host name, an IPv4 address or an IPv6 address with or without brackets. */
const char *locator_check_host(const char *host);

/* One "local@domain" without blanks, control characters, quotes; local ≤ 64, domain ≤ 255. */
const char *locator_check_mail(const char *address);
/* Several, separated by commas, blanks around them allowed. */
const char *locator_check_mails(const char *list);
/* "a@b" or "Name <a@b>". */
const char *locator_check_mailbox(const char *mailbox);

/* "host:port, …" (IPv6 in brackets; brackets around anything else are dropped, A-09) → the same
 * without blanks, into ret (size ≥ strlen(list) + 1). */
int locator_parse_brokers(const char *list, char *ret, size_t size, const char **problem);

/* Kafka's own rule: 1 to 249 of A-Z a-z 0-9 . _ -, neither "." nor "..". */
const char *locator_check_topic(const char *topic);

enum locator_transport {
	LOCATOR_UDP,
	LOCATOR_TCP,
	LOCATOR_TLS,
};

/* A syslog destination: [udp://|tcp://|tls://]host[:port]; udp and 514 (tls: 6514) if not told. */
struct locator_destination {
	enum locator_transport transport;
	char host[LOCATOR_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
};
int locator_parse_destination(const char *text, struct locator_destination *ret,
			      const char **problem);
