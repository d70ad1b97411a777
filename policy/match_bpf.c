/* SPDX-License-Identifier: Apache-2.0 */
/* A load beyond the captured bytes ends a BPF program with "no match", whatever stands behind an
 * "or". So alternatives come in the order of the bytes they need: then a cut packet is judged as by
 * the classifier, to which a missing field is only unknown.
 *
 * libpcap keeps track of offsets behind "vlan" but could not return from "mpls" to what is in front
 * of it; behind labels the fields are therefore addressed by number.
 *
 * "and" and "or" bind equally: every list of more than one item is put in brackets. */
#include "policy/match_bpf.h"

#include <inttypes.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"

#define LINK_ETHERNET 1
#define LINK_RAW      101
#define TYPE_MPLS     0x8847
#define VXLAN_PORT    4789

enum kind {
	KIND_ANY,
	KIND_MAC,
	KIND_IP,
};

/* One way to match: which kind of address each side has, and in which direction. */
struct way {
	enum kind side;
	enum kind peer;
	bool reverse;
	unsigned rank; /* grows with the offset of the last field it needs; 0 = no IP header */
};

/* Ways that need an IP header, that do not, all. */
enum need {
	NEED_IP,
	NEED_NO_IP,
	NEED_EITHER,
};

struct writer {
	struct buf *out;
	const struct match *match;
	const struct range_set *protocols;
	struct way ways[8];
	size_t way_count;
	bool needs_ip;	  /* whatever the way */
	unsigned at;	  /* offset of the network header where libpcap does not know it, else 0 */
	unsigned version; /* there: 4 or 6 */
};

/* Writes the items of a list with words between them, in brackets if there are several. */
struct chain {
	struct buf *out;
	const char *word;
	size_t start;
	size_t count;
};

static struct chain chain_begin(struct buf *out, const char *word)
{
	return (struct chain){.out = out, .word = word, .start = out->len};
}

static void chain_next(struct chain *c)
{
	if (c->count++)
		buf_printf(c->out, " %s ", c->word);
}

static void chain_end(struct chain *c)
{
	CLEANUP_FREE char *text = NULL;
	struct buf *out = c->out;

	if (c->count < 2)
		return;
	text = strdup(out->data + c->start);
	out->len = c->start;
	buf_printf(out, "(%s)", text);
}

/* ---- numbers ---- */

/* `expression` lies in one of the ranges, whose values are shifted left by `shift` bits. */
static void write_numbers(struct buf *out, const struct range_set *set, const char *expression,
			  unsigned shift)
{
	struct chain c = chain_begin(out, "or");

	for (size_t i = 0; i < set->count; i++) {
		uint64_t from = (uint64_t)set->items[i].from << shift;
		uint64_t to = ((uint64_t)set->items[i].to << shift) + ((1u << shift) - 1);

		chain_next(&c);
		if (from == to)
			buf_printf(out, "%s = %" PRIu64, expression, from);
		else
			buf_printf(out, "(%s >= %" PRIu64 " and %s <= %" PRIu64 ")", expression,
				   from, expression, to);
	}
	chain_end(&c);
}

static void write_field(struct buf *out, const struct range_set *set, unsigned at, unsigned bytes,
			unsigned shift)
{
	char expression[40];

	snprintf(expression, sizeof(expression), "ether[%u:%u]", at, bytes);
	write_numbers(out, set, expression, shift);
}

/* ---- protocols ---- */

static void write_protocol(struct writer *w, unsigned number)
{
	if (w->at && number == MATCH_ICMP)
		number = w->version == 4 ? 1 : 58;
	if (w->at && w->version == 4)
		buf_printf(w->out, "ether[%u] = %u", w->at + 9, number);
	else if (w->at)
		buf_printf(w->out, "(ether[%u] = %u or (ether[%u] = 44 and ether[%u] = %u))",
			   w->at + 6, number, w->at + 6, w->at + 40, number);
	else if (number == MATCH_ICMP)
		buf_printf(w->out, "(icmp or icmp6)");
	else if (number == 6 || number == 17)
		buf_printf(w->out, "%s", number == 6 ? "tcp" : "udp");
	else
		buf_printf(w->out, "(ip proto %u or ip6 proto %u)", number, number);
}

