/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/fields.h"

#include <stddef.h>
#include <string.h>

enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
};

enum {
	PROTO_HOP = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_DEST = 60,
	PROTO_SCTP = 132,
	PROTO_MOBILITY = 135,
};

#define VXLAN_PORT 4789
#define VXLAN_VNI  8 /* flag: the number is valid */

struct view {
	const uint8_t *data;
	uint32_t size;
	struct fields *ret;
};

/* Offsets stay far below 2^32: at most 60 bytes of IPv4 header or 10 extension headers of 2 KiB are
 * added to an offset that was inside the packet. */
static inline int has(const struct view *v, uint32_t at, uint32_t bytes)
{
	return at + bytes <= v->size;
}

static inline uint16_t load16(const struct view *v, uint32_t at)
{
	uint16_t n;

	memcpy(&n, v->data + at, sizeof(n));
	return __builtin_bswap16(n);
}

static inline uint32_t load32(const struct view *v, uint32_t at)
{
	uint32_t n;

	memcpy(&n, v->data + at, sizeof(n));
	return __builtin_bswap32(n);
}

static inline uint64_t load64(const struct view *v, uint32_t at)
{
	uint64_t n;

	memcpy(&n, v->data + at, sizeof(n));
	return __builtin_bswap64(n);
}

static void read_vxlan(const struct view *v, uint32_t at)
{
	if (v->ret->target_port != VXLAN_PORT || !has(v, at, 16) || !(v->data[at + 8] & VXLAN_VNI))
		return;
	v->ret->vni = load32(v, at + 12) >> 8;
	v->ret->present |= FIELD_VNI;
}

static inline void read_transport(const struct view *v, uint32_t at, uint8_t protocol)
{
	struct fields *f = v->ret;

	if (protocol != PROTO_TCP && protocol != PROTO_UDP && protocol != PROTO_SCTP)
		return;
	if (!has(v, at, 2))
		return;
	f->source_port = load16(v, at);
	f->present |= FIELD_SOURCE_PORT;
	if (!has(v, at, 4))
		return;
	f->target_port = load16(v, at + 2);
	f->present |= FIELD_TARGET_PORT;
	if (protocol == PROTO_UDP)
		read_vxlan(v, at);
}

/* Neither version nor header length is judged: like BPF we take what the ethertype promised. */
static inline void read_ipv4(const struct view *v, uint32_t at)
{
	struct fields *f = v->ret;

	f->version = 4;
	if (!has(v, at, 10))
		return;
	f->protocol[f->protocols++] = v->data[at + 9];
	if (!has(v, at, 16))
		return;
	f->source4 = load32(v, at + 12);
	f->present |= FIELD_SOURCE;
	if (!has(v, at, 20)) /* nothing behind it is there either, unless the length is absurd */
		goto transport;
	f->target4 = load32(v, at + 16);
	f->present |= FIELD_TARGET;
transport:
	if (!(load16(v, at + 6) & 0x1fff))
		read_transport(v, at + (v->data[at] & 15u) * 4, v->data[at + 9]);
}

static uint32_t extension_bytes(const struct view *v, uint32_t at, uint8_t protocol)
{
	switch (protocol) {
	case PROTO_FRAGMENT:
		return 8;
	case PROTO_AH:
		return (v->data[at + 1] + 2u) * 4;
	case PROTO_HOP:
	case PROTO_ROUTING:
	case PROTO_DEST:
	case PROTO_MOBILITY:
		return (v->data[at + 1] + 1u) * 8;
	default:
		return 0;
	}
}

static inline int is_extension(uint8_t protocol)
{
	return protocol == PROTO_HOP || protocol == PROTO_ROUTING || protocol == PROTO_DEST ||
	       protocol == PROTO_MOBILITY || protocol == PROTO_FRAGMENT || protocol == PROTO_AH;
}

