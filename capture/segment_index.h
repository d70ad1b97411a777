/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where in a sealed segment: its packets in pieces of about 256 KiB, and of each piece
 * its times and a summary of the addresses and ports in it, so that a reader that looks for a host
 * reads the pieces that may have it and no others. Kept beside the segment as <name>.idx.
 *
 * It only ever says "surely not": the summary is a split block Bloom filter, which errs on the side
 * of reading. It holds what BPF's "host" and "port" compare, and more: addresses of IPv4, IPv6, ARP
 * and RARP, ports of TCP, UDP and SCTP, behind VLAN tags too. It is made by the worker that hashes
 * the segment, names size and SHA-256 of what it was made from, and has a CRC over itself; one that
 * does not fit is not used, nor is one whose own SHA-256 is not what the catalogue says: a forged
 * index could hide packets. Pure.
 *
 * Layout, little endian: head (72 bytes), pieces (48 bytes each), filter lines (32 bytes each). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "storage/segment.h"

#define SEGMENT_INDEX_PIECE_BYTES (256u << 10)
#define SEGMENT_INDEX_KEYS_MAX	  8192	      /* of a piece, which ends there */
#define SEGMENT_INDEX_BYTES_MAX	  (64u << 20) /* a segment that needs more has none */

/* ---- what is looked for ---- */

#define SEGMENT_TERMS_MAX 8
#define SEGMENT_KEYS_MAX  16

/* A packet that is wanted has, of each term, one of the keys. */
struct segment_terms {
	uint32_t count;
	uint32_t keys[SEGMENT_TERMS_MAX]; /* how many each has */
	uint64_t key[SEGMENT_TERMS_MAX][SEGMENT_KEYS_MAX];
};

uint64_t segment_key_ip4(uint32_t address); /* host order */
uint64_t segment_key_ip6(const unsigned char address[16]);
uint64_t segment_key_port(uint16_t port);

/* ---- making it ---- */

struct segment_indexer;

struct segment_indexer *segment_indexer_new(void);
/* Accepts NULL, returns NULL. */
struct segment_indexer *segment_indexer_free(struct segment_indexer *indexer);

/* The file's next bytes, beginning with a block: takes the whole blocks among them and returns how
 * many bytes those are. What is left comes again, with more behind it. */
size_t segment_indexer_add(struct segment_indexer *indexer, const unsigned char *data,
			   size_t bytes);

/* After the last byte. Returns the index (the caller's to free) and its size, or NULL: it is a file
 * of which there is none, because reading it would end before its last packet, or because it has
 * more than packets between the first and the last one. */
unsigned char *segment_indexer_finish(struct segment_indexer *indexer, uint64_t segment_bytes,
				      const char sha256[SHA256_HEX_SIZE], size_t *ret_bytes);

/* ---- reading it ---- */

struct segment_piece {
	uint64_t offset; /* of its first packet's block; it ends where the next one begins */
	int64_t first_ns, last_ns; /* oldest and newest packet */
	uint64_t drops;		   /* sum of what its packets say was lost before them */
	uint32_t packets;
	uint32_t line, lines; /* its filter; 0 lines: anything may be in it */
	uint32_t reserved;
};

struct segment_index {
	const unsigned char *data; /* borrowed */
	uint32_t count;		   /* of pieces */
	uint32_t lines;
	uint64_t end; /* where the last piece ends */
	uint32_t link_type;
};

/* Hostile bytes. Returns 0, or -EBADMSG: it is damaged, or of another segment. */
int segment_index_open(struct segment_index *ret, const unsigned char *data, size_t bytes,
		       uint64_t segment_bytes, const char *sha256);
/* at < count. */
void segment_index_get(const struct segment_index *index, uint32_t at, struct segment_piece *ret);
/* 0: no packet of the piece has, of each term, one of the keys. */
int segment_index_may_have(const struct segment_index *index, const struct segment_piece *piece,
			   const struct segment_terms *terms);
