/* SPDX-License-Identifier: Apache-2.0 */
/* A structured filter: which packets a policy wants, as sets of addresses and numbers. Pure.
 *
 * A packet has a source and a destination. It matches if in one of its two directions one end is in
 * `side` and the other in `peer`, and everything else that is told fits as well. How each part is
 * compared with a packet (tags, labels, fragments, extension headers, cut packets) is documented in
 * docs/filters.md; capture/classifier.c does it, policy/match_bpf.c writes the same as BPF text. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/range_set.h"
#include "policy/alert_hints.h"

#define MATCH_ADDRESSES_MAX 10000 /* of one side */
#define MATCH_NUMBERS_MAX   1000  /* ports, VLANs, … */

/* One end. Without any address everything fits ("any"); without ports any port and none. */
struct match_side {
	struct range_set ipv4;
	struct range_set ipv6;
	struct range_set mac;
	struct range_set ports;
};

/* Zero-initialised = everything. Empty sets are not looked at. */
struct match {
	struct match_side side;
	struct match_side peer;
	bool has_peer;		    /* peer was written down (perhaps as "any") */
	struct range_set protocols; /* 0–255, and MATCH_ICMP */
	struct range_set vlans;	    /* one of the two outermost tags */
	struct range_set mpls;	    /* one of the first MATCH_LABELS_MAX labels */
	struct range_set vnis;	    /* of VXLAN; addresses and ports are the outer ones */
};

#define MATCH_ICMP	 ALERT_PROTOCOL_ICMP /* ICMP over IPv4, ICMPv6 over IPv6 */
#define MATCH_LABELS_MAX 4

void match_fini(struct match *match);
/* Replaces what *to held, which is not freed. */
void match_copy(struct match *to, const struct match *from);
bool match_equal(const struct match *a, const struct match *b);

/* The JSON object of docs/filters.md. -EINVAL with err whose field is "<prefix>/<key>" or, for one
 * entry of a list, "<prefix>/<key>/<index>". *ret, which must be zero-initialised, is filled on
 * success. */
int match_read(struct match *ret, const json_t *object, const char *prefix, struct error *err);
/* Canonical: sorted, merged, every entry in its shortest form. A new reference. */
json_t *match_format(const struct match *match);

/* Protocols as they apply: ports without a protocol mean TCP and UDP, a VNI means UDP. The caller
 * frees *ret. */
void match_protocols(const struct match *match, struct range_set *ret);

/* What an alert is about, as a filter; kinds of hints that are not in `kinds` (bits 1u << enum
 * alert_hint) are left out. *ret must be zero-initialised. Only ever to be ANDed with a policy's
 * own filter: a hint narrows. Without a usable hint it is everything. */
void match_from_hints(struct match *ret, const struct alert_hints *hints, unsigned kinds);

/* True if no packet can match both: there is nothing a capture of `a` narrowed to `b` would hold.
 * False may also mean that this could not be excluded. */
bool match_excludes(const struct match *a, const struct match *b);
