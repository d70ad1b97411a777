/* SPDX-License-Identifier: Apache-2.0 */
/* A clause asks: side and peer, in one of two directions, and everything else. For each field there
 * is a table from values to sets of clauses (capture/classifier_table.h); clauses that do not look
 * at a field are in all of its sets. Addresses are the exception: an end may be meant by its MAC or
 * by its IP address, so clauses that look at none of them are added in the end.
 *
 * Bits are slots, then the further clauses of narrowed filters. */
#include "capture/classifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "capture/classifier_table.h"
#include "capture/fields.h"

#define LINK_ETHERNET 1

#define PORTS	  65536u
#define VLANS	  4096u
#define PROTOCOLS 256u

struct clause {
	const struct match_table *table;
	uint32_t number; /* in its table */
	uint32_t bit;
};

/* A filter with further clauses, of which one must match. */
struct narrowed {
	uint32_t slot;
	uint32_t first;
	uint32_t end;
};

struct classifier {
	uint32_t link_type;
	struct match_table **slots;
	uint32_t slot_room;
	uint32_t slot_end; /* highest used + 1 */
	uint32_t used;
	uint64_t version;
	int stale; /* the members below are not those of the slots */

	struct clause *clauses;
	uint32_t clause_count;
	struct narrowed *narrowed;
	uint32_t narrowed_count;
	uint32_t words;
	struct classifier_table ipv4, ipv6, mac, port, protocol4, protocol6, vlan, label, vni;
	int is_quick;	       /* is_nobodys may judge */
	uint64_t *any_address; /* two halves */
	uint64_t *any_label;
	uint64_t *result;
	uint64_t *behind_labels; /* a result, before it is merged */
	uint64_t *scratch[3];	 /* sets made of several */
};

/* ---- life ---- */

struct classifier *classifier_new(uint32_t link_type)
{
	struct classifier *c = xcalloc(1, sizeof(*c));

	c->link_type = link_type;
	c->stale = 1;
	return c;
}

static void clear(struct classifier *c)
{
	struct classifier_table *tables[] = {&c->ipv4,	    &c->ipv6, &c->mac,
					     &c->port,	    &c->vlan, &c->protocol4,
					     &c->protocol6, &c->vni,  &c->label};
	uint64_t **sets[] = {&c->any_address, &c->any_label,  &c->result,    &c->behind_labels,
			     &c->scratch[0],  &c->scratch[1], &c->scratch[2]};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		classifier_table_fini(tables[i]);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		free(*sets[i]);
		*sets[i] = NULL;
	}
	free(c->clauses);
	free(c->narrowed);
	c->clauses = NULL;
	c->narrowed = NULL;
	c->clause_count = c->narrowed_count = 0;
}

struct classifier *classifier_free(struct classifier *c)
{
	if (!c)
		return NULL;
	clear(c);
	for (uint32_t i = 0; i < c->slot_end; i++)
		match_table_free(c->slots[i]);
	free(c->slots);
	free(c);
	return NULL;
}

uint32_t classifier_add(struct classifier *c, struct match_table *table)
{
	uint32_t slot = 0;

	while (slot < c->slot_end && c->slots[slot])
		slot++;
	if (slot == c->slot_room) {
		c->slot_room = c->slot_room ? 2 * c->slot_room : 64;
		c->slots = xreallocarray(c->slots, c->slot_room, sizeof(c->slots[0]));
	}
	c->slots[slot] = table;
	c->slot_end = slot == c->slot_end ? slot + 1 : c->slot_end;
	c->used++;
	c->stale = 1;
	return slot;
}

void classifier_remove(struct classifier *c, uint32_t slot)
{
	if (slot == CLASSIFIER_NONE)
		return;
	c->slots[slot] = match_table_free(c->slots[slot]);
	while (c->slot_end && !c->slots[c->slot_end - 1])
		c->slot_end--;
	c->used--;
	c->stale = 1;
}

uint32_t classifier_count(const struct classifier *c)
{
	return c->used;
}

/* ---- building ---- */

static void add_clause(struct classifier *c, const struct match_table *table, uint32_t number,
		       uint32_t bit)
{
	c->clauses[c->clause_count++] = (struct clause){table, number, bit};
}

