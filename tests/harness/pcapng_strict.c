/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/pcapng_strict.h"

#include <string.h>

#define SNAPLEN	  262144u
#define BLOCK_MAX (16u << 20)

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6,
};

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static int complain(struct strict *s, const char *text)
{
	s->complaint = text;
	return -1;
}

/* --- options --- */

struct option {
	uint32_t code;
	uint32_t len;
	const unsigned char *value;
};

typedef int (*on_option)(struct strict *s, const struct option *option);

static int check_text(struct strict *s, const struct option *o)
{
	for (uint32_t i = 0; i < o->len; i++)
		if (o->value[i] == 0)
			return complain(s, "a text option contains NUL");
	return o->len ? 0 : complain(s, "an empty text option");
}

static int check_length(struct strict *s, const struct option *o, uint32_t len)
{
	return o->len == len ? 0 : complain(s, "an option has the wrong length");
}

static int on_section_option(struct strict *s, const struct option *o)
{
	return o->code <= 4 ? check_text(s, o) : complain(s, "unknown option of a section");
}

static int on_interface_option(struct strict *s, const struct option *o)
{
	switch (o->code) {
	case 1:
	case 2:
	case 3:
	case 12:
		return check_text(s, o);
	case 8:
		return check_length(s, o, 8);
	case 9:
		s->has_resolution = 1;
		if (check_length(s, o, 1))
			return -1;
		return o->value[0] == 9 ? 0 : complain(s, "if_tsresol is not 9");
	case 11:
		return o->len > 1 && o->value[0] == 0 ? 0 : complain(s, "if_filter is not text");
	default:
		return complain(s, "unknown option of an interface");
	}
}

static int on_packet_option(struct strict *s, const struct option *o)
{
	switch (o->code) {
	case 1:
		s->packet.comments++;
		return check_text(s, o);
	case 2:
		return check_length(s, o, 4);
	case 4:
		if (check_length(s, o, 8))
			return -1;
		s->packet.drops += get64(o->value);
		return 0;
	default:
		return complain(s, "unknown option of a packet");
	}
}

static int on_statistics_option(struct strict *s, const struct option *o)
{
	if (o->code == 1)
		return check_text(s, o);
	if (o->code < 2 || o->code > 8)
		return complain(s, "unknown option of a statistics block");
	if (check_length(s, o, 8))
		return -1;
	if (o->code == 5)
		s->ifdrop += get64(o->value);
	if (o->code == 7)
		s->osdrop += get64(o->value);
	return 0;
}

/* Options in [p, end): padded with zeros, ended by opt_endofopt with nothing behind it. */
static int read_options(struct strict *s, const unsigned char *p, const unsigned char *end,
			on_option call)
{
	if (p == end)
		return 0;
	while (end - p >= 4) {
		struct option o = {get16(p), get16(p + 2), p + 4};
		size_t padded = (o.len + 3u) & ~3u;

		if (o.code == 0) {
			if (o.len || end - p != 4)
				return complain(s, "bytes behind the end of options");
			return 0;
		}
		if (padded > (size_t)(end - p - 4))
			return complain(s, "an option reaches beyond its block");
		for (size_t i = o.len; i < padded; i++)
			if (o.value[i])
				return complain(s, "an option's padding is not zero");
		if (call(s, &o))
			return -1;
		p += 4 + padded;
	}
	return complain(s, "options without an end");
}

/* --- blocks, from type to trailing length; len is checked to be a multiple of 4 and whole --- */

static int on_section(struct strict *s, const unsigned char *p, uint32_t len)
{
	if (len < 28)
		return complain(s, "section header too short");
	if (get32(p + 8) != 0x1a2b3c4d)
		return complain(s, "not a little-endian section");
	if (get16(p + 12) != 1 || get16(p + 14) != 0)
		return complain(s, "not version 1.0");
	if (get64(p + 16) != UINT64_MAX)
		return complain(s, "section length is told");
	s->sections++;
	s->interfaces = 0;
	memset(s->has_statistics, 0, sizeof(s->has_statistics));
	return read_options(s, p + 24, p + len - 4, on_section_option);
}

