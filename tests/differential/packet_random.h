/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of all shapes: tags, labels, options, extension headers, fragments, VXLAN, cut short,
 * garbage. */
#pragma once

#include <stdint.h>

#include "base/range_set.h"
#include "tests/differential/random.h"

#define PACKET_POOL  8 /* values of each kind, from the numbers below on */
#define PACKET_IPV4  0x0a000004u
#define PACKET_IPV6  ((u128)0x20010db8u << 96 | 0xfffc)
#define PACKET_MAC   0x02000000fffcu
#define PACKET_PORT  4785u /* so that VXLAN's is among them */
#define PACKET_VLAN  98u
#define PACKET_LABEL 0xfffu
#define PACKET_VNI   0xfffcu

#define PACKET_SIZE_MAX 512

struct packet_random {
	uint32_t link_type;
	uint32_t size; /* what is captured */
	uint8_t bytes[PACKET_SIZE_MAX];
	/* the tag as the kernel strips it: bytes without it, and the tag; 0 = none */
	uint16_t tpid;
	uint16_t tci;
	uint32_t stripped_size;
	uint8_t stripped[PACKET_SIZE_MAX];
	/* what BPF is shown, where it cannot follow IPv6 extension headers: the same without them
	 */
	uint32_t plain_size;
	uint8_t plain[PACKET_SIZE_MAX];
	int is_comparable; /* 0 = cut inside addresses or an IP header: a documented difference */
};

void packet_random(struct random *random, uint32_t link_type, struct packet_random *ret);
