/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/match.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define TCP  6
#define UDP  17
#define SCTP 132

/* ---- ownership ---- */

static const size_t sets[] = {
	offsetof(struct match, side.ipv4), offsetof(struct match, side.ipv6),
	offsetof(struct match, side.mac),  offsetof(struct match, side.ports),
	offsetof(struct match, peer.ipv4), offsetof(struct match, peer.ipv6),
	offsetof(struct match, peer.mac),  offsetof(struct match, peer.ports),
	offsetof(struct match, protocols), offsetof(struct match, vlans),
	offsetof(struct match, mpls),	   offsetof(struct match, vnis),
};

static struct range_set *set_of(const struct match *match, size_t index)
{
	return (struct range_set *)((char *)match + sets[index]);
}

void match_fini(struct match *match)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		range_set_fini(set_of(match, i));
	*match = (struct match){0};
}

void match_copy(struct match *to, const struct match *from)
{
	*to = *from;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		range_set_copy(set_of(to, i), set_of(from, i));
}

bool match_equal(const struct match *a, const struct match *b)
{
	bool equal = a->has_peer == b->has_peer;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		equal = equal && range_set_equal(set_of(a, i), set_of(b, i));
	return equal;
}

/* ---- meaning ---- */

static bool is_any(const struct match_side *side)
{
	return !side->ipv4.count && !side->ipv6.count && !side->mac.count;
}

void match_protocols(const struct match *match, struct range_set *ret)
{
	range_set_copy(ret, &match->protocols);
	if (ret->count)
		return;
	if (match->vnis.count) {
		range_set_add(ret, UDP, UDP);
	} else if (match->side.ports.count || match->peer.ports.count) {
		range_set_add(ret, TCP, TCP);
		range_set_add(ret, UDP, UDP);
	}
}

static void add_addresses(struct match_side *side, const struct address *addresses, unsigned count)
{
	struct range_set *by_family[] = {
		[ADDRESS_IPV4] = &side->ipv4,
		[ADDRESS_IPV6] = &side->ipv6,
		[ADDRESS_MAC] = &side->mac,
	};

	for (unsigned i = 0; i < count; i++)
		range_set_add(by_family[addresses[i].family], addresses[i].value,
			      addresses[i].value);
}

static void add_numbers(struct range_set *set, const uint16_t *numbers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		range_set_add(set, numbers[i], numbers[i]);
}

/* Has a header with ports: the only ones for which port hints say anything. */
static bool has_ports(const struct range_set *protocols)
{
	return !protocols->count || range_set_has(protocols, TCP) ||
	       range_set_has(protocols, UDP) || range_set_has(protocols, SCTP);
}

void match_from_hints(struct match *ret, const struct alert_hints *hints, unsigned kinds)
{
	unsigned count[ALERT_HINT_COUNT];

	for (unsigned kind = 0; kind < ALERT_HINT_COUNT; kind++)
		count[kind] = kinds & 1u << kind ? hints->count[kind] : 0;
	add_numbers(&ret->protocols, hints->protocols, count[ALERT_HINT_PROTOCOL]);
	add_numbers(&ret->vlans, hints->vlans, count[ALERT_HINT_VLAN]);
	add_addresses(&ret->side, hints->addresses, count[ALERT_HINT_ADDRESS]);
	add_addresses(&ret->peer, hints->peers, count[ALERT_HINT_PEER_ADDRESS]);
	range_set_sort(&ret->protocols);
	if (has_ports(&ret->protocols)) {
		add_numbers(&ret->side.ports, hints->ports, count[ALERT_HINT_PORT]);
		add_numbers(&ret->peer.ports, hints->peer_ports, count[ALERT_HINT_PEER_PORT]);
	}
	ret->has_peer = !is_any(&ret->peer) || ret->peer.ports.count;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		range_set_sort(set_of(ret, i));
}

/* ---- exclusion ---- */

static bool sets_exclude(const struct range_set *a, const struct range_set *b)
{
	return a->count && b->count && !range_set_intersects(a, b);
}

static bool addresses_exclude(const struct match_side *a, const struct match_side *b)
{
	if (is_any(a) || is_any(b))
		return false;
	/* a MAC and an IP address may belong to one host */
	if ((a->mac.count && (b->ipv4.count || b->ipv6.count)) ||
	    (b->mac.count && (a->ipv4.count || a->ipv6.count)))
		return false;
	return !range_set_intersects(&a->ipv4, &b->ipv4) &&
	       !range_set_intersects(&a->ipv6, &b->ipv6) && !range_set_intersects(&a->mac, &b->mac);
}

static bool sides_exclude(const struct match_side *a, const struct match_side *b)
{
	return addresses_exclude(a, b) || sets_exclude(&a->ports, &b->ports);
}

/* MATCH_ICMP is a name for two numbers. */
static bool protocols_exclude(const struct match *a, const struct match *b)
{
	CLEANUP(range_set_fini) struct range_set x = {0}, y = {0};

	match_protocols(a, &x);
	match_protocols(b, &y);
	for (int i = 0; i < 2; i++) {
		struct range_set *set = i ? &y : &x;

		if (!range_set_has(set, MATCH_ICMP))
			continue;
		range_set_add(set, 1, 1);
		range_set_add(set, 58, 58);
		range_set_sort(set);
	}
	return sets_exclude(&x, &y);
}

bool match_excludes(const struct match *a, const struct match *b)
{
	/* the packet's direction in which a matches, and b's in it: the same or the other */
	bool same = sides_exclude(&a->side, &b->side) || sides_exclude(&a->peer, &b->peer);
	bool other = sides_exclude(&a->side, &b->peer) || sides_exclude(&a->peer, &b->side);

	return (same && other) || protocols_exclude(a, b) || sets_exclude(&a->vnis, &b->vnis);
}