/* Gives each clause its bit. */
static void number_clauses(struct classifier *c)
{
	uint32_t total = 0, bit = c->slot_end;

	for (uint32_t i = 0; i < c->slot_end; i++)
		total += c->slots[i] ? c->slots[i]->clauses : 0;
	c->clauses = xcalloc(total + 1, sizeof(c->clauses[0]));
	c->narrowed = xcalloc(c->slot_end + 1, sizeof(c->narrowed[0]));
	for (uint32_t i = 0; i < c->slot_end; i++) {
		const struct match_table *table = c->slots[i];

		if (!table)
			continue;
		add_clause(c, table, 0, i);
		if (table->clauses > 1)
			c->narrowed[c->narrowed_count++] =
				(struct narrowed){i, bit, bit + table->clauses - 1};
		for (uint32_t n = 1; n < table->clauses; n++)
			add_clause(c, table, n, bit++);
	}
	c->words = (bit + 63) / 64;
	c->words += !c->words;
}

static int looks_at(const struct clause *clause, const enum match_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (clause->table->clause[clause->number].counts[fields[i]])
			return 1;
	return 0;
}

static void set_bit(uint64_t *set, uint32_t bit)
{
	set[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Clauses that look at none of the fields; in both halves where peer_fields is NULL. */
static uint64_t *find_any(const struct classifier *c, const enum match_field *side_fields,
			  const enum match_field *peer_fields, size_t count)
{
	uint64_t *set = xcalloc(2 * (size_t)c->words, sizeof(set[0]));

	for (uint32_t i = 0; i < c->clause_count; i++) {
		const struct clause *clause = &c->clauses[i];

		if (!looks_at(clause, side_fields, count))
			set_bit(set, clause->bit);
		if (!looks_at(clause, peer_fields ? peer_fields : side_fields, count))
			set_bit(set, 64 * c->words + clause->bit);
	}
	return set;
}

static void add_edges(const struct classifier *c, struct classifier_edges *edges,
		      enum match_field field, uint32_t half)
{
	for (uint32_t i = 0; i < c->clause_count; i++) {
		const struct clause *clause = &c->clauses[i];
		uint32_t count;
		const struct interval *ranges =
			match_table_field(clause->table, clause->number, field, &count);

		classifier_edges_add(edges, ranges, count, half * 64 * c->words + clause->bit);
	}
}

/* A table of one field of the side, and of one of the peer if that is another. */
static void build_table(struct classifier *c, struct classifier_table *table, enum match_field side,
			enum match_field peer, const uint64_t *always,
			enum classifier_table_kind kind, uint32_t direct_size)
{
	struct classifier_edges edges = {0};

	add_edges(c, &edges, side, 0);
	if (peer != side)
		add_edges(c, &edges, peer, 1);
	classifier_table_build(table, &edges, always, c->words, kind, direct_size);
	classifier_edges_fini(&edges);
}

static void build_direct(struct classifier *c, struct classifier_table *table,
			 enum match_field side, enum match_field peer, uint32_t size)
{
	uint64_t *always = find_any(c, &side, &peer, 1);

	build_table(c, table, side, peer, always, CLASSIFIER_TABLE_32, size);
	free(always);
}

static void build_protocols(struct classifier *c)
{
	static const enum match_field both[] = {MATCH_PROTOCOL4, MATCH_PROTOCOL6};
	uint64_t *always = find_any(c, both, NULL, 2);

	build_table(c, &c->protocol4, MATCH_PROTOCOL4, MATCH_PROTOCOL4, always, CLASSIFIER_TABLE_32,
		    PROTOCOLS);
	build_table(c, &c->protocol6, MATCH_PROTOCOL6, MATCH_PROTOCOL6, always, CLASSIFIER_TABLE_32,
		    PROTOCOLS);
	free(always);
}

static void build_addresses(struct classifier *c)
{
	static const enum match_field side[] = {MATCH_SIDE_IPV4, MATCH_SIDE_IPV6, MATCH_SIDE_MAC};
	static const enum match_field peer[] = {MATCH_PEER_IPV4, MATCH_PEER_IPV6, MATCH_PEER_MAC};
	uint64_t *none = xcalloc(2 * (size_t)c->words, sizeof(none[0]));

	c->any_address = find_any(c, side, peer, 3);
	build_table(c, &c->ipv4, MATCH_SIDE_IPV4, MATCH_PEER_IPV4, none, CLASSIFIER_TABLE_32, 0);
	build_table(c, &c->ipv6, MATCH_SIDE_IPV6, MATCH_PEER_IPV6, none, CLASSIFIER_TABLE_128, 0);
	build_table(c, &c->mac, MATCH_SIDE_MAC, MATCH_PEER_MAC, none, CLASSIFIER_TABLE_128, 0);
	free(none);
}

static void build(struct classifier *c)
{
	static const enum match_field label = MATCH_LABEL;

	clear(c);
	number_clauses(c);
	build_addresses(c);
	build_protocols(c);
	build_direct(c, &c->port, MATCH_SIDE_PORT, MATCH_PEER_PORT, PORTS);
	build_direct(c, &c->vlan, MATCH_VLAN, MATCH_VLAN, VLANS);
	build_direct(c, &c->label, MATCH_LABEL, MATCH_LABEL, 0);
	build_direct(c, &c->vni, MATCH_VNI, MATCH_VNI, 0);
	c->any_label = find_any(c, &label, NULL, 1);
	c->result = xcalloc(c->words, sizeof(uint64_t));
	c->behind_labels = xcalloc(c->words, sizeof(uint64_t));
	for (int i = 0; i < 3; i++)
		c->scratch[i] = xcalloc(2 * (size_t)c->words, sizeof(uint64_t));
	c->is_quick = c->words == 1 && c->link_type == LINK_ETHERNET &&
		      !classifier_table_is_used(&c->mac);
	c->stale = 0;
	c->version++;
}

uint64_t classifier_version(struct classifier *c)
{
	if (c->stale)
		build(c);
	return c->version;
}

uint32_t classifier_words(const struct classifier *c)
{
	return c->words;
}

/* ---- looking up ---- */

static inline void merge(uint64_t *to, const uint64_t *set, uint32_t words)
{
	for (uint32_t w = 0; w < words; w++)
		to[w] |= set[w];
}

static inline const uint64_t *protocol_set(const struct classifier *c, const struct fields *f,
					   uint32_t words)
{
	const struct classifier_table *t = f->version == 6 ? &c->protocol6 : &c->protocol4;
	const uint64_t *set;

	if (!f->protocols)
		return classifier_table_none(t);
	set = classifier_table_direct(t, f->protocol[0]);
	if (f->protocols == 1)
		return set;
	memcpy(c->scratch[2], set, words * sizeof(uint64_t));
	for (uint32_t i = 1; i < f->protocols; i++)
		merge(c->scratch[2], classifier_table_direct(t, f->protocol[i]), words);
	return c->scratch[2];
}

static inline const uint64_t *port_set(const struct classifier *c, int present, uint16_t port)
{
	return present ? classifier_table_direct(&c->port, port) : classifier_table_none(&c->port);
}

/* One end's addresses: who means it by IP, by MAC, or does not look at addresses at all. */
static inline const uint64_t *end_set(const struct classifier *c, const struct fields *f,
				      int is_source, uint32_t words)
{
	uint64_t *set = c->scratch[!is_source];
	const uint64_t *ip = classifier_table_none(&c->ipv4);
	const uint64_t *mac = classifier_table_none(&c->mac);

	if (!(f->present & (is_source ? FIELD_SOURCE : FIELD_TARGET)))
		;
	else if (f->version == 4)
		ip = classifier_table_find32(&c->ipv4, is_source ? f->source4 : f->target4);
	else
		ip = classifier_table_find128(&c->ipv6, is_source ? f->source6 : f->target6);
	if (classifier_table_is_used(&c->mac) &&
	    f->present & (is_source ? FIELD_SOURCE_MAC : FIELD_TARGET_MAC))
		mac = classifier_table_find128(&c->mac, is_source ? f->source_mac : f->target_mac);
	for (uint32_t w = 0; w < 2 * words; w++)
		set[w] = c->any_address[w] | ip[w] | mac[w];
	return set;
}

/* out &= any of the values; a missing field has its own set. */
static void require(uint64_t *out, const uint64_t *const *sets, uint32_t count, uint32_t words)
{
	for (uint32_t w = 0; w < words; w++) {
		uint64_t either = 0;

		for (uint32_t i = 0; i < count; i++)
			either |= sets[i][w];
		out[w] &= either;
	}
}

static void require_vlan(const struct classifier *c, const struct fields *f, uint64_t *out,
			 uint32_t words)
{
	const uint64_t *sets[FIELDS_TAGS_MAX] = {classifier_table_none(&c->vlan)};

	for (uint32_t i = 0; i < f->tags; i++)
		sets[i] = classifier_table_direct(&c->vlan, f->tag[i]);
	require(out, sets, f->tags ? f->tags : 1, words);
}

static void require_vni(const struct classifier *c, const struct fields *f, uint64_t *out,
			uint32_t words)
{
	const uint64_t *set = f->present & FIELD_VNI ? classifier_table_find32(&c->vni, f->vni)
						     : classifier_table_none(&c->vni);

	require(out, &set, 1, words);
}

/* Everything but labels. */
static inline void evaluate(const struct classifier *c, const struct fields *f, uint64_t *out,
			    uint32_t words)
{
	const uint64_t *protocol = protocol_set(c, f, words);
	const uint64_t *from = end_set(c, f, 1, words), *to = end_set(c, f, 0, words);
	const uint64_t *from_port = port_set(c, f->present & FIELD_SOURCE_PORT, f->source_port);
	const uint64_t *to_port = port_set(c, f->present & FIELD_TARGET_PORT, f->target_port);

	for (uint32_t w = 0; w < words; w++) {
		uint32_t p = words + w; /* the peer's half */

		out[w] = protocol[w] & ((from[w] & from_port[w] & to[p] & to_port[p]) |
					(to[w] & to_port[w] & from[p] & from_port[p]));
	}
	if (classifier_table_is_used(&c->vlan))
		require_vlan(c, f, out, words);
	if (classifier_table_is_used(&c->vni))
		require_vni(c, f, out, words);
}

/* Who means this end: in *side as its own, in *peer as its peer. */
static inline void end_sets(const struct classifier *c, const struct fields *f, int is_source,
			    uint64_t *side, uint64_t *peer)
{
	const uint64_t *set = NULL;

	*side = c->any_address[0];
	*peer = c->any_address[1];
	if (f->present & (is_source ? FIELD_SOURCE : FIELD_TARGET))
		set = f->version == 4 ? classifier_table_find32(&c->ipv4,
								is_source ? f->source4 : f->target4)
				      : classifier_table_find128(&c->ipv6, is_source ? f->source6
										     : f->target6);
	if (set) {
		*side |= set[0];
		*peer |= set[1];
	}
	if (!classifier_table_is_used(&c->mac) ||
	    !(f->present & (is_source ? FIELD_SOURCE_MAC : FIELD_TARGET_MAC)))
		return;
	set = classifier_table_find128(&c->mac, is_source ? f->source_mac : f->target_mac);
	*side |= set[0];
	*peer |= set[1];
}

/* The same where all filters fit into one word, as they mostly do: most packets are none's, so each
 * field is looked up only if the ones before left somebody. */
static inline void evaluate_one(const struct classifier *c, const struct fields *f, uint64_t *out)
{
	uint64_t left = protocol_set(c, f, 1)[0], from_side, from_peer, to_side, to_peer;
	const uint64_t *from_port, *to_port;

	*out = 0;
	if (!left)
		return;
	end_sets(c, f, 1, &from_side, &from_peer);
	end_sets(c, f, 0, &to_side, &to_peer);
	from_side &= to_peer & left; /* one direction */
	to_side &= from_peer & left; /* the other */
	if (!(from_side | to_side))
		return;
	from_port = port_set(c, f->present & FIELD_SOURCE_PORT, f->source_port);
	to_port = port_set(c, f->present & FIELD_TARGET_PORT, f->target_port);
	*out = (from_side & from_port[0] & to_port[1]) | (to_side & to_port[0] & from_port[1]);
	if (classifier_table_is_used(&c->vlan))
		require_vlan(c, f, out, 1);
	if (classifier_table_is_used(&c->vni))
		require_vni(c, f, out, 1);
}

/* What is behind labels is there only for clauses that ask for labels. */
static void run_labels(struct classifier *c, struct fields *f)
{
	const uint64_t *sets[FIELDS_LABELS_MAX];
	uint32_t words = c->words;

	for (uint32_t i = 0; i < f->labels; i++)
		sets[i] = classifier_table_find32(&c->label, f->label[i]);
	evaluate(c, f, c->behind_labels, words);
	require(c->behind_labels, sets, f->labels, words);
	f->version = f->protocols = 0;
	f->present &= FIELD_SOURCE_MAC | FIELD_TARGET_MAC;
	evaluate(c, f, c->result, words);
	for (uint32_t w = 0; w < words; w++)
		c->result[w] = (c->result[w] & c->any_label[w]) |
			       (c->behind_labels[w] & ~c->any_label[w]);
}

static int has_any(const uint64_t *set, uint32_t first, uint32_t end)
{
	for (uint32_t bit = first; bit < end; bit++)
		if (classifier_has(set, bit))
			return 1;
	return 0;
}

static void run_narrowed(struct classifier *c)
{
	for (uint32_t i = 0; i < c->narrowed_count; i++) {
		const struct narrowed *n = &c->narrowed[i];

		if (classifier_has(c->result, n->slot) && !has_any(c->result, n->first, n->end))
			c->result[n->slot / 64] &= ~((uint64_t)1 << n->slot % 64);
	}
}

static inline void run(struct classifier *c, struct fields *f, uint32_t words)
{
	if (f->labels) {
		run_labels(c, f);
		return;
	}
	if (words == 1)
		evaluate_one(c, f, c->result);
	else
		evaluate(c, f, c->result, words);
	if (classifier_table_is_used(&c->label))
		for (uint32_t w = 0; w < words; w++)
			c->result[w] &= c->any_label[w];
}

/* Most packets are plain TCP or UDP over IPv4 over Ethernet and nobody's. Sees that without reading
 * all fields: 1 = no filter can match, 0 = not known. */
static inline int is_nobodys(const struct classifier *c, const struct packet *packet)
{
	const uint8_t *p = packet->data;
	const uint64_t *from, *to;
	uint64_t left, forth, back;
	uint32_t word[3]; /* addresses, ports */
	uint16_t type, fragment;

	if (!c->is_quick || packet->vlan_tpid || packet->captured_bytes < 38)
		return 0;
	memcpy(&type, p + 12, sizeof(type));
	if (type != __builtin_bswap16(0x0800))
		return 0;
	left = classifier_table_direct(&c->protocol4, p[23])[0];
	if (!left)
		return 1;
	memcpy(word, p + 26, 12);
	from = classifier_table_find32(&c->ipv4, __builtin_bswap32(word[0]));
	to = classifier_table_find32(&c->ipv4, __builtin_bswap32(word[1]));
	forth = left & (from[0] | c->any_address[0]) & (to[1] | c->any_address[1]);
	back = left & (to[0] | c->any_address[0]) & (from[1] | c->any_address[1]);
	if (!(forth | back))
		return 1;
	memcpy(&fragment, p + 20, sizeof(fragment));
	if (p[14] != 0x45 || fragment & __builtin_bswap16(0x1fff) || (p[23] != 6 && p[23] != 17))
		return 0;
	from = classifier_table_direct(&c->port, p[34] << 8 | p[35]);
	to = classifier_table_direct(&c->port, p[36] << 8 | p[37]);
	return !((forth & from[0] & to[1]) | (back & to[0] & from[1]));
}

const uint64_t *classifier_run(struct classifier *c, const struct packet *packet)
{
	struct fields f;

	if (is_nobodys(c, packet)) {
		c->result[0] = 0;
		return c->result;
	}
	fields_read(packet, c->link_type, &f);
	/* a constant for the compiler where it pays most */
	if (c->words == 1)
		run(c, &f, 1);
	else
		run(c, &f, c->words);
	if (c->narrowed_count)
		run_narrowed(c);
	return c->result;
}
