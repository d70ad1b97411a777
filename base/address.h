/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, IPv6 and MAC addresses as numbers, strictly parsed: what is no address is refused, never
 * looked up, never guessed at. Pure. */
#pragma once

#include "base/range_set.h"

#define ADDRESS_TEXT_SIZE	48
#define ADDRESS_RANGE_TEXT_SIZE (2 * ADDRESS_TEXT_SIZE)

enum address_family {
	ADDRESS_IPV4,
	ADDRESS_IPV6,
	ADDRESS_MAC,
};

struct address {
	enum address_family family;
	u128 value; /* as the bytes read in network order */
};

struct address_range {
	enum address_family family;
	struct interval range;
};

/* "192.0.2.1", "2001:db8::1" (no zone), "02:00:5e:10:00:01". Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *ret);
/* Canonical (RFC 5952 for IPv6). Returns text. */
char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* Bits of an address of this family: 32, 128, 48. */
unsigned address_bits(enum address_family family);

/* An address, "from-to" (to >= from), or for IP "address/prefix" without host bits.
 * Returns NULL or what is wrong, without the text. */
const char *address_range_parse(const char *text, struct address_range *ret);
/* The shortest of the three forms. Returns text. */
char *address_range_format(const struct address_range *range, char text[ADDRESS_RANGE_TEXT_SIZE]);
/* Prefix length if the range is one network, else -1. */
int address_range_prefix(const struct address_range *range);