static void write_protocols(struct writer *w)
{
	struct chain c = chain_begin(w->out, "or");

	for (size_t i = 0; i < w->protocols->count; i++) {
		for (u128 n = w->protocols->items[i].from; n <= w->protocols->items[i].to; n++) {
			chain_next(&c);
			write_protocol(w, (unsigned)n);
		}
	}
	chain_end(&c);
}

/* ---- ports ---- */

static void write_raw_port(struct writer *w, const struct range_set *set, unsigned offset)
{
	char expression[80];

	if (w->version == 6) {
		buf_printf(w->out, "(ether[%u] != 44 and ", w->at + 6);
		write_field(w->out, set, w->at + 40 + offset, 2, 0);
	} else {
		snprintf(expression, sizeof(expression), "ether[%u + 4 * (ether[%u] & 15):2]",
			 w->at + offset, w->at);
		buf_printf(w->out, "(ether[%u:2] & 0x1fff = 0 and ", w->at + 6);
		write_numbers(w->out, set, expression, 0);
	}
	buf_printf(w->out, ")");
}

static void write_ports(struct writer *w, const struct range_set *set, bool is_source)
{
	const char *end = is_source ? "src" : "dst";
	struct chain c;

	if (w->at) {
		write_raw_port(w, set, is_source ? 0 : 2);
		return;
	}
	c = chain_begin(w->out, "or");
	for (size_t i = 0; i < set->count; i++) {
		unsigned from = (unsigned)set->items[i].from, to = (unsigned)set->items[i].to;

		chain_next(&c);
		if (from == to)
			buf_printf(w->out, "%s port %u", end, from);
		else
			buf_printf(w->out, "%s portrange %u-%u", end, from, to);
	}
	chain_end(&c);
}

/* ---- addresses ---- */

static void write_mac(struct writer *w, const struct interval *range, bool is_source)
{
	unsigned at = is_source ? 6 : 0;
	struct address address = {ADDRESS_MAC, range->from};
	uint32_t from = (uint32_t)(range->from >> 16), to = (uint32_t)(range->to >> 16);
	unsigned from_low = (unsigned)range->from & 0xffff, to_low = (unsigned)range->to & 0xffff;
	char text[ADDRESS_TEXT_SIZE];

	if (range->from == range->to) {
		buf_printf(w->out, "ether %s %s", is_source ? "src" : "dst",
			   address_format(&address, text));
		return;
	}
	buf_printf(w->out,
		   "((ether[%u:4] > %u or (ether[%u:4] = %u and ether[%u:2] >= %u)) and "
		   "(ether[%u:4] < %u or (ether[%u:4] = %u and ether[%u:2] <= %u)))",
		   at, from, at, from, at + 4, from_low, at, to, at, to, at + 4, to_low);
}

static void write_ipv4(struct writer *w, const struct interval *range, bool is_source)
{
	struct address_range network = {ADDRESS_IPV4, *range};
	unsigned offset = is_source ? 12 : 16;
	struct range_set one = {.items = (struct interval *)range, .count = 1};
	char text[ADDRESS_RANGE_TEXT_SIZE];

	if (w->at) {
		write_field(w->out, &one, w->at + offset, 4, 0);
		return;
	}
	if (address_range_prefix(&network) >= 0)
		buf_printf(w->out, "ip %s net %s", is_source ? "src" : "dst",
			   address_range_format(&network, text));
	else
		write_numbers(w->out, &one, is_source ? "ip[12:4]" : "ip[16:4]", 0);
}

static void write_raw_network6(struct writer *w, u128 value, unsigned prefix, unsigned at)
{
	struct chain c = chain_begin(w->out, "and");

	for (unsigned word = 0; word < 4; word++) {
		unsigned bits = prefix > 32 * word ? prefix - 32 * word : 0;
		uint32_t part = (uint32_t)(value >> (96 - 32 * word));

		if (!bits && word)
			break;
		chain_next(&c);
		if (bits >= 32)
			buf_printf(w->out, "ether[%u:4] = %u", at + 4 * word, part);
		else
			buf_printf(w->out, "ether[%u:4] & %u = %u", at + 4 * word,
				   bits ? UINT32_MAX << (32 - bits) : 0u, part);
	}
	chain_end(&c);
}

/* pcap-filter compares at most 32 bits at a time: a range is written as the networks it is made
 * of. */
