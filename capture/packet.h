/* SPDX-License-Identifier: Apache-2.0 */
/* One packet as a ring block holds it: a view, valid while the block is. */
#pragma once

#include <stdint.h>

/* As in pcapng's epb_flags, bits 0 and 1. */
enum packet_direction {
	PACKET_UNKNOWN = 0,
	PACKET_INBOUND = 1,
	PACKET_OUTBOUND = 2,
};

struct packet {
	const uint8_t *data; /* without the outer VLAN tag if vlan_tpid is set */
	uint32_t captured_bytes;
	uint32_t original_bytes; /* on the wire, without that tag */
	int64_t wall_ns;
	uint32_t direction; /* enum packet_direction */
	uint16_t vlan_tpid; /* stripped tag, host order; 0 = none */
	uint16_t vlan_tci;
};