/* Follows the chain of headers to the transport's. */
static void read_chain(const struct view *v, uint32_t at)
{
	struct fields *f = v->ret;
	uint8_t protocol = f->protocol[0];

	while (is_extension(protocol) && f->protocols < FIELDS_PROTOCOLS_MAX) {
		int later_fragment;

		if (!has(v, at, 1))
			return;
		f->protocol[f->protocols++] = v->data[at];
		if (!has(v, at, 8))
			return;
		later_fragment = protocol == PROTO_FRAGMENT && load16(v, at + 2) & 0xfff8;
		at += extension_bytes(v, at, protocol);
		protocol = f->protocol[f->protocols - 1];
		if (later_fragment)
			return;
	}
	read_transport(v, at, protocol);
}

static void read_ipv6(const struct view *v, uint32_t at)
{
	struct fields *f = v->ret;

	f->version = 6;
	if (!has(v, at, 7))
		return;
	f->protocol[f->protocols++] = v->data[at + 6];
	if (!has(v, at, 24))
		return;
	f->source6 = (u128)load64(v, at + 8) << 64 | load64(v, at + 16);
	f->present |= FIELD_SOURCE;
	if (!has(v, at, 40))
		return;
	f->target6 = (u128)load64(v, at + 24) << 64 | load64(v, at + 32);
	f->present |= FIELD_TARGET;
	read_chain(v, at + 40);
}

/* By the version in the first byte, where nothing else says. */
static void read_ip(const struct view *v, uint32_t at)
{
	if (!has(v, at, 1))
		return;
	if (v->data[at] >> 4 == 4)
		read_ipv4(v, at);
	else if (v->data[at] >> 4 == 6)
		read_ipv6(v, at);
}

static void read_labels(const struct view *v, uint32_t at)
{
	struct fields *f = v->ret;

	while (f->labels < FIELDS_LABELS_MAX && has(v, at, 4)) {
		uint32_t entry = load32(v, at);

		f->label[f->labels++] = entry >> 12;
		at += 4;
		if (entry & 0x100) { /* bottom of the stack */
			read_ip(v, at);
			return;
		}
	}
}

static inline int is_tag(uint32_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}

static void read_ethernet(const struct view *v, const struct packet *p)
{
	struct fields *f = v->ret;
	uint32_t at = 12, type;

	if (!has(v, 0, 12)) {
		if (has(v, 0, 6)) {
			f->target_mac = (uint64_t)load32(v, 0) << 16 | load16(v, 4);
			f->present |= FIELD_TARGET_MAC;
		}
		return;
	}
	f->target_mac = load64(v, 0) >> 16;
	f->source_mac = (uint64_t)load16(v, 6) << 32 | load32(v, 8);
	f->present |= FIELD_TARGET_MAC | FIELD_SOURCE_MAC;
	if (p->vlan_tpid) {
		if (!is_tag(p->vlan_tpid))
			return;
		f->tag[f->tags++] = p->vlan_tci & 0xfff;
	}
	for (;;) {
		if (!has(v, at, 2))
			return;
		type = load16(v, at);
		at += 2;
		if (!is_tag(type) || f->tags == FIELDS_TAGS_MAX)
			break;
		if (!has(v, at, 2))
			return;
		f->tag[f->tags++] = load16(v, at) & 0xfff;
		at += 2;
	}
	if (type == TYPE_IPV4)
		read_ipv4(v, at);
	else if (type == TYPE_IPV6)
		read_ipv6(v, at);
	else if (type == TYPE_MPLS)
		read_labels(v, at);
}

void fields_read(const struct packet *p, uint32_t link_type, struct fields *ret)
{
	struct view v = {p->data, p->captured_bytes, ret};

	ret->present = 0;
	ret->version = ret->tags = ret->labels = ret->protocols = 0;
	if (link_type == LINK_ETHERNET)
		read_ethernet(&v, p);
	else if (link_type == LINK_RAW)
		read_ip(&v, 0);
}
