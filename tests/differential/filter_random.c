/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/filter_random.h"

#include "base/cleanup.h"
#include "tests/differential/packet_random.h"

static void add_range(struct random *r, struct range_set *set, u128 base, uint32_t pool, u128 max)
{
	u128 from = base + random_below(r, pool), to = from;

	if (random_chance(r, 40))
		to = from + random_below(r, random_chance(r, 20) ? 300 : pool);
	if (random_chance(r, 3))
		from = 0;
	if (random_chance(r, 3))
		to = max;
	range_set_add(set, from, to < max ? to : max);
}

static void add_addresses(struct random *r, struct match_side *side)
{
	uint32_t n = 1 + random_below(r, random_chance(r, 10) ? 12 : 3);

	while (n--) {
		switch (random_below(r, 5)) {
		case 0:
			add_range(r, &side->mac, PACKET_MAC, PACKET_POOL, ((u128)1 << 48) - 1);
			break;
		case 1:
			add_range(r, &side->ipv6, PACKET_IPV6, PACKET_POOL, ~(u128)0);
			break;
		default:
			add_range(r, &side->ipv4, PACKET_IPV4, PACKET_POOL, UINT32_MAX);
		}
	}
	range_set_sort(&side->ipv4);
	range_set_sort(&side->ipv6);
	range_set_sort(&side->mac);
}

static void add_numbers(struct random *r, struct range_set *set, uint32_t base, uint32_t pool,
			uint32_t max)
{
	for (uint32_t n = 1 + random_below(r, 3); n; n--)
		add_range(r, set, base, pool, max);
	range_set_sort(set);
}

static void add_protocols(struct random *r, struct range_set *set, bool with_ports)
{
	static const uint16_t plain[] = {1, 2, 6, 17, 47, 50, 58, 89, 132, 255, MATCH_ICMP};
	static const uint16_t ported[] = {6, 17, 132};

	for (uint32_t n = 1 + random_below(r, 2); n; n--) {
		uint16_t p = with_ports ? ported[random_below(r, ARRAY_SIZE(ported))]
					: plain[random_below(r, ARRAY_SIZE(plain))];

		range_set_add(set, p, p);
	}
	range_set_sort(set);
}

void filter_random(struct random *r, struct match *ret)
{
	*ret = (struct match){0};
	if (random_chance(r, 75))
		add_addresses(r, &ret->side);
	if (random_chance(r, 35))
		add_numbers(r, &ret->side.ports, PACKET_PORT, PACKET_POOL, 65535);
	if (random_chance(r, 40)) {
		ret->has_peer = true;
		if (random_chance(r, 75))
			add_addresses(r, &ret->peer);
		if (random_chance(r, 35))
			add_numbers(r, &ret->peer.ports, PACKET_PORT, PACKET_POOL, 65535);
	}
	if (random_chance(r, 40))
		add_protocols(r, &ret->protocols, ret->side.ports.count || ret->peer.ports.count);
	if (random_chance(r, 20))
		add_numbers(r, &ret->vlans, PACKET_VLAN, PACKET_POOL, 4094);
	if (random_chance(r, 12))
		add_numbers(r, &ret->mpls, PACKET_LABEL, PACKET_POOL, 0xfffff);
	else if (random_chance(r, 12) &&
		 (!ret->protocols.count || range_set_has(&ret->protocols, 17)))
		add_numbers(r, &ret->vnis, PACKET_VNI, PACKET_POOL, 0xffffff);
}