static void write_ipv6(struct writer *w, const struct interval *range, bool is_source,
		       struct chain *c)
{
	u128 from = range->from;

	for (;;) {
		struct address address = {ADDRESS_IPV6, from};
		unsigned prefix = 128;
		u128 hosts = 0;
		char text[ADDRESS_TEXT_SIZE];

		/* the largest network that begins here and does not reach beyond the end */
		while (prefix && !(from & (hosts << 1 | 1)) &&
		       range->to - from >= (hosts << 1 | 1)) {
			hosts = hosts << 1 | 1;
			prefix--;
		}
		chain_next(c);
		if (w->at)
			write_raw_network6(w, from, prefix, w->at + (is_source ? 8 : 24));
		else
			buf_printf(w->out, "ip6 %s net %s/%u", is_source ? "src" : "dst",
				   address_format(&address, text), prefix);
		if (range->to - from == hosts)
			return;
		from += hosts + 1;
	}
}

static void write_addresses(struct writer *w, const struct match_side *side, enum kind kind,
			    bool is_source)
{
	struct chain c = chain_begin(w->out, "or");

	for (size_t i = 0; kind == KIND_MAC && i < side->mac.count; i++) {
		chain_next(&c);
		write_mac(w, &side->mac.items[i], is_source);
	}
	for (size_t i = 0; kind == KIND_IP && w->version != 6 && i < side->ipv4.count; i++) {
		chain_next(&c);
		write_ipv4(w, &side->ipv4.items[i], is_source);
	}
	for (size_t i = 0; kind == KIND_IP && w->version != 4 && i < side->ipv6.count; i++)
		write_ipv6(w, &side->ipv6.items[i], is_source, &c);
	chain_end(&c);
}

/* ---- ways ---- */

static unsigned end_rank(const struct match_side *side, enum kind kind, bool is_source)
{
	unsigned rank = kind == KIND_IP ? 1u + !is_source : 0;

	return side->ports.count ? 3u + !is_source : rank;
}

static void add_way(struct writer *w, enum kind side, enum kind peer, bool reverse)
{
	unsigned a = end_rank(&w->match->side, side, !reverse);
	unsigned b = end_rank(&w->match->peer, peer, reverse);
	struct way way = {side, peer, reverse, a > b ? a : b};
	size_t at = w->way_count++;

	for (; at && w->ways[at - 1].rank > way.rank; at--)
		w->ways[at] = w->ways[at - 1];
	w->ways[at] = way;
}

/* Returns the kinds of addresses a side has as bits. */
static unsigned kinds_of(const struct match_side *side, uint32_t link_type)
{
	unsigned kinds = 0;

	if (side->ipv4.count || side->ipv6.count)
		kinds |= 1u << KIND_IP;
	if (side->mac.count && link_type == LINK_ETHERNET)
		kinds |= 1u << KIND_MAC;
	if (!kinds && !side->mac.count)
		kinds |= 1u << KIND_ANY;
	return kinds;
}

static void find_ways(struct writer *w, uint32_t link_type)
{
	unsigned sides = kinds_of(&w->match->side, link_type);
	unsigned peers = kinds_of(&w->match->peer, link_type);

	for (int side = KIND_ANY; side <= KIND_IP; side++)
		for (int peer = KIND_ANY; peer <= KIND_IP; peer++)
			for (int reverse = 0; reverse < 2; reverse++)
				if (sides & 1u << side && peers & 1u << peer)
					add_way(w, side, peer, reverse);
	/* nothing tells the directions apart */
	if (w->way_count == 2 && w->ways[0].side == KIND_ANY && w->ways[0].peer == KIND_ANY &&
	    !w->match->side.ports.count && !w->match->peer.ports.count)
		w->way_count = 1;
}

/* Behind labels only one version is looked at: has this way an address of it? */
static bool end_fits(const struct writer *w, const struct match_side *side, enum kind kind)
{
	if (!w->at || kind != KIND_IP)
		return true;
	return w->version == 4 ? side->ipv4.count : side->ipv6.count;
}

static void write_end(struct writer *w, const struct match_side *side, enum kind kind,
		      bool is_source, struct chain *c)
{
	if (kind != KIND_ANY) {
		chain_next(c);
		write_addresses(w, side, kind, is_source);
	}
}

