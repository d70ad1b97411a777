/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/segment_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/little.h"
#include "capture/pcapng.h"

#define BLOCK_MIN 12u
#define EPB_HEAD  28u

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_IFDROP = 5,
};

struct option {
	uint32_t code, bytes;
	const unsigned char *value;
};

/* ---- the window ---- */

/* Makes `bytes` at r->offset readable. Returns 0, SEGMENT_READER_END where valid_bytes end before,
 * or -errno. */
static int fill(struct segment_reader *r, uint32_t bytes)
{
	uint64_t end = r->window_start + r->window_bytes;

	if (r->valid_bytes < r->offset || r->valid_bytes - r->offset < bytes)
		return SEGMENT_READER_END;
	if (r->offset >= r->window_start && r->offset + bytes <= end)
		return 0;
	r->window_start = r->offset;
	r->window_bytes = 0;
	if (r->ahead_end > r->offset + bytes && r->ahead_end < r->valid_bytes)
		end = r->ahead_end;
	else
		end = r->valid_bytes;
	while (r->window_bytes < bytes) {
		uint64_t left = end - r->window_start - r->window_bytes;
		uint32_t room = SEGMENT_READER_WINDOW_BYTES - r->window_bytes;
		ssize_t n = pread(r->fd, r->window + r->window_bytes, left < room ? left : room,
				  (off_t)(r->window_start + r->window_bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG; /* shorter than its writer said */
		r->window_bytes += (uint32_t)n;
	}
	return 0;
}

int segment_reader_frame(const unsigned char *data, size_t available, uint32_t *ret_bytes)
{
	uint32_t bytes;

	if (available < 8)
		return SEGMENT_READER_END;
	bytes = little_get32(data + 4);
	if (bytes < BLOCK_MIN || bytes % 4 || bytes > SEGMENT_READER_WINDOW_BYTES)
		return -EBADMSG;
	*ret_bytes = bytes;
	if (available < bytes)
		return SEGMENT_READER_END;
	return little_get32(data + bytes - 4) == bytes ? 0 : -EBADMSG;
}

/* The next block, whole. Returns 0, SEGMENT_READER_END, or -errno. */
static int get_block(struct segment_reader *r, const unsigned char **ret, uint32_t *ret_bytes)
{
	int e = fill(r, 8);

	if (e)
		return e;
	e = segment_reader_frame(r->window + (r->offset - r->window_start),
				 r->window_bytes - (size_t)(r->offset - r->window_start),
				 ret_bytes);
	if (e < 0)
		return e;
	e = fill(r, *ret_bytes);
	if (e)
		return e;
	*ret = r->window + (r->offset - r->window_start);
	return segment_reader_frame(*ret, *ret_bytes, ret_bytes);
}

/* ---- blocks ---- */

/* The option at *cursor, which moves on. False at the end of the options, or where they are torn.
 */
static bool next_option(const unsigned char **cursor, const unsigned char *end, struct option *ret)
{
	size_t left = (size_t)(end - *cursor), whole;

	if (left < 4)
		return false;
	ret->code = little_get16(*cursor);
	ret->bytes = little_get16(*cursor + 2);
	ret->value = *cursor + 4;
	whole = 4 + ((ret->bytes + 3u) & ~3u);
	if (ret->code == OPTION_END || whole > left)
		return false;
	*cursor += whole;
	return true;
}

static int64_t unit_of(unsigned char resolution)
{
	int64_t unit = 1;

	if (resolution > 9) /* finer than ours, or a power of two */
		return 0;
	while (resolution++ < 9)
		unit *= 10;
	return unit;
}

static int on_interface(struct segment_reader *r, const unsigned char *block, uint32_t bytes)
{
	const unsigned char *cursor = block + 16, *end = block + bytes - 4;
	int64_t unit = 1000; /* unless an option says otherwise */
	struct option o;

	if (bytes < 20)
		return -EBADMSG;
	if (r->interfaces++)
		return 0;
	r->link_type = little_get16(block + 8);
	while (next_option(&cursor, end, &o)) {
		if (o.code == IF_TSRESOL && o.bytes == 1)
			unit = unit_of(o.value[0]);
		if (o.code == IF_NAME && o.bytes < sizeof(r->nic)) {
			memcpy(r->nic, o.value, o.bytes);
			r->nic[o.bytes] = '\0';
		}
		if (o.code == IF_DESCRIPTION && o.bytes < sizeof(r->description)) {
			memcpy(r->description, o.value, o.bytes);
			r->description[o.bytes] = '\0';
		}
	}
	r->unit_ns = unit;
	return unit ? 0 : -EBADMSG;
}

static int on_section(struct segment_reader *r, const unsigned char *block, uint32_t bytes)
{
	if (bytes < 28 || little_get32(block + 8) != PCAPNG_BYTE_ORDER ||
	    little_get16(block + 12) != 1)
		return -EBADMSG;
	r->interfaces = 0;
	return 0;
}

static void on_statistics(struct segment_reader *r, const unsigned char *block, uint32_t bytes)
{
	const unsigned char *cursor = block + 20;
	struct option o;

	if (bytes < 24)
		return;
	while (next_option(&cursor, block + bytes - 4, &o))
		if (o.code == ISB_IFDROP && o.bytes == 8)
			r->dropped += little_get64(o.value);
}

static void read_options(const unsigned char *cursor, const unsigned char *end,
			 struct segment_packet *ret)
{
	struct option o;

	while (next_option(&cursor, end, &o)) {
		if (o.code == OPTION_COMMENT && !ret->comment) {
			ret->comment = (const char *)o.value;
			ret->comment_bytes = o.bytes;
		} else if (o.code == EPB_FLAGS && o.bytes == 4) {
			ret->flags = little_get32(o.value);
		} else if (o.code == EPB_DROPCOUNT && o.bytes == 8) {
			ret->drops = little_get64(o.value);
		}
	}
}

static int on_packet(const struct segment_reader *r, const unsigned char *block, uint32_t bytes,
		     struct segment_packet *ret)
{
	uint32_t captured, padded;
	uint64_t units;

	if (bytes < EPB_HEAD + 4 || little_get32(block + 8) >= r->interfaces)
		return -EBADMSG;
	captured = little_get32(block + 20);
	if (captured > bytes - EPB_HEAD - 4 || captured > PCAPNG_SNAPLEN)
		return -EBADMSG;
	units = (uint64_t)little_get32(block + 12) << 32 | little_get32(block + 16);
	*ret = (struct segment_packet){.block = block,
				       .block_bytes = bytes,
				       .data = block + EPB_HEAD,
				       .captured_bytes = captured,
				       .original_bytes = little_get32(block + 24)};
	if (units > INT64_MAX || __builtin_mul_overflow((int64_t)units, r->unit_ns, &ret->time_ns))
		return -EBADMSG;
	padded = (captured + 3) & ~3u;
	if (padded <= bytes - EPB_HEAD - 4)
		read_options(block + EPB_HEAD + padded, block + bytes - 4, ret);
	return 0;
}

/* ---- the file ---- */

int segment_reader_parse(struct segment_reader *r, const unsigned char *block, uint32_t bytes,
			 struct segment_packet *ret)
{
	uint32_t type = little_get32(block);
	int e = 0;

	if (r->offset == 0 && type != PCAPNG_SECTION)
		return -EBADMSG;
	if (type == PCAPNG_PACKET)
		return on_packet(r, block, bytes, ret);
	if (type == PCAPNG_SECTION)
		e = on_section(r, block, bytes);
	else if (type == PCAPNG_INTERFACE)
		e = on_interface(r, block, bytes);
	else if (type == PCAPNG_STATISTICS)
		on_statistics(r, block, bytes);
	return e ? e : SEGMENT_READER_OTHER;
}

int segment_reader_next(struct segment_reader *r, struct segment_packet *ret)
{
	const unsigned char *block;
	uint32_t bytes;
	int e;

	while (!(e = get_block(r, &block, &bytes))) {
		e = segment_reader_parse(r, block, bytes, ret);
		if (e < 0)
			return e;
		r->offset += bytes;
		if (!e)
			return 0;
	}
	return e;
}

/* Section header and first interface. */
static int read_start(struct segment_reader *r)
{
	struct segment_packet packet;

	while (!r->interfaces) {
		const unsigned char *block;
		uint32_t bytes;
		int e = get_block(r, &block, &bytes);

		if (!e)
			e = segment_reader_parse(r, block, bytes, &packet);
		if (e != SEGMENT_READER_OTHER)
			return e < 0 ? e : -EBADMSG;
		r->offset += bytes;
	}
	return 0;
}

int segment_reader_open(struct segment_reader *r, int fd, uint64_t valid_bytes)
{
	int e;

	*r = (struct segment_reader){.fd = fd, .valid_bytes = valid_bytes};
	if (fd < 0)
		return -EBADF;
	r->window = xmalloc(SEGMENT_READER_WINDOW_BYTES);
	e = read_start(r);
	if (e)
		segment_reader_close(r);
	return e;
}

void segment_reader_close(struct segment_reader *r)
{
	if (r->window)
		close(r->fd);
	free(r->window);
	*r = (struct segment_reader){.fd = -1};
}

void segment_reader_grow(struct segment_reader *r, uint64_t valid_bytes)
{
	if (valid_bytes > r->valid_bytes)
		r->valid_bytes = valid_bytes;
}

void segment_reader_seek(struct segment_reader *r, uint64_t offset, uint64_t ahead_end)
{
	r->offset = offset;
	r->ahead_end = ahead_end;
}
