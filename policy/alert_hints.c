/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/alert_hints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/json.h"

#define MAPPED_PREFIX ((u128)0xffff << 32) /* ::ffff:0:0/96 */

static const struct {
	const char *key;
	unsigned max;
	const char *expected;
} kinds[ALERT_HINT_COUNT] = {
	[ALERT_HINT_ADDRESS] = {"addresses", 0, "an IPv4, IPv6 or MAC address"},
	[ALERT_HINT_PORT] = {"ports", 65535, "a port, 0 to 65535"},
	[ALERT_HINT_PEER_ADDRESS] = {"peers", 0, "an IPv4, IPv6 or MAC address"},
	[ALERT_HINT_PEER_PORT] = {"peer_ports", 65535, "a port, 0 to 65535"},
	[ALERT_HINT_PROTOCOL] = {"protocols", 255,
				 "tcp, udp, icmp, icmpv6, sctp or a number, 0 to 255"},
	[ALERT_HINT_VLAN] = {"vlans", 4094, "a VLAN id, 0 to 4094"},
};

static const struct {
	const char *word;
	uint16_t number;
} protocols[] = {
	{"tcp", 6}, {"udp", 17}, {"icmp", ALERT_PROTOCOL_ICMP}, {"icmpv6", 58}, {"sctp", 132},
};

static struct address *addresses_of(struct alert_hints *hints, enum alert_hint kind)
{
	return kind == ALERT_HINT_ADDRESS	 ? hints->addresses
	       : kind == ALERT_HINT_PEER_ADDRESS ? hints->peers
						 : NULL;
}

static uint16_t *numbers_of(struct alert_hints *hints, enum alert_hint kind)
{
	return kind == ALERT_HINT_PORT	      ? hints->ports
	       : kind == ALERT_HINT_PEER_PORT ? hints->peer_ports
	       : kind == ALERT_HINT_PROTOCOL  ? hints->protocols
					      : hints->vlans;
}

static int add_address(struct alert_hints *hints, enum alert_hint kind, const char *text)
{
	struct address *known = addresses_of(hints, kind);
	struct address address;

	if (address_parse(text, &address))
		return -EINVAL;
	if (address.family == ADDRESS_IPV6 && address.value >> 32 == MAPPED_PREFIX >> 32)
		address = (struct address){ADDRESS_IPV4, address.value & UINT32_MAX};
	for (unsigned i = 0; i < hints->count[kind]; i++)
		if (known[i].family == address.family && known[i].value == address.value)
			return 0;
	if (hints->count[kind] == ALERT_HINTS_MAX)
		return ALERT_HINTS_FULL;
	known[hints->count[kind]++] = address;
	return 0;
}

static int add_number(struct alert_hints *hints, enum alert_hint kind, uint16_t number)
{
	uint16_t *known = numbers_of(hints, kind);

	for (unsigned i = 0; i < hints->count[kind]; i++)
		if (known[i] == number)
			return 0;
	if (hints->count[kind] == ALERT_HINTS_MAX)
		return ALERT_HINTS_FULL;
	known[hints->count[kind]++] = number;
	return 0;
}

int alert_hints_add(struct alert_hints *hints, enum alert_hint kind, const char *text)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (addresses_of(hints, kind))
		return add_address(hints, kind, text);
	for (size_t i = 0; kind == ALERT_HINT_PROTOCOL && i < ARRAY_SIZE(protocols); i++)
		if (!strcasecmp(text, protocols[i].word))
			return add_number(hints, kind, protocols[i].number);
	if (!digits || digits > 5 || text[digits])
		return -EINVAL;
	number = strtoul(text, NULL, 10);
	if (number > kinds[kind].max)
		return -EINVAL;
	return add_number(hints, kind, (uint16_t)number);
}

int alert_hints_is_empty(const struct alert_hints *hints)
{
	for (int kind = 0; kind < ALERT_HINT_COUNT; kind++)
		if (hints->count[kind])
			return 0;
	return 1;
}

/* ---- JSON ---- */

static json_t *format_number(enum alert_hint kind, uint16_t number)
{
	for (size_t i = 0; kind == ALERT_HINT_PROTOCOL && i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == number)
			return json_string(protocols[i].word);
	return json_integer(number);
}

json_t *alert_hints_format(const struct alert_hints *hints)
{
	struct alert_hints copy = *hints;
	json_t *object = json_object();
	char text[ADDRESS_TEXT_SIZE];

	for (int kind = 0; kind < ALERT_HINT_COUNT; kind++) {
		struct address *addresses = addresses_of(&copy, kind);
		json_t *list = json_array();

		for (unsigned i = 0; i < hints->count[kind]; i++)
			json_array_append_new(
				list, addresses ? json_string(address_format(&addresses[i], text))
						: format_number(kind, numbers_of(&copy, kind)[i]));
		if (hints->count[kind])
			json_object_set(object, kinds[kind].key, list);
		json_decref(list);
	}
	return object;
}

static int read_value(struct alert_hints *hints, enum alert_hint kind, const json_t *value,
		      const char *field, struct error *err)
{
	char number[24];
	const char *text = json_string_value(value);

	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = number;
	}
	switch (text ? alert_hints_add(hints, kind, text) : -EINVAL) {
	case 0:
		return 0;
	case ALERT_HINTS_FULL:
		return error_set(err, "invalid_value", field,
				 "at most %d different values are allowed", ALERT_HINTS_MAX);
	default:
		return error_set(err, "invalid_value", field, "\"%.60s\": %s expected",
				 text ? text : "(no text)", kinds[kind].expected);
	}
}

static int read_kind(struct alert_hints *hints, enum alert_hint kind, json_t *values,
		     const char *prefix, struct error *err)
{
	char field[96];
	int r;

	snprintf(field, sizeof(field), "%s/%s", prefix, kinds[kind].key);
	if (!json_is_array(values))
		return read_value(hints, kind, values, field, err);
	for (size_t i = 0; i < json_array_size(values); i++) {
		snprintf(field, sizeof(field), "%s/%s/%zu", prefix, kinds[kind].key, i);
		r = read_value(hints, kind, json_array_get(values, i), field, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int alert_hints_read(struct alert_hints *hints, const json_t *object, const char *prefix,
		     struct error *err)
{
	const char *allowed[ALERT_HINT_COUNT + 1] = {NULL};
	struct alert_hints draft = {0};
	int r;

	for (int kind = 0; kind < ALERT_HINT_COUNT; kind++)
		allowed[kind] = kinds[kind].key;
	if (!json_is_object(object))
		return error_set(err, "invalid_value", prefix, "an object expected");
	r = json_check_keys(object, prefix, allowed, err);
	for (int kind = 0; !r && kind < ALERT_HINT_COUNT; kind++) {
		json_t *values = json_object_get(object, kinds[kind].key);

		if (values)
			r = read_kind(&draft, kind, values, prefix, err);
	}
	if (!r)
		*hints = draft;
	return r;
}
