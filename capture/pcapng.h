/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng blocks, encoded: section header, interface, packet, statistics. Pure; little endian.
 *
 * One section per file, its blocks in this order: one section header, one interface, packets, one
 * statistics block. Every function writes whole blocks to `out`, which has room for the matching
 * _bound(), and returns the bytes written, a multiple of 4. The snaplen of every interface is
 * PCAPNG_SNAPLEN (readers on libpcap refuse files that mix values), so slicing shows only as
 * captured < original length. Texts are cut at PCAPNG_TEXT_MAX bytes, between characters. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PCAPNG_SNAPLEN	262144
#define PCAPNG_TEXT_MAX 4096

enum pcapng_block_type {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6,
};

#define PCAPNG_BYTE_ORDER 0x1a2b3c4du
#define PCAPNG_BLOCK_MAX  (16u << 20) /* libpcap reads nothing beyond a larger one */

/* epb_flags: direction */
#define PCAPNG_INBOUND	1u
#define PCAPNG_OUTBOUND 2u

/* Texts may be NULL or "": then the option is left out. */
struct pcapng_section {
	const char *hardware;
	const char *os;
	const char *application;
	const char *const *comments;
	size_t comment_count;
};

struct pcapng_interface {
	uint16_t link_type; /* LINKTYPE_… */
	const char *name;
	const char *description;
	const char *filter; /* libpcap text */
	const char *os;
	uint64_t speed_bps; /* 0 = not known */
};

struct pcapng_packet {
	uint64_t time_ns; /* since the epoch */
	const void *data;
	uint32_t captured_bytes; /* of data; more than PCAPNG_SNAPLEN is cut */
	uint32_t original_bytes; /* on the wire, without the stripped tag */
	uint16_t vlan_tpid;  /* 0 = no tag; else tag to put back behind the two MAC addresses, */
	uint16_t vlan_tci;   /* both in host order; counted in neither length above */
	uint32_t flags;	     /* epb_flags; 0 = left out */
	uint64_t drops;	     /* lost since the interface's previous packet; 0 = left out */
	const char *comment; /* NULL = left out */
};

/* Counters that are PCAPNG_UNKNOWN are left out. */
#define PCAPNG_UNKNOWN UINT64_MAX

struct pcapng_statistics {
	uint64_t time_ns;    /* of the block itself */
	uint64_t start_ns;   /* 0 = left out */
	uint64_t end_ns;     /* 0 = left out */
	uint64_t received;   /* isb_ifrecv: on the interface */
	uint64_t dropped;    /* isb_ifdrop: all causes together (the only one Wireshark shows) */
	uint64_t accepted;   /* isb_filteraccept: passed the filter */
	uint64_t os_dropped; /* isb_osdrop */
	uint64_t delivered;  /* isb_usrdeliv: are in this file */
	const char *comment;
};

size_t pcapng_section_bound(const struct pcapng_section *section);
size_t pcapng_section_format(unsigned char *out, const struct pcapng_section *section);

size_t pcapng_interface_bound(const struct pcapng_interface *interface);
size_t pcapng_interface_format(unsigned char *out, const struct pcapng_interface *interface);

size_t pcapng_statistics_bound(const struct pcapng_statistics *statistics);
size_t pcapng_statistics_format(unsigned char *out, const struct pcapng_statistics *statistics);

/* Largest encoding of a packet of captured_bytes with all options but no comment; with a comment it
 * is PCAPNG_COMMENT_BOUND more. */
#define PCAPNG_COMMENT_BOUND (PCAPNG_TEXT_MAX + 8)

static inline size_t pcapng_packet_bound(uint32_t captured_bytes)
{
	uint32_t n = captured_bytes < PCAPNG_SNAPLEN ? captured_bytes : PCAPNG_SNAPLEN;

	return 28 + ((n + 4 + 3) & ~3u) + 8 + 12 + 4 + 4;
}

/* The largest pcapng_packet_bound(). */
#define PCAPNG_PACKET_BOUND_MAX (PCAPNG_SNAPLEN + 64)

/* Not for callers: writes the options of a packet that has some; returns bytes. */
size_t pcapng_packet_options(unsigned char *out, const struct pcapng_packet *packet);

static inline void pcapng_put32(unsigned char *out, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	memcpy(out, &value, 4);
}

/* Copies the packet with its tag put back; returns bytes, at most `most`. */
static inline uint32_t pcapng_packet_copy_tagged(unsigned char *out, const struct pcapng_packet *p,
						 uint32_t captured, uint32_t most)
{
	const unsigned char *data = p->data;
	uint32_t rest = captured - 12 < most - 16 ? captured - 12 : most - 16;

	memcpy(out, data, 12);
	out[12] = (unsigned char)(p->vlan_tpid >> 8);
	out[13] = (unsigned char)p->vlan_tpid;
	out[14] = (unsigned char)(p->vlan_tci >> 8);
	out[15] = (unsigned char)p->vlan_tci;
	memcpy(out + 16, data + 12, rest);
	return rest + 16;
}

/* An enhanced packet block of interface 0. `out` has room for pcapng_packet_bound() plus, with a
 * comment, PCAPNG_COMMENT_BOUND. A tag is put back only where both addresses were captured. */
static inline size_t pcapng_packet_format(unsigned char *out, const struct pcapng_packet *p)
{
	uint32_t captured = p->captured_bytes < PCAPNG_SNAPLEN ? p->captured_bytes : PCAPNG_SNAPLEN;
	uint32_t original = p->original_bytes, total;
	unsigned char *end;

	if (p->vlan_tpid && captured >= 12) {
		captured = pcapng_packet_copy_tagged(out + 28, p, captured, PCAPNG_SNAPLEN);
		original += 4;
	} else {
		memcpy(out + 28, p->data, captured);
	}
	end = out + 28 + captured;
	pcapng_put32(end, 0); /* padding; what is too much of it is overwritten below */
	end += -captured & 3;
	if (p->flags || p->drops || p->comment)
		end += pcapng_packet_options(end, p);
	total = (uint32_t)(end - out) + 4;
	pcapng_put32(out, PCAPNG_PACKET);
	pcapng_put32(out + 4, total);
	pcapng_put32(out + 8, 0);
	pcapng_put32(out + 12, (uint32_t)(p->time_ns >> 32));
	pcapng_put32(out + 16, (uint32_t)p->time_ns);
	pcapng_put32(out + 20, captured);
	pcapng_put32(out + 24, original);
	pcapng_put32(end, total);
	return total;
}
