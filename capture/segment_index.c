/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/segment_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/little.h"
#include "capture/fields.h"
#include "capture/pcapng.h"
#include "capture/segment_reader.h"

#define HEAD_BYTES   72u
#define PIECE_BYTES  48u
#define LINE_BYTES   32u
#define LINE_WORDS   8u
#define BITS_PER_KEY 12u			  /* half a percent of the pieces is read in vain */
#define SLOTS	     (4 * SEGMENT_INDEX_KEYS_MAX) /* of the set of a piece's keys */
#define CRC_AT	     68u

static const unsigned char magic[8] = {'R', 'B', 'I', 'N', 'D', 'E', 'X', '1'};

enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
	TYPE_ARP = 0x0806,
	TYPE_RARP = 0x8035,
};

/* ---- keys ---- */

static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

uint64_t segment_key_ip4(uint32_t address)
{
	return mix(0x4000000000000000u | address);
}

uint64_t segment_key_port(uint16_t port)
{
	return mix(0x1000000000000000u | port);
}

static uint64_t key_ip6(uint64_t high, uint64_t low)
{
	uint64_t key = mix(mix(high ^ 0x6000000000000000u) ^ low);

	return key ? key : 1; /* 0 stands for none */
}

static uint64_t load_big64(const unsigned char *data)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | data[i];
	return value;
}

static uint32_t load_big32(const unsigned char *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

uint64_t segment_key_ip6(const unsigned char address[16])
{
	return key_ip6(load_big64(address), load_big64(address + 8));
}

/* ---- filter lines ---- */

/* The bit of each word that a key sets (Putze, Sanders, Singler: split block Bloom filters; the
 * multipliers are those of Apache Parquet's). */
static void line_mask(uint32_t hash, uint32_t mask[LINE_WORDS])
{
	static const uint32_t salts[LINE_WORDS] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu,
						   0xa2b7289du, 0x705495c7u, 0x2df1424bu,
						   0x9efc4947u, 0x5c6bfb31u};

	for (uint32_t i = 0; i < LINE_WORDS; i++)
		mask[i] = 1u << (hash * salts[i] >> 27);
}

static uint32_t line_of(uint64_t key, uint32_t lines)
{
	return (uint32_t)((key >> 32) * lines >> 32);
}

static void line_add(unsigned char *line, uint64_t key)
{
	uint32_t mask[LINE_WORDS];

	line_mask((uint32_t)key, mask);
	for (uint32_t i = 0; i < LINE_WORDS; i++)
		little_put32(line + 4 * i, little_get32(line + 4 * i) | mask[i]);
}

static int line_has(const unsigned char *line, uint64_t key)
{
	uint32_t mask[LINE_WORDS], missing = 0;

	line_mask((uint32_t)key, mask);
	for (uint32_t i = 0; i < LINE_WORDS; i++)
		missing |= mask[i] & ~little_get32(line + 4 * i);
	return !missing;
}

/* ---- making it ---- */

struct segment_indexer {
	struct segment_reader reader; /* its state only: no file, no window */
	uint64_t tail;		      /* where the last packet's block ends */
	int ended;		      /* something else came after the interface */
	int broken;
	struct segment_piece piece; /* packets 0: none is open */
	struct segment_piece *pieces;
	size_t count, room;
	unsigned char *lines;
	size_t line_count, line_room;
	uint64_t keys[SEGMENT_INDEX_KEYS_MAX];
	uint32_t key_count;
	uint64_t recent[4];    /* keys of the packet before */
	uint16_t slots[SLOTS]; /* index into keys, from 1; 0 = free */
};

struct segment_indexer *segment_indexer_new(void)
{
	return xcalloc(1, sizeof(struct segment_indexer));
}

struct segment_indexer *segment_indexer_free(struct segment_indexer *x)
{
	if (!x)
		return NULL;
	free(x->pieces);
	free(x->lines);
	free(x);
	return NULL;
}

static void add_key(struct segment_indexer *x, uint32_t kind, uint64_t key)
{
	uint32_t slot;

	if (x->recent[kind] == key)
		return;
	x->recent[kind] = key;
	for (slot = (uint32_t)key % SLOTS; x->slots[slot]; slot = (slot + 1) % SLOTS)
		if (x->keys[x->slots[slot] - 1] == key)
			return;
	x->keys[x->key_count++] = key;
	x->slots[slot] = (uint16_t)x->key_count;
}

static void add_arp(struct segment_indexer *x, const struct segment_packet *p)
{
	uint32_t type;

	if (p->captured_bytes < 14 + 28 || x->reader.link_type != LINK_ETHERNET)
		return;
	type = (uint32_t)p->data[12] << 8 | p->data[13];
	if (type != TYPE_ARP && type != TYPE_RARP)
		return;
	add_key(x, 0, segment_key_ip4(load_big32(p->data + 28)));
	add_key(x, 1, segment_key_ip4(load_big32(p->data + 38)));
}

