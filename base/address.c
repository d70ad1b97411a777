/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAC_TEXT "xx:xx:xx:xx:xx:xx"

unsigned address_bits(enum address_family family)
{
	return family == ADDRESS_IPV4 ? 32 : family == ADDRESS_IPV6 ? 128 : 48;
}

static u128 number_of(const uint8_t *bytes, size_t count)
{
	u128 value = 0;

	for (size_t i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void bytes_of(u128 value, uint8_t *bytes, size_t count)
{
	for (size_t i = count; i; i--, value >>= 8)
		bytes[i - 1] = (uint8_t)value;
}

static int parse_mac(const char *text, uint8_t bytes[6])
{
	if (strlen(text) != strlen(MAC_TEXT))
		return -EINVAL;
	for (size_t i = 0; i < 6; i++) {
		const char *at = text + 3 * i;
		char digits[3] = {at[0], at[1]};

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]) ||
		    at[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

int address_parse(const char *text, struct address *ret)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret = (struct address){ADDRESS_IPV4, number_of(bytes, 4)};
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret = (struct address){ADDRESS_IPV6, number_of(bytes, 16)};
	else if (!parse_mac(text, bytes))
		*ret = (struct address){ADDRESS_MAC, number_of(bytes, 6)};
	else
		return -EINVAL;
	return 0;
}

char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	uint8_t b[16];

	bytes_of(address->value, b, address_bits(address->family) / 8);
	if (address->family == ADDRESS_MAC)
		snprintf(text, ADDRESS_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2],
			 b[3], b[4], b[5]);
	else
		inet_ntop(address->family == ADDRESS_IPV4 ? AF_INET : AF_INET6, b, text,
			  ADDRESS_TEXT_SIZE);
	return text;
}

/* ---- ranges ---- */

static const char *parse_prefix(const char *digits, struct address_range *ret)
{
	unsigned bits = address_bits(ret->family), prefix;
	u128 hosts;

	if (ret->family == ADDRESS_MAC)
		return "a prefix length fits IP addresses only";
	if (strspn(digits, "0123456789") != strlen(digits) || !*digits || strlen(digits) > 3)
		return "a prefix length is a number";
	prefix = (unsigned)strtoul(digits, NULL, 10);
	if (prefix > bits)
		return bits == 32 ? "an IPv4 prefix has at most 32 bits"
				  : "an IPv6 prefix has at most 128 bits";
	/* in two steps: a shift by all 128 bits has no meaning */
	hosts = prefix == bits ? 0 : ((u128)1 << (bits - prefix - 1) << 1) - 1;
	if (ret->range.from & hosts)
		return "the address has bits set behind its prefix";
	ret->range.to = ret->range.from | hosts;
	return NULL;
}

const char *address_range_parse(const char *text, struct address_range *ret)
{
	static const char *const expected = "an IPv4, IPv6 or MAC address, a range from-to or a "
					    "network address/prefix expected";
	size_t len = strcspn(text, "-/");
	char first[ADDRESS_TEXT_SIZE];
	struct address from, to;

	if (len >= sizeof(first))
		return expected;
	memcpy(first, text, len);
	first[len] = '\0';
	if (address_parse(first, &from))
		return expected;
	*ret = (struct address_range){from.family, {from.value, from.value}};
	if (text[len] == '/')
		return parse_prefix(text + len + 1, ret);
	if (!text[len])
		return NULL;
	if (address_parse(text + len + 1, &to))
		return expected;
	if (to.family != from.family)
		return "both ends of a range must be of one kind";
	if (to.value < from.value)
		return "the end of the range lies before its beginning";
	ret->range.to = to.value;
	return NULL;
}

int address_range_prefix(const struct address_range *range)
{
	u128 hosts = range->range.from ^ range->range.to;
	int prefix = (int)address_bits(range->family);

	if (hosts & (hosts + 1) || range->range.from & hosts)
		return -1;
	for (; hosts; hosts >>= 1)
		prefix--;
	return prefix;
}

char *address_range_format(const struct address_range *range, char text[ADDRESS_RANGE_TEXT_SIZE])
{
	struct address from = {range->family, range->range.from};
	struct address to = {range->family, range->range.to};
	char first[ADDRESS_TEXT_SIZE], last[ADDRESS_TEXT_SIZE];
	int prefix = address_range_prefix(range);

	address_format(&from, first);
	if (from.value == to.value)
		snprintf(text, ADDRESS_RANGE_TEXT_SIZE, "%s", first);
	else if (prefix >= 0 && range->family != ADDRESS_MAC)
		snprintf(text, ADDRESS_RANGE_TEXT_SIZE, "%s/%d", first, prefix);
	else
		snprintf(text, ADDRESS_RANGE_TEXT_SIZE, "%s-%s", first, address_format(&to, last));
	return text;
}
