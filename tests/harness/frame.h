/* SPDX-License-Identifier: Apache-2.0 */
/* The frames that gen sends and verify counts, and the state gen shares with its kernel half.
 *
 * Ethernet, an 802.1Q tag if asked for, IPv4, UDP from port 1024 + sequence % flows, and at the
 * beginning of the payload the magic and the sequence number, both little endian. */
#pragma once

#include <linux/types.h>

#define FRAME_MAGIC	0x4341504c41423031ULL /* "10BALPAC" in the file */
#define FRAME_PORT_BASE 1024
#define FRAME_IP_AT	14 /* plus 4 with a tag */
#define FRAME_UDP_AT	34
#define FRAME_MAGIC_AT	42
#define FRAME_MIN	64
#define FRAME_MAX	1514
#define FRAME_IMIX_SUM	12 /* 7 frames of 64, 4 of 570, 1 of 1514 bytes */

struct gen_state {
	__u64 sequence; /* next */
	__u64 first;
	__u64 start_ns;	   /* when the first is due */
	__u64 picoseconds; /* from one packet to the next; 0 = as fast as it goes */
	__u32 interface;
	__u32 imix;
	__u32 flows;
	__u32 tag_bytes;     /* 0 or 4 */
	__u32 checksum_base; /* of the IPv4 header with length 0 */
	__u8 ethernet[20];   /* addresses, tag and type, as the frame begins */
};

static inline __attribute__((always_inline)) __u32 frame_imix_bytes(__u64 sequence)
{
	__u32 place = sequence % FRAME_IMIX_SUM;

	return place < 7 ? 64 : place < 11 ? 570 : 1514;
}

/* The IPv4 checksum once the header's length field is known. */
static inline __attribute__((always_inline)) __u16 frame_checksum(__u32 base, __u32 ip_bytes)
{
	__u32 sum = base + ip_bytes;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}