static void add_keys(struct segment_indexer *x, const struct segment_packet *p)
{
	struct packet packet = {.data = p->data,
				.captured_bytes = p->captured_bytes,
				.original_bytes = p->original_bytes};
	struct fields f = {0};

	fields_read(&packet, x->reader.link_type, &f);
	if (f.present & FIELD_SOURCE)
		add_key(x, 0,
			f.version == 4 ? segment_key_ip4(f.source4)
				       : key_ip6((uint64_t)(f.source6 >> 64), (uint64_t)f.source6));
	if (f.present & FIELD_TARGET)
		add_key(x, 1,
			f.version == 4 ? segment_key_ip4(f.target4)
				       : key_ip6((uint64_t)(f.target6 >> 64), (uint64_t)f.target6));
	if (f.present & FIELD_SOURCE_PORT)
		add_key(x, 2, segment_key_port(f.source_port));
	if (f.present & FIELD_TARGET_PORT)
		add_key(x, 3, segment_key_port(f.target_port));
	if (!f.version)
		add_arp(x, p);
}

static int has_keys(const struct segment_indexer *x)
{
	return x->reader.link_type == LINK_ETHERNET || x->reader.link_type == LINK_RAW;
}

static uint32_t lines_for(const struct segment_indexer *x)
{
	return has_keys(x) ? x->key_count * BITS_PER_KEY / (8 * LINE_BYTES) + 1 : 0;
}

static void write_lines(struct segment_indexer *x, uint32_t lines)
{
	unsigned char *first;

	if (!lines)
		return;
	if (x->line_count + lines > x->line_room) {
		x->line_room = 2 * x->line_room + lines;
		x->lines = xreallocarray(x->lines, x->line_room, LINE_BYTES);
	}
	first = x->lines + x->line_count * LINE_BYTES;
	memset(first, 0, (size_t)lines * LINE_BYTES);
	for (uint32_t i = 0; i < x->key_count; i++)
		line_add(first + line_of(x->keys[i], lines) * LINE_BYTES, x->keys[i]);
	x->line_count += lines;
}

static void clear_keys(struct segment_indexer *x)
{
	if (x->key_count > SLOTS / 32) {
		memset(x->slots, 0, sizeof(x->slots));
	} else {
		for (uint32_t i = 0; i < x->key_count; i++) {
			uint32_t slot = (uint32_t)x->keys[i] % SLOTS;

			/* keys of one run are all cleared: order does not matter */
			for (; x->slots[slot]; slot = (slot + 1) % SLOTS)
				x->slots[slot] = 0;
		}
	}
	x->key_count = 0;
	memset(x->recent, 0, sizeof(x->recent));
}

static void close_piece(struct segment_indexer *x)
{
	if (!x->piece.packets)
		return;
	x->piece.line = (uint32_t)x->line_count;
	x->piece.lines = lines_for(x);
	write_lines(x, x->piece.lines);
	clear_keys(x);
	if (x->count == x->room) {
		x->room = 2 * x->room + 64;
		x->pieces = xreallocarray(x->pieces, x->room, sizeof(x->pieces[0]));
	}
	x->pieces[x->count++] = x->piece;
	x->piece = (struct segment_piece){0};
	x->broken |= HEAD_BYTES + x->count * PIECE_BYTES + x->line_count * LINE_BYTES >
		     SEGMENT_INDEX_BYTES_MAX;
}

static void add_packet(struct segment_indexer *x, const struct segment_packet *p)
{
	struct segment_piece *piece = &x->piece;

	x->broken |= x->ended;
	if (piece->packets && (x->reader.offset - piece->offset >= SEGMENT_INDEX_PIECE_BYTES ||
			       x->key_count > SEGMENT_INDEX_KEYS_MAX - 8))
		close_piece(x);
	if (!piece->packets)
		*piece = (struct segment_piece){
			.offset = x->reader.offset, .first_ns = p->time_ns, .last_ns = p->time_ns};
	if (p->time_ns < piece->first_ns)
		piece->first_ns = p->time_ns;
	if (p->time_ns > piece->last_ns)
		piece->last_ns = p->time_ns;
	piece->drops += p->drops;
	piece->packets++;
	x->tail = x->reader.offset + p->block_bytes;
	if (has_keys(x))
		add_keys(x, p);
}

size_t segment_indexer_add(struct segment_indexer *x, const unsigned char *data, size_t bytes)
{
	struct segment_packet packet;
	size_t done = 0;
	uint32_t block;
	int r = 0;

	while (!x->broken && !(r = segment_reader_frame(data + done, bytes - done, &block))) {
		int described = x->reader.interfaces != 0;

		r = segment_reader_parse(&x->reader, data + done, block, &packet);
		if (r == 0)
			add_packet(x, &packet);
		else if (r < 0)
			x->broken = 1;
		else
			x->ended |= described;
		x->reader.offset += block;
		done += block;
	}
	x->broken |= r < 0;
	return x->broken ? bytes : done;
}

/* ---- its form ---- */

