/* SPDX-License-Identifier: Apache-2.0 */
/* The structured filter as JSON. A list may be one text with its entries between commas or blanks,
 * as people paste them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "policy/match.h"

#define SEPARATORS ", \t\r\n"
#define ANY	   "any"

static const struct {
	const char *word;
	uint16_t number;
} protocols[] = {{"tcp", 6}, {"udp", 17}, {"icmp", MATCH_ICMP}};

/* One list on its way into one set (or, for addresses, into those of a side). */
struct list {
	const char *prefix;
	const char *key;
	size_t max;
	uint32_t limit; /* largest number */
	struct range_set *set;
	struct match_side *side;
	const char *expected;
	bool any; /* the word was there */
	size_t count;
	struct error *err;
};

static int refuse(const struct list *list, const char *text, const char *wrong)
{
	char field[sizeof(list->err->field)];

	snprintf(field, sizeof(field), "%s/%s/%zu", list->prefix, list->key, list->count);
	return error_set(list->err, "invalid_value", field, "\"%.100s\": %s", text, wrong);
}

static int refuse_list(const struct list *list, const char *wrong)
{
	char field[sizeof(list->err->field)];

	snprintf(field, sizeof(field), "%s/%s", list->prefix, list->key);
	return error_set(list->err, "invalid_value", field, "%s", wrong);
}

static int add_address(struct list *list, const char *text)
{
	struct range_set *by_family[] = {
		[ADDRESS_IPV4] = &list->side->ipv4,
		[ADDRESS_IPV6] = &list->side->ipv6,
		[ADDRESS_MAC] = &list->side->mac,
	};
	struct address_range range;
	const char *wrong = address_range_parse(text, &range);

	if (wrong)
		return refuse(list, text, wrong);
	range_set_add(by_family[range.family], range.range.from, range.range.to);
	return 0;
}

/* Digits and nothing else. */
static bool parse_number(const char *text, size_t len, uint32_t limit, uint32_t *ret)
{
	if (!len || len > 8 || strspn(text, "0123456789") < len)
		return false;
	*ret = (uint32_t)strtoul(text, NULL, 10);
	return *ret <= limit;
}

static int add_number(struct list *list, const char *text)
{
	size_t len = strcspn(text, "-");
	uint32_t from, to;

	for (size_t i = 0; list->limit == 255 && i < ARRAY_SIZE(protocols); i++) {
		if (!strcmp(text, protocols[i].word)) {
			range_set_add(list->set, protocols[i].number, protocols[i].number);
			return 0;
		}
	}
	if (!parse_number(text, len, list->limit, &from))
		return refuse(list, text, list->expected);
	to = from;
	if (text[len] && !parse_number(text + len + 1, strlen(text + len + 1), list->limit, &to))
		return refuse(list, text, list->expected);
	if (to < from)
		return refuse(list, text, "the end of the range lies before its beginning");
	range_set_add(list->set, from, to);
	return 0;
}

static int add_entry(struct list *list, const char *text)
{
	int r = 0;

	if (list->count >= list->max)
		return refuse_list(list, "the list is too long");
	if (!strcmp(text, ANY))
		list->any = true;
	else if (list->side)
		r = add_address(list, text);
	else
		r = add_number(list, text);
	list->count++;
	return r;
}

static int add_text(struct list *list, const char *text)
{
	char entry[ADDRESS_RANGE_TEXT_SIZE + 8];
	int r = 0;

	for (text += strspn(text, SEPARATORS); *text && !r; text += strspn(text, SEPARATORS)) {
		size_t len = strcspn(text, SEPARATORS);

		snprintf(entry, sizeof(entry), "%.*s", (int)(len < 100 ? len : 100), text);
		r = len < sizeof(entry) ? add_entry(list, entry)
					: refuse(list, entry, list->expected);
		text += len;
	}
	return r;
}

static int add_value(struct list *list, const json_t *value)
{
	char number[24];

	if (json_is_string(value))
		return add_text(list, json_string_value(value));
	if (!json_is_integer(value) || list->side)
		return refuse(list, "…", list->expected);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return add_entry(list, number);
}

