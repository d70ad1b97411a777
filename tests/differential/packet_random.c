/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/packet_random.h"

#include <string.h>

/* Builds the packet and, beside it, the one without extension headers. */
struct builder {
	struct random *r;
	struct packet_random *p;
	uint32_t size;	     /* of the whole packet */
	uint32_t header_at;  /* where the IP header begins; 0 = there is none (or raw) */
	uint32_t header_end; /* of it and its extension headers */
	uint32_t extra_at;   /* extension headers that the plain one lacks */
	uint32_t extra_end;
	uint8_t plain_next; /* and its next header */
	int has_ip;
};

static void put(struct builder *b, u128 value, uint32_t bytes)
{
	for (uint32_t i = bytes; i; i--, value >>= 8)
		b->p->bytes[b->size + i - 1] = (uint8_t)value;
	b->size += bytes;
}

static u128 pick(struct builder *b, u128 base)
{
	return base + random_below(b->r, PACKET_POOL);
}

static void put_noise(struct builder *b, uint32_t bytes)
{
	while (bytes--)
		put(b, random_next(b->r), 1);
}

static uint8_t pick_protocol(struct builder *b)
{
	static const uint8_t others[] = {1, 2, 47, 50, 58, 89, 132, 255};

	if (random_chance(b->r, 70))
		return random_chance(b->r, 50) ? 6 : 17;
	return others[random_below(b->r, sizeof(others))];
}

static void put_transport(struct builder *b, uint8_t protocol)
{
	put(b, pick(b, PACKET_PORT), 2);
	put(b, random_chance(b->r, 30) ? 4789 : pick(b, PACKET_PORT), 2);
	if (protocol == 17) {
		put(b, 60, 2);
		put(b, 0, 2);
		put(b, random_chance(b->r, 80) ? 0x08000000 : random_next(b->r), 4);
		put(b, pick(b, PACKET_VNI), 3);
	}
	put_noise(b, 20 + random_below(b->r, 30));
}

static uint16_t pick_fragment(struct builder *b)
{
	if (random_chance(b->r, 80))
		return random_chance(b->r, 50) ? 0x4000 : 0;
	return (uint16_t)(random_chance(b->r, 50) ? 0x2000 : random_next(b->r) & 0x3fff);
}

static void put_ipv4(struct builder *b)
{
	uint8_t words = 5, protocol = pick_protocol(b), version = 4;

	if (random_chance(b->r, 20))
		words = (uint8_t)(5 + random_below(b->r, 11));
	else if (random_chance(b->r, 3))
		words = (uint8_t)random_below(b->r, 5);
	/* behind an ethertype nobody looks at it; elsewhere it is what makes the packet IPv4 */
	if (b->header_at && b->p->bytes[b->header_at - 2] == 8 && random_chance(b->r, 3))
		version = (uint8_t)random_below(b->r, 16);
	put(b, version << 4 | words, 1);
	put(b, 0, 1);
	put(b, 100, 2);
	put(b, random_next(b->r), 2);
	put(b, pick_fragment(b), 2);
	put(b, 64, 1);
	put(b, protocol, 1);
	put(b, 0, 2);
	put(b, pick(b, PACKET_IPV4), 4);
	put(b, pick(b, PACKET_IPV4), 4);
	if (words > 5)
		put_noise(b, 4 * (words - 5u));
	b->header_end = b->size;
	put_transport(b, protocol);
}

/* One extension header; returns its own number. `next` is filled in by the caller's chain. */
static void put_extension(struct builder *b, uint8_t kind, uint8_t next)
{
	uint32_t units = random_below(b->r, 3);

	put(b, next, 1);
	if (kind == 44) {
		put(b, 0, 1);
		put(b, random_chance(b->r, 50) ? 1 : random_next(b->r) & 0xffff, 2);
		put(b, random_next(b->r), 4);
	} else if (kind == 51) {
		put(b, units, 1);
		put_noise(b, (units + 2) * 4 - 2 < 6 ? 6 : (units + 2) * 4 - 2);
	} else {
		put(b, units, 1);
		put_noise(b, 8 * units + 6);
	}
}

/* A later fragment ends what is known; the plain packet keeps that one header. */
static int is_later_fragment(const struct builder *b, uint32_t at)
{
	return b->p->bytes[at + 2] || b->p->bytes[at + 3] & 0xf8;
}

static void put_extensions(struct builder *b, const uint8_t *kinds, uint32_t count,
			   uint8_t protocol)
{
	b->extra_at = b->extra_end = b->size;
	b->plain_next = protocol;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = b->size;

		put_extension(b, kinds[i], i + 1 < count ? kinds[i + 1] : protocol);
		b->extra_end = b->size;
		if (kinds[i] == 44 && is_later_fragment(b, at)) {
			b->extra_end = at;
			b->plain_next = 44;
			/* what follows is payload: let it not look like headers to come */
			b->p->bytes[at] = protocol;
			return;
		}
	}
}