static void piece_format(unsigned char *out, const struct segment_piece *piece)
{
	little_put64(out, piece->offset);
	little_put64(out + 8, (uint64_t)piece->first_ns);
	little_put64(out + 16, (uint64_t)piece->last_ns);
	little_put64(out + 24, piece->drops);
	little_put32(out + 32, piece->packets);
	little_put32(out + 36, piece->line);
	little_put32(out + 40, piece->lines);
	little_put32(out + 44, 0);
}

static uint32_t crc_of(const unsigned char *data, size_t bytes)
{
	uLong crc = crc32_z(0, data, CRC_AT);

	return (uint32_t)crc32_z(crc, data + HEAD_BYTES, bytes - HEAD_BYTES);
}

unsigned char *segment_indexer_finish(struct segment_indexer *x, uint64_t segment_bytes,
				      const char sha256[SHA256_HEX_SIZE], size_t *ret_bytes)
{
	unsigned char *data, *out;
	size_t bytes;

	close_piece(x);
	/* a file that is cut inside a block is one that reading would complain of */
	if (x->broken || !x->count || x->reader.offset != segment_bytes)
		return NULL;
	bytes = HEAD_BYTES + x->count * PIECE_BYTES + x->line_count * LINE_BYTES;
	data = xcalloc(1, bytes);
	memcpy(data, magic, sizeof(magic));
	little_put64(data + 8, segment_bytes);
	hex_parse(sha256, data + 16, SHA256_SIZE);
	little_put32(data + 48, x->reader.link_type);
	little_put32(data + 52, (uint32_t)x->count);
	little_put32(data + 56, (uint32_t)x->line_count);
	out = data + HEAD_BYTES;
	for (size_t i = 0; i < x->count; i++, out += PIECE_BYTES)
		piece_format(out, &x->pieces[i]);
	if (x->line_count)
		memcpy(out, x->lines, x->line_count * LINE_BYTES);
	little_put64(data + 60, x->tail);
	little_put32(data + CRC_AT, crc_of(data, bytes));
	*ret_bytes = bytes;
	return data;
}

/* ---- reading it ---- */

void segment_index_get(const struct segment_index *index, uint32_t at, struct segment_piece *ret)
{
	const unsigned char *p = index->data + HEAD_BYTES + (size_t)at * PIECE_BYTES;

	*ret = (struct segment_piece){.offset = little_get64(p),
				      .first_ns = (int64_t)little_get64(p + 8),
				      .last_ns = (int64_t)little_get64(p + 16),
				      .drops = little_get64(p + 24),
				      .packets = little_get32(p + 32),
				      .line = little_get32(p + 36),
				      .lines = little_get32(p + 40)};
}

static int is_of(const unsigned char *data, uint64_t segment_bytes, const char *sha256)
{
	char hex[SHA256_HEX_SIZE];

	return !memcmp(data, magic, sizeof(magic)) && little_get64(data + 8) == segment_bytes &&
	       !strcmp(hex_format(data + 16, SHA256_SIZE, hex), sha256);
}

/* Ascending, inside the segment, each filter inside the lines. */
static int are_sound(const struct segment_index *index, uint64_t segment_bytes)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < index->count; i++) {
		struct segment_piece piece;

		segment_index_get(index, i, &piece);
		if (piece.offset <= before || piece.offset >= segment_bytes || piece.offset % 4 ||
		    !piece.packets || piece.last_ns < piece.first_ns || piece.line > index->lines ||
		    piece.lines > index->lines - piece.line)
			return 0;
		before = piece.offset;
	}
	return index->end > before && index->end <= segment_bytes;
}

int segment_index_open(struct segment_index *ret, const unsigned char *data, size_t bytes,
		       uint64_t segment_bytes, const char *sha256)
{
	struct segment_index index = {.data = data};

	if (bytes < HEAD_BYTES || bytes > SEGMENT_INDEX_BYTES_MAX ||
	    !is_of(data, segment_bytes, sha256))
		return -EBADMSG;
	index.link_type = little_get32(data + 48);
	index.count = little_get32(data + 52);
	index.lines = little_get32(data + 56);
	index.end = little_get64(data + 60);
	if (!index.count ||
	    HEAD_BYTES + (uint64_t)index.count * PIECE_BYTES + (uint64_t)index.lines * LINE_BYTES !=
		    bytes ||
	    little_get32(data + CRC_AT) != crc_of(data, bytes) || !are_sound(&index, segment_bytes))
		return -EBADMSG;
	*ret = index;
	return 0;
}

int segment_index_may_have(const struct segment_index *index, const struct segment_piece *piece,
			   const struct segment_terms *terms)
{
	const unsigned char *lines = index->data + HEAD_BYTES + (size_t)index->count * PIECE_BYTES +
				     (size_t)piece->line * LINE_BYTES;

	for (uint32_t t = 0; t < terms->count && piece->lines; t++) {
		int found = 0;

		for (uint32_t k = 0; k < terms->keys[t] && !found; k++) {
			uint64_t key = terms->key[t][k];

			found = line_has(lines + (size_t)line_of(key, piece->lines) * LINE_BYTES,
					 key);
		}
		if (!found)
			return 0;
	}
	return 1;
}
