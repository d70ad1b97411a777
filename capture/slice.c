/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/slice.h"

#include <stddef.h>

#define TAGS_MAX       8
#define EXTENSIONS_MAX 16

enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_PPPOE = 0x8864,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
};

enum {
	PROTO_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_IPV4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DEST = 60,
	PROTO_SCTP = 132,
	PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136,
};

struct view {
	const uint8_t *data;
	uint32_t size;
};

static int has(const struct view *v, uint32_t at, uint32_t bytes)
{
	return at <= v->size && v->size - at >= bytes;
}

static uint32_t word_at(const struct view *v, uint32_t at)
{
	return (uint32_t)v->data[at] << 8 | v->data[at + 1];
}

/* The end of a header of `bytes` at `at`, as far as it was captured. */
static uint32_t end_of(const struct view *v, uint32_t at, uint32_t bytes)
{
	return has(v, at, bytes) ? at + bytes : v->size;
}

static uint32_t transport_end(const struct view *v, uint32_t at, uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		if (!has(v, at, 13))
			return v->size;
		return end_of(v, at, (v->data[at + 12] >> 4) * 4u);
	case PROTO_UDP:
	case PROTO_UDPLITE:
	case PROTO_ICMP:
	case PROTO_ICMPV6:
	case PROTO_ESP:
		return end_of(v, at, 8);
	case PROTO_SCTP:
		return end_of(v, at, 12);
	case PROTO_GRE:
		return end_of(v, at, 4);
	default:
		return at;
	}
}

static uint32_t ipv4_end(const struct view *v, uint32_t at)
{
	uint32_t header;

	if (!has(v, at, 20))
		return v->size;
	header = (v->data[at] & 15) * 4u;
	if (header < 20)
		return at;
	if (!has(v, at, header))
		return v->size;
	if (word_at(v, at + 6) & 0x1fff) /* not the first fragment: no transport header */
		return at + header;
	return transport_end(v, at + header, v->data[at + 9]);
}

static int is_extension(uint8_t proto)
{
	return proto == PROTO_HOP || proto == PROTO_ROUTING || proto == PROTO_DEST ||
	       proto == PROTO_MOBILITY || proto == PROTO_FRAGMENT || proto == PROTO_AH;
}

/* Length of an IPv6 extension header of this kind. Needs 8 bytes at `at`. */
static uint32_t extension_bytes(const struct view *v, uint32_t at, uint8_t proto)
{
	if (proto == PROTO_FRAGMENT)
		return 8;
	if (proto == PROTO_AH)
		return (v->data[at + 1] + 2u) * 4;
	return (v->data[at + 1] + 1u) * 8;
}

static uint32_t ipv6_end(const struct view *v, uint32_t at)
{
	uint8_t proto;

	if (!has(v, at, 40))
		return v->size;
	proto = v->data[at + 6];
	at += 40;
	for (int i = 0; i < EXTENSIONS_MAX && is_extension(proto); i++) {
		uint32_t bytes;
		int later_fragment;

		if (!has(v, at, 8))
			return v->size;
		bytes = extension_bytes(v, at, proto);
		if (!has(v, at, bytes))
			return v->size;
		later_fragment = proto == PROTO_FRAGMENT && word_at(v, at + 2) & 0xfff8;
		proto = v->data[at];
		at += bytes;
		if (later_fragment)
			return at;
	}
	return transport_end(v, at, proto);
}

static uint32_t ip_end(const struct view *v, uint32_t at)
{
	if (!has(v, at, 1))
		return v->size;
	if (v->data[at] >> 4 == 4)
		return ipv4_end(v, at);
	return v->data[at] >> 4 == 6 ? ipv6_end(v, at) : at;
}

static uint32_t mpls_end(const struct view *v, uint32_t at)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		if (!has(v, at, 4))
			return v->size;
		at += 4;
		if (v->data[at - 2] & 1) /* bottom of the stack */
			return ip_end(v, at);
	}
	return at;
}

static uint32_t network_end(const struct view *v, uint32_t at, uint32_t type)
{
	switch (type) {
	case TYPE_IPV4:
	case TYPE_IPV6:
		return ip_end(v, at);
	case TYPE_ARP:
		return end_of(v, at, 28);
	case TYPE_MPLS:
		return mpls_end(v, at);
	case TYPE_PPPOE:
		return has(v, at, 8) ? ip_end(v, at + 8) : v->size;
	default:
		return at;
	}
}

static uint32_t ethernet_end(const struct view *v)
{
	uint32_t at = 12, type;

	for (int i = 0; i < TAGS_MAX; i++) {
		if (!has(v, at, 2))
			return v->size;
		type = word_at(v, at);
		if (type != TYPE_VLAN && type != TYPE_QINQ && type != TYPE_QINQ_OLD)
			return network_end(v, at + 2, type);
		at += 4;
	}
	return end_of(v, at, 2);
}

uint32_t slice_headers(const uint8_t *data, uint32_t captured_bytes, uint32_t link_type)
{
	struct view v = {data, captured_bytes};
	uint32_t end = v.size;

	if (link_type == LINK_ETHERNET)
		end = ethernet_end(&v);
	else if (link_type == LINK_RAW)
		end = ip_end(&v, 0);
	return end < v.size ? end : v.size;
}