static int on_interface(struct strict *s, const unsigned char *p, uint32_t len)
{
	if (len < 20)
		return complain(s, "interface block too short");
	if (s->interfaces == STRICT_INTERFACES_MAX)
		return complain(s, "too many interfaces");
	if (get32(p + 12) != SNAPLEN)
		return complain(s, "snaplen is not 262144");
	if (s->link_type != UINT32_MAX && s->link_type != get16(p + 8))
		return complain(s, "two link types in one file");
	s->link_type = get16(p + 8);
	s->interfaces++;
	s->interfaces_seen++;
	s->has_resolution = 0;
	if (read_options(s, p + 16, p + len - 4, on_interface_option))
		return -1;
	return s->has_resolution ? 0 : complain(s, "times are not in nanoseconds");
}

static int on_packet(struct strict *s, const unsigned char *p, uint32_t len)
{
	uint32_t padded;

	if (len < 32)
		return complain(s, "packet block too short");
	s->packet = (struct strict_packet){
		.data = p + 28,
		.captured = get32(p + 20),
		.original = get32(p + 24),
		.time_ns = (uint64_t)get32(p + 12) << 32 | get32(p + 16),
	};
	if (get32(p + 8) >= s->interfaces)
		return complain(s, "packet of an interface that is not declared");
	if (s->has_statistics[get32(p + 8)])
		return complain(s, "packet behind its interface's statistics");
	if (s->packet.captured > SNAPLEN || s->packet.captured > len - 32)
		return complain(s, "captured length is beyond the block or the snaplen");
	if (s->packet.captured > s->packet.original)
		return complain(s, "captured length is beyond the original one");
	padded = (s->packet.captured + 3) & ~3u;
	for (uint32_t i = s->packet.captured; i < padded; i++)
		if (p[28 + i])
			return complain(s, "a packet's padding is not zero");
	return read_options(s, p + 28 + padded, p + len - 4, on_packet_option);
}

static int on_statistics(struct strict *s, const unsigned char *p, uint32_t len)
{
	uint32_t interface;

	if (len < 24)
		return complain(s, "statistics block too short");
	interface = get32(p + 8);
	if (interface >= s->interfaces)
		return complain(s, "statistics of an interface that is not declared");
	if (s->has_statistics[interface]++)
		return complain(s, "two statistics blocks of one interface");
	s->statistics++;
	return read_options(s, p + 20, p + len - 4, on_statistics_option);
}

static int on_block(struct strict *s, const unsigned char *p, uint32_t len, strict_on_packet call,
		    void *owner)
{
	switch (get32(p)) {
	case SECTION:
		return on_section(s, p, len);
	case INTERFACE:
		return on_interface(s, p, len);
	case STATISTICS:
		return on_statistics(s, p, len);
	case PACKET:
		if (on_packet(s, p, len))
			return -1;
		call(owner, &s->packet);
		return 0;
	default:
		return complain(s, "unknown block type");
	}
}

int strict_read(struct strict *s, const unsigned char *data, size_t len, strict_on_packet call,
		void *owner)
{
	size_t at = 0;

	s->truncated = 0;
	s->link_type = UINT32_MAX;
	s->interfaces = 0;
	for (s->offset = 0; at < len; s->offset = at) {
		const unsigned char *p = data + at;
		uint32_t block;

		if (len - at < 12)
			break;
		block = get32(p + 4);
		if (at == 0 && get32(p) != SECTION)
			return complain(s, "does not begin with a section header");
		if (block < 12 || block % 4 || block > BLOCK_MAX)
			return complain(s, "a block length that cannot be");
		if (block > len - at)
			break;
		if (get32(p + block - 4) != block)
			return complain(s, "the two lengths of a block differ");
		if (on_block(s, p, block, call, owner))
			return -1;
		at += block;
	}
	s->truncated = at < len;
	return 0;
}