/* Fields in the order in which they lie in the packet. */
static void write_way(struct writer *w, const struct way *way)
{
	const struct match_side *source = way->reverse ? &w->match->peer : &w->match->side;
	const struct match_side *target = way->reverse ? &w->match->side : &w->match->peer;
	enum kind source_kind = way->reverse ? way->peer : way->side;
	enum kind target_kind = way->reverse ? way->side : way->peer;
	struct chain c = chain_begin(w->out, "and");

	write_end(w, source, source_kind, true, &c);
	write_end(w, target, target_kind, false, &c);
	if (source->ports.count) {
		chain_next(&c);
		write_ports(w, &source->ports, true);
	}
	if (target->ports.count) {
		chain_next(&c);
		write_ports(w, &target->ports, false);
	}
	chain_end(&c);
}

static bool is_empty_way(const struct writer *w, const struct way *way)
{
	return way->side == KIND_ANY && way->peer == KIND_ANY && !w->match->side.ports.count &&
	       !w->match->peer.ports.count;
}

static bool is_wanted(const struct writer *w, const struct way *way, enum need need)
{
	bool needs = w->needs_ip || way->rank;

	return (need == NEED_EITHER || needs == (need == NEED_IP)) &&
	       end_fits(w, &w->match->side, way->side) && end_fits(w, &w->match->peer, way->peer);
}

static size_t count_ways(const struct writer *w, enum need need)
{
	size_t count = 0;

	for (size_t i = 0; i < w->way_count; i++)
		count += is_wanted(w, &w->ways[i], need);
	return count;
}

/* Writes nothing if the only way has no condition. */
static void write_ways(struct writer *w, enum need need)
{
	struct chain c = chain_begin(w->out, "or");

	for (size_t i = 0; i < w->way_count && !is_empty_way(w, &w->ways[0]); i++) {
		if (!is_wanted(w, &w->ways[i], need))
			continue;
		chain_next(&c);
		write_way(w, &w->ways[i]);
	}
	chain_end(&c);
}

/* ---- from the inside out ---- */

static void write_vni(struct writer *w)
{
	buf_printf(w->out, "((udp dst port %d and udp[8] & 8 != 0 and ", VXLAN_PORT);
	write_numbers(w->out, &w->match->vnis, "udp[12:4]", 8);
	buf_printf(w->out, ") or (ip6[6] = 17 and ip6[42:2] = %d and ip6[48] & 8 != 0 and ",
		   VXLAN_PORT);
	write_numbers(w->out, &w->match->vnis, "ip6[52:4]", 8);
	buf_printf(w->out, "))");
}

/* All that concerns the network header at the present place. */
static void write_core(struct writer *w)
{
	struct chain c = chain_begin(w->out, "and");

	if (w->at) {
		chain_next(&c);
		buf_printf(w->out, "ether[%u] & 0xf0 = %u", w->at, w->version << 4);
	}
	if (w->protocols->count) {
		chain_next(&c);
		write_protocols(w);
	}
	if (w->match->vnis.count) {
		chain_next(&c);
		write_vni(w);
	}
	if (!is_empty_way(w, &w->ways[0])) {
		chain_next(&c);
		write_ways(w, w->at ? NEED_IP : NEED_EITHER);
	}
	chain_end(&c);
}

/* ---- MPLS ---- */

/* One of the labels is in the set, as far as the stack goes. */
static void write_labels(struct writer *w, unsigned at)
{
	for (unsigned i = 0; i < MATCH_LABELS_MAX; i++) {
		buf_printf(w->out, i ? " or (ether[%u] & 1 = 0 and (" : "((", at + 4 * i - 2);
		write_field(w->out, &w->match->mpls, at + 4 * i, 4, 12);
	}
	for (unsigned i = 0; i < MATCH_LABELS_MAX; i++)
		buf_printf(w->out, "))");
}

/* IP behind a stack of exactly n labels, of which one is in the set. */
static void write_stack(struct writer *w, unsigned at, unsigned n, struct chain *stacks)
{
	struct chain labels;

	for (w->version = 4; w->version <= 6; w->version += 2) {
		w->at = at + 4 * n;
		if (!count_ways(w, NEED_IP))
			continue;
		chain_next(stacks);
		buf_printf(w->out, "(");
		for (unsigned i = 0; i < n; i++)
			buf_printf(w->out, "ether[%u] & 1 = %d and ", at + 4 * i + 2, i == n - 1);
		labels = chain_begin(w->out, "or");
		for (unsigned i = 0; i < n; i++) {
			chain_next(&labels);
			write_field(w->out, &w->match->mpls, at + 4 * i, 4, 12);
		}
		chain_end(&labels);
		buf_printf(w->out, " and ");
		write_core(w);
		buf_printf(w->out, ")");
	}
	w->at = w->version = 0;
}