/* Returns 0 (also where the list is absent) or -EINVAL. */
static int read_list(struct list *list, const json_t *object)
{
	const json_t *value = json_object_get(object, list->key);
	int r = 0;

	if (!value || json_is_null(value))
		return 0;
	if (json_is_array(value))
		for (size_t i = 0; !r && i < json_array_size(value); i++)
			r = add_value(list, json_array_get(value, i));
	else
		r = add_value(list, value);
	if (r)
		return r;
	if (list->any && list->count > 1)
		return refuse_list(list, "\"any\" stands alone");
	if (list->set)
		range_set_sort(list->set);
	return 0;
}

/* Addresses are required, "any" too must be said. */
static int read_addresses(struct match_side *side, const json_t *object, const char *prefix,
			  struct error *err)
{
	struct list list = {
		.prefix = prefix,
		.key = "addresses",
		.max = MATCH_ADDRESSES_MAX,
		.side = side,
		.expected = "addresses, ranges from-to, networks address/prefix or any expected",
		.err = err};
	int r = read_list(&list, object);

	if (r)
		return r;
	if (!list.count)
		return refuse_list(&list, "required: a list of addresses, ranges from-to, networks "
					  "address/prefix or MAC addresses, or \"any\"");
	range_set_sort(&side->ipv4);
	range_set_sort(&side->ipv6);
	range_set_sort(&side->mac);
	return 0;
}

static int read_numbers(struct range_set *set, const json_t *object, const char *prefix,
			const char *key, uint32_t limit, const char *expected, struct error *err)
{
	struct list list = {.prefix = prefix,
			    .key = key,
			    .max = MATCH_NUMBERS_MAX,
			    .limit = limit,
			    .set = set,
			    .expected = expected,
			    .err = err};

	return read_list(&list, object);
}

static int read_side(struct match_side *side, const json_t *object, const char *prefix,
		     struct error *err)
{
	int r = read_addresses(side, object, prefix, err);

	return r ? r
		 : read_numbers(&side->ports, object, prefix, "ports", 65535,
				"ports or ranges from-to, 0 to 65535, expected", err);
}

static int read_peer(struct match *match, const json_t *object, const char *prefix,
		     struct error *err)
{
	static const char *const allowed[] = {"addresses", "ports", NULL};
	json_t *peer = json_object_get(object, "peer");
	char place[64];
	int r;

	if (!peer || json_is_null(peer))
		return 0;
	snprintf(place, sizeof(place), "%s/peer", prefix);
	if (!json_is_object(peer))
		return error_set(err, "invalid_value", place, "an object or null expected");
	match->has_peer = true;
	r = json_check_keys(peer, place, allowed, err);
	return r ? r : read_side(&match->peer, peer, place, err);
}

static int read_selectors(struct match *match, const json_t *object, const char *prefix,
			  struct error *err)
{
	int r = read_numbers(&match->protocols, object, prefix, "protocol", 255,
			     "any, tcp, udp, icmp or a number, 0 to 255, expected", err);

	if (!r)
		r = read_numbers(&match->vlans, object, prefix, "vlans", 4094,
				 "VLAN ids or ranges from-to, 0 to 4094, expected", err);
	if (!r)
		r = read_numbers(&match->mpls, object, prefix, "mpls", 0xfffff,
				 "MPLS labels or ranges from-to, 0 to 1048575, expected", err);
	if (!r)
		r = read_numbers(&match->vnis, object, prefix, "vnis", 0xffffff,
				 "VXLAN network ids or ranges from-to, 0 to 16777215, expected",
				 err);
	return r;
}

/* Only TCP, UDP and SCTP are known to have ports. */
static bool is_with_ports(const struct range_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (u128 n = set->items[i].from; n <= set->items[i].to; n++)
			if (n != 6 && n != 17 && n != 132)
				return false;
	return true;
}

