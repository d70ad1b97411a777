/* SPDX-License-Identifier: Apache-2.0 */
/* The header fields a structured filter looks at, read from a packet once for all filters. Pure;
 * reads hostile bytes, never beyond captured_bytes. What is compared with what, and where this
 * differs from BPF, is in docs/filters.md. */
#pragma once

#include <stdint.h>

#include "base/range_set.h"
#include "capture/packet.h"

#define FIELDS_TAGS_MAX	  2
#define FIELDS_LABELS_MAX 4
#define FIELDS_PROTOCOLS_MAX                                                                       \
	12 /* an IPv6 packet's chain of extension headers, and what follows                        \
	    */

enum field_presence {
	FIELD_TARGET_MAC = 1,
	FIELD_SOURCE_MAC = 2,
	FIELD_SOURCE = 4, /* addresses: source, in source4 or source6 */
	FIELD_TARGET = 8,
	FIELD_SOURCE_PORT = 16, /* of TCP, UDP, SCTP in the first fragment */
	FIELD_TARGET_PORT = 32,
	FIELD_VNI = 64,
};

/* Members are only set where `present`, a count or `version` says so. */
struct fields {
	uint32_t present;  /* enum field_presence */
	uint8_t version;   /* of IP: 4, 6, or 0 = no IP header */
	uint8_t tags;	   /* VLAN ids, outermost first */
	uint8_t labels;	   /* MPLS labels, topmost first; IP is what is behind them */
	uint8_t protocols; /* IP protocols; the last one is the transport's */
	uint8_t protocol[FIELDS_PROTOCOLS_MAX];
	uint16_t tag[FIELDS_TAGS_MAX];
	uint16_t source_port;
	uint16_t target_port;
	uint32_t label[FIELDS_LABELS_MAX];
	uint32_t vni; /* of VXLAN */
	uint32_t source4;
	uint32_t target4;
	u128 source6;
	u128 target6;
	uint64_t source_mac;
	uint64_t target_mac;
};

/* link_type as in slice_headers; of another one nothing is known. A stripped tag is taken from the
 * packet's facts. */
void fields_read(const struct packet *packet, uint32_t link_type, struct fields *ret);