static void write_mpls(struct writer *w, unsigned at)
{
	struct chain c;

	buf_printf(w->out, "(ether[%u:2] = %d and ", at - 2, TYPE_MPLS);
	c = chain_begin(w->out, "or");
	if (count_ways(w, NEED_NO_IP)) {
		chain_next(&c);
		buf_printf(w->out, "(");
		write_ways(w, NEED_NO_IP);
		buf_printf(w->out, is_empty_way(w, &w->ways[0]) ? "" : " and ");
		write_labels(w, at);
		buf_printf(w->out, ")");
	}
	for (unsigned n = 1; n <= MATCH_LABELS_MAX; n++)
		write_stack(w, at, n, &c);
	if (!c.count)
		buf_printf(w->out, "1 = 0");
	chain_end(&c);
	buf_printf(w->out, ")");
}

/* ---- tags ---- */

static void write_inside(struct writer *w, unsigned tags)
{
	if (w->match->mpls.count)
		write_mpls(w, 14 + 4 * tags);
	else
		write_core(w);
}

/* Nothing, or a condition on the packet behind `tags` tags. */
static bool has_inside(const struct writer *w)
{
	return w->match->mpls.count || w->needs_ip || !is_empty_way(w, &w->ways[0]);
}

/* Tags do not matter: the same behind none, one or two of them. */
static void write_behind_any_tag(struct writer *w)
{
	write_inside(w, 0);
	if (!w->match->mpls.count && !count_ways(w, NEED_IP))
		return;
	buf_printf(w->out, " or (vlan and (");
	write_inside(w, 1);
	buf_printf(w->out, " or (vlan and ");
	write_inside(w, 2);
	buf_printf(w->out, ")))");
}

static void write_vlan_id(struct writer *w, unsigned at)
{
	char expression[40];

	snprintf(expression, sizeof(expression), "ether[%u:2] & 0xfff", at);
	write_numbers(w->out, &w->match->vlans, expression, 0);
}

static void write_behind_tags(struct writer *w)
{
	buf_printf(w->out, "vlan and ((");
	write_vlan_id(w, 14);
	if (has_inside(w)) {
		buf_printf(w->out, " and ");
		write_inside(w, 1);
	}
	buf_printf(w->out, ") or (vlan and (");
	write_vlan_id(w, 14);
	buf_printf(w->out, " or ");
	write_vlan_id(w, 18);
	buf_printf(w->out, ")");
	if (has_inside(w)) {
		buf_printf(w->out, " and ");
		write_inside(w, 2);
	}
	buf_printf(w->out, "))");
}

static void write_all(struct writer *w, uint32_t link_type)
{
	if (w->match->vlans.count)
		write_behind_tags(w);
	else if (!has_inside(w))
		return;
	else if (link_type == LINK_ETHERNET)
		write_behind_any_tag(w);
	else
		write_inside(w, 0);
}

int match_bpf_format(const struct match *match, uint32_t link_type, size_t max, struct buf *out)
{
	CLEANUP(range_set_fini) struct range_set protocols = {0};
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct writer w = {.out = &text, .match = match, .protocols = &protocols};

	if (link_type != LINK_ETHERNET && (match->vlans.count || match->mpls.count))
		return MATCH_BPF_NEVER;
	match_protocols(match, &protocols);
	w.needs_ip = protocols.count || match->vnis.count;
	find_ways(&w, link_type);
	if (!w.way_count)
		return MATCH_BPF_NEVER;
	if (match->side.ipv4.count + match->side.ipv6.count + match->peer.ipv4.count +
		    match->peer.ipv6.count + match->side.mac.count + match->peer.mac.count >
	    max / 16)
		return MATCH_BPF_TOO_LONG;
	write_all(&w, link_type);
	if (text.len > max)
		return MATCH_BPF_TOO_LONG;
	buf_append(out, text.data, text.len);
	return 0;
}