static int check_whole(const struct match *match, const char *prefix, struct error *err)
{
	char field[sizeof(err->field)];

	snprintf(field, sizeof(field), "%s/protocol", prefix);
	if ((match->side.ports.count || match->peer.ports.count) &&
	    !is_with_ports(&match->protocols))
		return error_set(err, "invalid_value", field,
				 "ports fit tcp, udp, sctp (132) or any, not this protocol");
	if (match->vnis.count && match->protocols.count && !range_set_has(&match->protocols, 17))
		return error_set(err, "invalid_value", field,
				 "VXLAN is UDP: with vnis, protocol is any or udp");
	if (match->vnis.count && match->mpls.count) {
		snprintf(field, sizeof(field), "%s/vnis", prefix);
		return error_set(err, "invalid_value", field, "vnis and mpls exclude each other");
	}
	return 0;
}

int match_read(struct match *ret, const json_t *object, const char *prefix, struct error *err)
{
	static const char *const allowed[] = {"addresses", "ports", "protocol", "peer",
					      "vlans",	   "mpls",  "vnis",	NULL};
	struct match draft = {0};
	int r = 0;

	if (!json_is_object(object))
		return error_set(err, "invalid_value", prefix, "an object expected");
	r = json_check_keys(object, prefix, allowed, err);
	if (!r)
		r = read_side(&draft.side, object, prefix, err);
	if (!r)
		r = read_selectors(&draft, object, prefix, err);
	if (!r)
		r = read_peer(&draft, object, prefix, err);
	if (!r)
		r = check_whole(&draft, prefix, err);
	if (r)
		match_fini(&draft);
	else
		*ret = draft;
	return r;
}

/* ---- formatting ---- */

static void format_ranges(json_t *list, const struct range_set *set, enum address_family family)
{
	char text[ADDRESS_RANGE_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		struct address_range range = {family, set->items[i]};

		json_array_append_new(list, json_string(address_range_format(&range, text)));
	}
}

static json_t *format_addresses(const struct match_side *side)
{
	json_t *list = json_array();

	format_ranges(list, &side->ipv4, ADDRESS_IPV4);
	format_ranges(list, &side->ipv6, ADDRESS_IPV6);
	format_ranges(list, &side->mac, ADDRESS_MAC);
	if (!json_array_size(list))
		json_array_append_new(list, json_string(ANY));
	return list;
}

static json_t *format_numbers(const struct range_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->count; i++) {
		unsigned from = (unsigned)set->items[i].from, to = (unsigned)set->items[i].to;

		json_array_append_new(list, from == to ? json_integer(from)
						       : json_sprintf("%u-%u", from, to));
	}
	return list;
}

static json_t *format_protocol(const struct range_set *set)
{
	json_t *list = json_array(), *single;

	for (size_t i = 0; i < set->count; i++) {
		for (u128 n = set->items[i].from; n <= set->items[i].to; n++) {
			json_t *value = json_integer((json_int_t)n);

			for (size_t w = 0; w < ARRAY_SIZE(protocols); w++) {
				if (protocols[w].number == n) {
					json_decref(value);
					value = json_string(protocols[w].word);
				}
			}
			json_array_append_new(list, value);
		}
	}
	if (!set->count)
		json_array_append_new(list, json_string(ANY));
	if (json_array_size(list) > 1)
		return list;
	single = json_incref(json_array_get(list, 0));
	json_decref(list);
	return single;
}

json_t *match_format(const struct match *match)
{
	json_t *peer = json_null();

	if (match->has_peer)
		peer = json_pack("{s:o, s:o}", "addresses", format_addresses(&match->peer), "ports",
				 format_numbers(&match->peer.ports));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "addresses",
			 format_addresses(&match->side), "ports",
			 format_numbers(&match->side.ports), "protocol",
			 format_protocol(&match->protocols), "peer", peer, "vlans",
			 format_numbers(&match->vlans), "mpls", format_numbers(&match->mpls),
			 "vnis", format_numbers(&match->vnis));
}
