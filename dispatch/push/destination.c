/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/destination.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"

static const struct {
	const char *text;
	const char *what;
} denied[] = {
	{"0.0.0.0/8", "this host"},
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local"},
	{"224.0.0.0/4", "multicast"},
	{"255.255.255.255", "broadcast"},
	{"::/96", "an old way to write an IPv4 address"},
	{"::1", "loopback"},
	{"fe80::/10", "link-local"},
	{"64:ff9b:1::/48", "local translation to IPv4"}, /* RFC 8215; where, nobody else knows */
	{"ff00::/8", "multicast"},
	{"fd00:ec2::254", "cloud metadata"},
	{"100.100.100.200", "cloud metadata"},
	{"192.0.0.192", "cloud metadata"},
};

static bool is_in(const struct address *address, const char *text)
{
	struct address_range range;

	return !address_range_parse(text, &range) && range.family == address->family &&
	       address->value >= range.range.from && address->value <= range.range.to;
}

/* The next item of the list, without blanks; moves on. False at the end. */
static bool next_item(const char **list, char item[ADDRESS_RANGE_TEXT_SIZE])
{
	size_t len;

	*list += strspn(*list, ", ");
	len = strcspn(*list, ", ");
	snprintf(item, ADDRESS_RANGE_TEXT_SIZE, "%.*s", (int)len, *list);
	*list += len;
	return len > 0;
}

static u128 number_of(const unsigned char *bytes, size_t len)
{
	u128 value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The IPv4 address that an IPv6 address leads to, or NULL: mapped (RFC 4291), translated (RFC
 * 2765), NAT64 (RFC 6052), 6to4 (RFC 3056). */
static const unsigned char *find_v4(const unsigned char bytes[16])
{
	static const unsigned char prefixes[][12] = {
		{[10] = 0xff, [11] = 0xff}, {[8] = 0xff, [9] = 0xff}, {0x00, 0x64, 0xff, 0x9b}};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!memcmp(bytes, prefixes[i], 12))
			return bytes + 12;
	return bytes[0] == 0x20 && bytes[1] == 0x02 ? bytes + 2 : NULL;
}

static bool read_address(const struct sockaddr *from, struct address *ret)
{
	const unsigned char *v4 = (const void *)&((const struct sockaddr_in *)from)->sin_addr;
	const unsigned char *v6 = (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr;

	if (from->sa_family != AF_INET && from->sa_family != AF_INET6)
		return false;
	if (from->sa_family == AF_INET6)
		v4 = find_v4(v6);
	ret->family = v4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
	ret->value = v4 ? number_of(v4, 4) : number_of(v6, 16);
	return true;
}

const char *destination_check(const struct sockaddr *to, const char *allow)
{
	char item[ADDRESS_RANGE_TEXT_SIZE];
	struct address address;

	if (!read_address(to, &address))
		return "neither IPv4 nor IPv6";
	while (next_item(&allow, item))
		if (is_in(&address, item))
			return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		if (is_in(&address, denied[i].text))
			return denied[i].what;
	return NULL;
}
