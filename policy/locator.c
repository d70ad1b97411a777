/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/locator.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LIST_ITEMS_MAX 50

/* ---- hosts and ports ---- */

static bool parse_port(const char *text, size_t len, uint16_t *ret)
{
	unsigned port = 0;

	if (len < 1 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (port < 1 || port > 65535)
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool is_v6(const char *text, size_t len)
{
	size_t colons = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)text[i]) && text[i] != ':' && text[i] != '.')
			return false;
		colons += text[i] == ':';
	}
	return colons >= 2 && len <= 45;
}

/* Letters, digits, '-', '_' and dots that separate something. */
static bool is_name(const char *text, size_t len)
{
	if (!len || len > LOCATOR_HOST_MAX || text[0] == '.' || text[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && i && text[i - 1] == '.')
			return false;
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	}
	return true;
}

const char *locator_check_host(const char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']' && is_v6(host + 1, len - 2))
		return NULL;
	if (is_name(host, len) || is_v6(host, len))
		return NULL;
	return "a host name or an IP address expected";
}

/* "host", "host:port", "[v6]", "[v6]:port" of len bytes: where the host is, and the port's text. */
struct host_port {
	const char *host;
	size_t host_len;
	const char *port; /* NULL = none */
	size_t port_len;
};

static bool split(const char *text, size_t len, struct host_port *ret)
{
	const char *end = text + len, *close;

	*ret = (struct host_port){.host = text};
	if (len && *text == '[') {
		close = memchr(text, ']', len);
		if (!close)
			return false;
		ret->host = text + 1;
		ret->host_len = (size_t)(close - ret->host);
		text = close + 1;
	} else {
		close = memchr(text, ':', len);
		ret->host_len = close ? (size_t)(close - text) : len;
		text += ret->host_len;
	}
	if (text == end)
		return true;
	if (*text != ':')
		return false;
	ret->port = text + 1;
	ret->port_len = (size_t)(end - ret->port);
	return true;
}

/* ---- URLs ---- */

static const char *after_scheme(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncasecmp(url, scheme, len) || strncmp(url + len, "://", 3) ? NULL : url + len + 3;
}

/* Where the authority begins, or NULL. */
static const char *authority_of(const char *url)
{
	const char *at = after_scheme(url, "http");

	return at ? at : after_scheme(url, "https");
}

size_t locator_origin_len(const char *url)
{
	const char *authority = authority_of(url);

	return authority ? (size_t)(authority - url) + strcspn(authority, "/?#") : 0;
}

static bool authority_is_valid(const char *text, size_t len)
{
	struct host_port at;
	uint16_t port;

	if (!split(text, len, &at) || !at.host_len)
		return false;
	if (*text == '[' ? !is_v6(at.host, at.host_len) : !is_name(at.host, at.host_len))
		return false;
	return !at.port || parse_port(at.port, at.port_len, &port);
}

static const char *check_authority(const char *authority)
{
	size_t len = strcspn(authority, "/?#");

	if (memchr(authority, '@', len))
		return "a URL without user and password expected; set the header Authorization "
		       "instead, which is kept secret";
	if (!authority_is_valid(authority, len))
		return "a host and an optional port from 1 to 65535 expected";
	return NULL;
}

/* Blanks are allowed inside of {{ }} and {% %}. */
static const char *check_url_bytes(const char *url)
{
	for (const char *p = url; *p; p++) {
		const char *end = !strncmp(p, "{{", 2)	 ? strstr(p, "}}")
				  : !strncmp(p, "{%", 2) ? strstr(p, "%}")
							 : NULL;

		if (end)
			p = end + 1;
		else if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return "a URL without blanks, control characters and bytes beyond ASCII "
			       "expected (encode them as %XX)";
	}
	return NULL;
}

const char *locator_check_url(const char *url)
{
	const char *authority = authority_of(url);
	const char *problem = check_url_bytes(url);

	if (problem)
		return problem;
	if (!authority)
		return "a URL that begins with http:// or https:// expected";
	return check_authority(authority);
}

const char *locator_check_plain_url(const char *url)
{
	if (strstr(url, "{{") || strstr(url, "{%"))
		return "a URL without expressions expected";
	return locator_check_url(url);
}

const char *locator_check_proxy(const char *url)
{
	static const char *const schemes[] = {"http", "https", "socks5", "socks5h"};
	const char *authority = NULL, *at;
	size_t len;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !authority; i++)
		authority = after_scheme(url, schemes[i]);
	if (!authority || check_url_bytes(url))
		return "http://, https://, socks5:// or socks5h:// and a host expected";
	len = strcspn(authority, "/?#");
	at = memrchr(authority, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	return authority_is_valid(authority, len) ? NULL : "a host and an optional port expected";
}

/* ---- mail ---- */

static const char *check_mail(const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len);
	size_t local = at ? (size_t)(at - text) : 0;

	if (!at || !local || local > 64 || len > LOCATOR_MAIL_MAX)
		return "an address of the form name@domain expected, at most 254 bytes";
	for (size_t i = 0; i < local; i++)
		if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f ||
		    strchr("()<>[]:;@\\,\"", text[i]))
			return "an address without blanks, control characters and any of "
			       "()<>[]:;@\\,\" in its name expected";
	if (text[0] == '.' || at[-1] == '.')
		return "a name that neither begins nor ends with a dot expected before the @";
	if (!is_name(at + 1, len - local - 1))
		return "a domain of letters, digits, '-' and dots expected after the @";
	return NULL;
}