static void put_ipv6(struct builder *b)
{
	static const uint8_t known[] = {0, 43, 44, 51, 60, 135};
	uint8_t protocol = pick_protocol(b), kinds[3];
	uint32_t count = random_chance(b->r, 40) ? 1 + random_below(b->r, 3) : 0;

	for (uint32_t i = 0; i < count; i++)
		kinds[i] = known[random_below(b->r, sizeof(known))];
	put(b, 6u << 28 | (random_next(b->r) & 0xfffff), 4);
	put(b, 60, 2);
	put(b, count ? kinds[0] : protocol, 1);
	put(b, 64, 1);
	put(b, pick(b, PACKET_IPV6), 16);
	put(b, pick(b, PACKET_IPV6), 16);
	put_extensions(b, kinds, count, protocol);
	b->header_end = b->size;
	put_transport(b, protocol);
}

static void put_ip(struct builder *b, int version)
{
	b->has_ip = 1;
	b->header_at = b->size;
	if (version == 4)
		put_ipv4(b);
	else
		put_ipv6(b);
}

static void put_labels(struct builder *b)
{
	uint32_t count = 1 + random_below(b->r, random_chance(b->r, 10) ? 6 : 3);

	for (uint32_t i = 0; i < count; i++)
		put(b, pick(b, PACKET_LABEL) << 12 | (i + 1 == count) << 8 | 64, 4);
	if (random_chance(b->r, 90))
		put_ip(b, random_chance(b->r, 70) ? 4 : 6);
	else
		put_noise(b, 60);
	if (count > 4) /* further than anybody looks */
		b->has_ip = 0;
}

static void put_ethernet(struct builder *b)
{
	static const uint16_t tag_types[] = {0x8100, 0x88a8, 0x9100};
	uint32_t kind = random_below(b->r, 100);

	put(b, pick(b, PACKET_MAC), 6);
	put(b, pick(b, PACKET_MAC), 6);
	for (uint32_t n = random_chance(b->r, 35) ? 1 + random_below(b->r, 3) : 0; n; n--) {
		put(b, tag_types[random_below(b->r, 3)], 2);
		put(b, random_below(b->r, 16) << 12 | (uint32_t)pick(b, PACKET_VLAN), 2);
	}
	if (kind < 50) {
		put(b, 0x0800, 2);
		put_ip(b, 4);
	} else if (kind < 78) {
		put(b, 0x86dd, 2);
		put_ip(b, 6);
	} else if (kind < 92) {
		put(b, 0x8847, 2);
		put_labels(b);
	} else {
		put(b, kind < 96 ? 0x0806 : random_next(b->r), 2);
		put_noise(b, 120);
	}
}

/* No order at all; long enough that nothing is cut, or too short for anything. */
static void put_garbage(struct builder *b)
{
	put_noise(b, random_chance(b->r, 80) ? 400 : random_below(b->r, 14));
}

static void build_plain(struct builder *b)
{
	struct packet_random *p = b->p;
	uint32_t extra = b->extra_end - b->extra_at;

	memcpy(p->plain, p->bytes, p->size);
	p->plain_size = p->size;
	if (!extra || p->size < b->extra_end)
		return;
	p->plain[b->header_at + 6] = b->plain_next;
	memmove(p->plain + b->extra_at, p->plain + b->extra_end, p->size - b->extra_end);
	p->plain_size -= extra;
}

static void build_stripped(struct builder *b)
{
	struct packet_random *p = b->p;
	uint32_t type = p->size >= 16 ? p->bytes[12] << 8 | p->bytes[13] : 0;

	p->tpid = 0;
	p->stripped_size = p->size;
	memcpy(p->stripped, p->bytes, p->size);
	if (p->link_type != 1 || (type != 0x8100 && type != 0x88a8) || random_chance(b->r, 50))
		return;
	p->tpid = (uint16_t)type;
	p->tci = (uint16_t)(p->bytes[14] << 8 | p->bytes[15]);
	memmove(p->stripped + 12, p->bytes + 16, p->size - 16);
	p->stripped_size -= 4;
}

void packet_random(struct random *r, uint32_t link_type, struct packet_random *ret)
{
	struct builder b = {.r = r, .p = ret};

	ret->link_type = link_type;
	if (random_chance(r, 8))
		put_garbage(&b);
	else if (link_type == 1)
		put_ethernet(&b);
	else
		put_ip(&b, random_chance(r, 60) ? 4 : 6);
	ret->size = b.size;
	if (random_chance(r, 15))
		ret->size = random_below(r, b.size + 1);
	ret->is_comparable = !ret->size ||
			     (b.has_ip ? ret->size <= b.header_at || ret->size >= b.header_end
				       : link_type == 1 || ret->size >= 40);
	if (link_type == 1 && ret->size && ret->size < 12)
		ret->is_comparable = 0;
	build_plain(&b);
	build_stripped(&b);
}
