/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert is about, as addresses and numbers: a policy that asks for it narrows its filter to
 * that (policy/match.h). Hints are never text: each value is parsed strictly and on its own, so
 * that nothing a sender writes can become part of a filter's grammar. Pure.
 *
 * The first side is the alert's own object (attacked host, monitored service), the peer whom it
 * talked to; a source that does not tell them apart puts all on the first side. A packet is about
 * the alert if, in one of its two directions, each side that has hints is met, and so are protocol
 * and VLAN where told. Several values of one kind are alternatives.
 *
 * Hints are no part of the fingerprint: the same alert may come with others. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

#define ALERT_HINTS_MAX 16 /* of one kind */

enum alert_hint {
	ALERT_HINT_ADDRESS,
	ALERT_HINT_PORT,
	ALERT_HINT_PEER_ADDRESS,
	ALERT_HINT_PEER_PORT,
	ALERT_HINT_PROTOCOL,
	ALERT_HINT_VLAN,
};
#define ALERT_HINT_COUNT (ALERT_HINT_VLAN + 1)

/* Plain data: may be copied by assignment. Zero-initialised = nothing is told. */
struct alert_hints {
	unsigned count[ALERT_HINT_COUNT];
	struct address addresses[ALERT_HINTS_MAX];
	struct address peers[ALERT_HINTS_MAX];
	uint16_t ports[ALERT_HINTS_MAX];
	uint16_t peer_ports[ALERT_HINTS_MAX];
	uint16_t protocols[ALERT_HINTS_MAX]; /* IP protocol, or ALERT_PROTOCOL_ICMP */
	uint16_t vlans[ALERT_HINTS_MAX];
};

#define ALERT_PROTOCOL_ICMP 256 /* ICMP or ICMPv6, whichever fits the packet */

enum alert_hints_outcome {
	ALERT_HINTS_FULL = 1, /* there are ALERT_HINTS_MAX of this kind: not added */
};

/* Adds one value written as text: an address (IPv4, IPv6, MAC; an IPv4-mapped IPv6 one becomes
 * IPv4), a port 0–65535, a protocol ("tcp", "udp", "icmp", "icmpv6", "sctp", in either case, or
 * 0–255), a VLAN id 0–4094. A value already there is not added twice.
 * Returns 0, ALERT_HINTS_FULL, or -EINVAL where text is nothing of the kind: ignore it. */
int alert_hints_add(struct alert_hints *hints, enum alert_hint kind, const char *text);

int alert_hints_is_empty(const struct alert_hints *hints);

/* {"addresses": […], "ports": […], "peers": […], "peer_ports": […], "protocols": […], "vlans": […]}
 * with the kinds that are told; a new reference. */
json_t *alert_hints_format(const struct alert_hints *hints);
/* The same object, as a sender of the native kind or the store gives it: values are texts or
 * numbers, one bare value instead of a list is allowed. Unlike alert_hints_add, what is no hint is
 * -EINVAL with err (field = "<prefix>/<key>/<index>"), and *hints is unchanged. */
int alert_hints_read(struct alert_hints *hints, const json_t *object, const char *prefix,
		     struct error *err);