const char *locator_check_mail(const char *address)
{
	return check_mail(address, strlen(address));
}

/* The item at *cursor without blanks around it; moves past the comma. False at the end. */
static bool next_item(const char **cursor, const char **item, size_t *len)
{
	const char *p = *cursor;

	if (!p)
		return false;
	*len = strcspn(p, ",");
	*cursor = p[*len] ? p + *len + 1 : NULL;
	while (*len && (*p == ' ' || *p == '\t')) {
		p++;
		--*len;
	}
	while (*len && (p[*len - 1] == ' ' || p[*len - 1] == '\t'))
		--*len;
	*item = p;
	return true;
}

const char *locator_check_mails(const char *list)
{
	const char *item, *problem;
	size_t len, count = 0;

	while (next_item(&list, &item, &len)) {
		problem = check_mail(item, len);
		if (problem)
			return problem;
		if (++count > LIST_ITEMS_MAX)
			return "at most 50 addresses expected";
	}
	return NULL;
}

const char *locator_check_mailbox(const char *mailbox)
{
	const char *open = strrchr(mailbox, '<');
	size_t len = strlen(mailbox);

	if (!open)
		return locator_check_mail(mailbox);
	if (mailbox[len - 1] != '>')
		return "name@domain or Name <name@domain> expected";
	return check_mail(open + 1, len - (size_t)(open + 1 - mailbox) - 1);
}

/* ---- Kafka ---- */

/* Brackets around a name or IPv4 address, and around the port, are placeholders taken literally. */
static size_t drop_brackets(const char **text, size_t len)
{
	if (len >= 2 && (*text)[0] == '[' && (*text)[len - 1] == ']') {
		++*text;
		return len - 2;
	}
	return len;
}

static const char *append_broker(const char *item, size_t len, char *ret, size_t size)
{
	size_t used = strlen(ret), host_len, port_len;
	const char *host = item, *port = NULL;
	uint16_t number;
	struct host_port at;

	if (!split(item, len, &at) || !at.port || !at.host_len)
		return "host:port expected (an IPv6 address in brackets), several separated by ','";
	host = at.host;
	host_len = at.host_len;
	port = at.port;
	port_len = drop_brackets(&port, at.port_len);
	if (!parse_port(port, port_len, &number))
		return "a port from 1 to 65535 expected";
	if (*item == '[' && is_v6(host, host_len))
		snprintf(ret + used, size - used, "%s[%.*s]:%u", used ? "," : "", (int)host_len,
			 host, number);
	else if (is_name(host, host_len))
		snprintf(ret + used, size - used, "%s%.*s:%u", used ? "," : "", (int)host_len, host,
			 number);
	else
		return "a host name, an IPv4 address or an IPv6 address in brackets expected "
		       "before the port";
	return NULL;
}

int locator_parse_brokers(const char *list, char *ret, size_t size, const char **problem)
{
	const char *item;
	size_t len, count = 0;

	ret[0] = '\0';
	while (next_item(&list, &item, &len)) {
		*problem = append_broker(item, len, ret, size);
		if (!*problem && ++count > LIST_ITEMS_MAX)
			*problem = "at most 50 brokers expected";
		if (*problem)
			return -EINVAL;
	}
	return 0;
}

const char *locator_check_topic(const char *topic)
{
	size_t len = strlen(topic);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)topic[i]) && !strchr("._-", topic[i]))
			return "letters, digits, '.', '_' and '-' expected, as Kafka wants them "
			       "(allow_nonstandard_topic takes any printable character)";
	if (len < 1 || len > 249)
		return "1 to 249 characters expected, Kafka's limit (allow_nonstandard_topic takes "
		       "up to 256)";
	if (!strcmp(topic, ".") || !strcmp(topic, ".."))
		return "a topic other than \".\" and \"..\" expected";
	return NULL;
}

/* ---- syslog ---- */

static const char *take_transport(const char *text, struct locator_destination *ret)
{
	static const char *const names[] = {
		[LOCATOR_UDP] = "udp", [LOCATOR_TCP] = "tcp", [LOCATOR_TLS] = "tls"};

	ret->transport = LOCATOR_UDP;
	if (!strstr(text, "://"))
		return text;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *rest = after_scheme(text, names[i]);

		ret->transport = (enum locator_transport)i;
		if (rest)
			return rest;
	}
	return NULL;
}

int locator_parse_destination(const char *text, struct locator_destination *ret,
			      const char **problem)
{
	const char *rest = take_transport(text, ret), *port;
	struct host_port at;
	size_t len;

	*problem = "udp://, tcp:// or tls://, a host and an optional port expected";
	if (!rest || !split(rest, strlen(rest), &at) || at.host_len > LOCATOR_HOST_MAX)
		return -EINVAL;
	if (!is_name(at.host, at.host_len) && !(*rest == '[' && is_v6(at.host, at.host_len)))
		return -EINVAL;
	ret->port = ret->transport == LOCATOR_TLS ? 6514 : 514;
	port = at.port;
	len = port ? drop_brackets(&port, at.port_len) : 0;
	if (port && !parse_port(port, len, &ret->port)) {
		*problem = "a port from 1 to 65535 expected";
		return -EINVAL;
	}
	snprintf(ret->host, sizeof(ret->host), "%.*s", (int)at.host_len, at.host);
	*problem = NULL;
	return 0;
}
