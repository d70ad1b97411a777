/* SPDX-License-Identifier: Apache-2.0 */
/* Only little-endian sections are ours; every number read is checked before it is used. A block
 * that is whole in itself (both lengths equal) but contradicts its own fields ends the walk as
 * well. */
#include "storage/repair.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/little.h"
#include "storage/segment.h"

#define WINDOW_BYTES (1u << 20)
#define PEEK_MAX     65536u /* most bytes looked at in one block */
#define BLOCK_MIN    12u
#define BLOCK_MAX    (16u << 20)

#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

#define OPTION_COMMENT	1
#define OPTION_TSRESOL	9
#define OPTION_START	2
#define OPTION_END_TIME 3
#define OPTION_IFDROP	5
#define OPTION_OSDROP	7
#define OPTION_USRDELIV 8

/* A file seen through one moving window. */
struct window {
	int fd;
	uint64_t file_bytes;
	size_t room;	/* of data: a small file needs no large one */
	uint64_t start; /* of what is in data */
	size_t filled;
	unsigned char *data;
};

struct walk {
	struct window window;
	uint64_t offset; /* of the block being looked at */
	uint32_t type;
	uint32_t length;
	uint32_t interfaces; /* of this section so far */
	int64_t unit_ns;     /* of packet times; 0 = not one of ours */
	struct segment_facts *facts;
};

/* Fills the window from `offset` on, as far as the file goes. */
static int window_fill(struct window *w, uint64_t offset)
{
	w->start = offset;
	w->filled = 0;
	while (w->filled < w->room) {
		ssize_t n = pread(w->fd, w->data + w->filled, w->room - w->filled,
				  (off_t)(offset + w->filled));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		w->filled += (size_t)n;
	}
	return 0;
}

/* len (≤ PEEK_MAX) bytes at offset; *ret is NULL if the file ends before. Returns 0 or -errno. */
static int window_get(struct window *w, uint64_t offset, size_t len, const unsigned char **ret)
{
	int r;

	*ret = NULL;
	if (offset > w->file_bytes || w->file_bytes - offset < len)
		return 0;
	if (offset < w->start || offset + len > w->start + w->filled) {
		r = window_fill(w, offset);
		if (r)
			return r;
	}
	if (offset + len <= w->start + w->filled) /* the file may have shrunk */
		*ret = w->data + (offset - w->start);
	return 0;
}

/* --- options --- */

/* Calls for each option of at most `len` bytes of options; returns 0 or -EBADMSG. */
static int for_options(const unsigned char *p, size_t len,
		       void (*call)(struct walk *walk, uint32_t code, const unsigned char *value,
				    uint32_t value_len),
		       struct walk *walk)
{
	while (len >= 4) {
		uint32_t code = little_get16(p), value_len = little_get16(p + 2);
		size_t whole = 4 + ((value_len + 3u) & ~3u);

		if (code == 0)
			return 0;
		if (whole > len)
			return -EBADMSG;
		call(walk, code, p + 4, value_len);
		p += whole;
		len -= whole;
	}
	return 0;
}

static void on_interface_option(struct walk *walk, uint32_t code, const unsigned char *value,
				uint32_t value_len)
{
	if (code != OPTION_TSRESOL || value_len != 1)
		return;
	walk->unit_ns = value[0] <= 9 ? 1 : 0;
	for (int exponent = value[0]; exponent < 9; exponent++)
		walk->unit_ns *= 10;
}

static void on_statistics_option(struct walk *walk, uint32_t code, const unsigned char *value,
				 uint32_t value_len)
{
	/* the first is the sum of all causes, where it is there at all */
	if ((code == OPTION_IFDROP || code == OPTION_OSDROP) && value_len == 8 &&
	    little_get64(value) > walk->facts->drops)
		walk->facts->drops = little_get64(value);
}

/* --- blocks: each returns 0 if the block is consistent, else -EBADMSG or another -errno --- */

/* The first n bytes of the block being looked at. */
static int peek(struct walk *walk, size_t n, const unsigned char **ret)
{
	int r = window_get(&walk->window, walk->offset, n, ret);

	return !r && !*ret ? -EBADMSG : r;
}

static int on_section(struct walk *walk)
{
	const unsigned char *p;
	int r;

	if (walk->length < 28)
		return -EBADMSG;
	r = peek(walk, 16, &p);
	if (r)
		return r;
	if (little_get32(p + 8) != BYTE_ORDER_MAGIC || little_get16(p + 12) != 1)
		return -EBADMSG;
	walk->interfaces = 0;
	return 0;
}

/* Options of the block from byte `from` on, as far as PEEK_MAX reaches. */
static int read_options(struct walk *walk, uint32_t from,
			void (*call)(struct walk *walk, uint32_t code, const unsigned char *value,
				     uint32_t value_len))
{
	uint32_t end = walk->length - 4 < PEEK_MAX ? walk->length - 4 : PEEK_MAX;
	const unsigned char *p;
	int r = peek(walk, end, &p);

	return r ? r : for_options(p + from, end - from, call, walk);
}

static int on_interface(struct walk *walk)
{
	if (walk->length < 20)
		return -EBADMSG;
	walk->interfaces++;
	walk->unit_ns = 1000; /* unless an option says otherwise */
	return read_options(walk, 16, on_interface_option);
}

static void note_time(struct walk *walk, uint64_t units)
{
	struct segment_facts *facts = walk->facts;
	int64_t ns;

	if (!walk->unit_ns || __builtin_mul_overflow((int64_t)units, walk->unit_ns, &ns) || ns <= 0)
		return;
	if (!wall_known(facts->first) || ns < facts->first.ns)
		facts->first.ns = ns;
	if (ns > facts->last.ns)
		facts->last.ns = ns;
}

static int on_packet(struct walk *walk)
{
	const unsigned char *p;
	uint32_t captured;
	int r;

	if (walk->length < 32)
		return -EBADMSG;
	r = peek(walk, 28, &p);
	if (r)
		return r;
	captured = little_get32(p + 20);
	if (little_get32(p + 8) >= walk->interfaces || captured > walk->length - 32)
		return -EBADMSG;
	walk->facts->packets++;
	walk->facts->bytes += little_get32(p + 24);
	note_time(walk, (uint64_t)little_get32(p + 12) << 32 | little_get32(p + 16));
	return 0;
}

static int on_statistics(struct walk *walk)
{
	const unsigned char *p;
	int r;

	if (walk->length < 24)
		return -EBADMSG;
	r = peek(walk, 24, &p);
	if (r)
		return r;
	if (little_get32(p + 8) >= walk->interfaces)
		return -EBADMSG;
	return read_options(walk, 20, on_statistics_option);
}

static int on_block(struct walk *walk)
{
	switch (walk->type) {
	case BLOCK_SECTION:
		return on_section(walk);
	case BLOCK_INTERFACE:
		return on_interface(walk);
	case BLOCK_PACKET:
		return on_packet(walk);
	case BLOCK_STATISTICS:
		return on_statistics(walk);
	default:
		return 0; /* other people's blocks */
	}
}

/* Reads type and length at walk->offset. Returns 0, or -EBADMSG: no whole block of at most `end`.
 */
static int read_frame(struct walk *walk, uint64_t end)
{
	const unsigned char *p;
	int r = peek(walk, 8, &p);

	if (r)
		return r;
	walk->type = little_get32(p);
	walk->length = little_get32(p + 4);
	if (walk->length < BLOCK_MIN || walk->length % 4 || walk->length > BLOCK_MAX ||
	    walk->length > end - walk->offset)
		return -EBADMSG;
	return walk->offset == 0 && walk->type != BLOCK_SECTION ? -EBADMSG : 0;
}

/* The length again, behind the block. Looked at last, since it may move the window. */
static int check_trailer(struct walk *walk)
{
	const unsigned char *p;
	int r = window_get(&walk->window, walk->offset + walk->length - 4, 4, &p);

	if (r)
		return r;
	return !p || little_get32(p) != walk->length ? -EBADMSG : 0;
}

/* One block, taken as a whole or not at all. */
static int step_block(struct walk *walk, uint64_t end)
{
	struct segment_facts before = *walk->facts;
	uint32_t interfaces = walk->interfaces;
	int r = read_frame(walk, end);

	if (!r)
		r = on_block(walk);
	if (!r)
		r = check_trailer(walk);
	if (r) {
		*walk->facts = before;
		walk->interfaces = interfaces;
		return r;
	}
	walk->offset += walk->length;
	walk->facts->valid_bytes = walk->offset;
	walk->facts->sealed = walk->type == BLOCK_STATISTICS;
	return 0;
}

/* Returns 0 with the number of interfaces in *ret_interfaces, or -errno. */
static int inspect(int fd, uint64_t cut_at, struct segment_facts *ret, uint32_t *ret_interfaces)
{
	CLEANUP_FREE unsigned char *data = NULL;
	struct walk walk = {.window = {.fd = fd}, .facts = ret};
	struct stat st;
	uint64_t end;
	int r = 0;

	*ret = (struct segment_facts){0};
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	walk.window.file_bytes = ret->file_bytes = (uint64_t)st.st_size;
	walk.window.room = ret->file_bytes < WINDOW_BYTES ? ret->file_bytes : WINDOW_BYTES;
	walk.window.data = data = xmalloc(walk.window.room + 1);
	end = cut_at && cut_at < ret->file_bytes ? cut_at : ret->file_bytes;
	while (!r && walk.offset < end)
		r = step_block(&walk, end);
	*ret_interfaces = walk.interfaces;
	return r == -EBADMSG ? 0 : r;
}

int repair_inspect(int fd, uint64_t cut_at, struct segment_facts *ret)
{
	uint32_t interfaces;

	return inspect(fd, cut_at, ret, &interfaces);
}

/* --- repair --- */

static size_t put32(unsigned char *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, 4);
	return 4;
}

static size_t put_option(unsigned char *p, uint32_t code, const void *value, uint32_t value_len)
{
	uint32_t padded = (value_len + 3) & ~3u;

	put32(p, code | value_len << 16);
	memset(p + 4, 0, padded);
	memcpy(p + 4, value, value_len);
	return 4 + padded;
}

static size_t put_time(unsigned char *p, uint32_t code, wall_t t)
{
	unsigned char halves[8];

	if (!wall_known(t))
		return 0;
	put32(halves, (uint32_t)((uint64_t)t.ns >> 32));
	put32(halves + 4, (uint32_t)t.ns);
	return put_option(p, code, halves, sizeof(halves));
}

/* The statistics block of a segment nobody lived to finish. Drops are not told: not known here. */
static size_t format_statistics(unsigned char out[512], const struct segment_facts *facts)
{
	uint64_t packets = htole64(facts->packets);
	wall_t now = wall_now();
	char comment[200];
	size_t n = 20;

	snprintf(comment, sizeof(comment),
		 "Sealed by recovery after the recorder had stopped without finishing this file: "
		 "%" PRIu64 " bytes behind the last whole block were cut off",
		 facts->file_bytes - facts->valid_bytes);
	put32(out, BLOCK_STATISTICS);
	put32(out + 8, 0);
	put32(out + 12, (uint32_t)((uint64_t)now.ns >> 32));
	put32(out + 16, (uint32_t)now.ns);
	n += put_option(out + n, OPTION_COMMENT, comment, (uint32_t)strlen(comment));
	n += put_time(out + n, OPTION_START, facts->first);
	n += put_time(out + n, OPTION_END_TIME, facts->last);
	n += put_option(out + n, OPTION_USRDELIV, &packets, 8);
	n += put32(out + n, 0);
	put32(out + 4, (uint32_t)n + 4);
	return n + put32(out + n, (uint32_t)n + 4);
}

/* Appends the statistics block at valid_bytes. Returns the new length; on a full disk the old one:
 * the packets matter more. */
static uint64_t append_statistics(int fd, const struct segment_facts *facts)
{
	unsigned char block[512];
	size_t n = format_statistics(block, facts);

	/* cut first: if we die in between, nothing stale may follow the new block */
	if (ftruncate(fd, (off_t)facts->valid_bytes) ||
	    pwrite(fd, block, n, (off_t)facts->valid_bytes) != (ssize_t)n)
		return facts->valid_bytes;
	return facts->valid_bytes + n;
}

/* Hidden → "<name>.bad", so that nobody looks at it again. Returns -EBADMSG or another -errno. */
static int quarantine(int folder, const char *hidden, const char *name)
{
	char bad[SEGMENT_NAME_SIZE + 4];

	snprintf(bad, sizeof(bad), "%s.bad", name);
	if (renameat(folder, hidden, folder, bad) || fsync(folder))
		return -errno;
	return -EBADMSG;
}

/* Nothing was ever written, or nothing of it reached the disk. */
static bool is_blank(int fd)
{
	CLEANUP_FREE unsigned char *data = xmalloc(WINDOW_BYTES);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, data, WINDOW_BYTES, at)) > 0) {
		if (data[0] || memcmp(data, data + 1, (size_t)n - 1))
			return false;
		at += n;
	}
	return n == 0;
}

int repair_segment(int folder, const char *name, uint64_t cut_at, struct segment_facts *ret)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	CLEANUP_CLOSE int fd = -1;
	struct segment_name parsed;
	uint64_t bytes;
	uint32_t interfaces;
	bool is_hidden;
	int r = segment_name_parse(name, &parsed, &is_hidden);

	if (r || is_hidden)
		return -EINVAL;
	snprintf(hidden, sizeof(hidden), ".%s", name);
	fd = openat(folder, hidden, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = inspect(fd, cut_at, ret, &interfaces);
	if (r)
		return r;
	if (ret->valid_bytes == 0 && is_blank(fd)) {
		r = segment_remove_hidden(folder, name);
		return r ? r : REPAIR_REMOVED;
	}
	if (ret->valid_bytes == 0)
		return quarantine(folder, hidden, name);
	bytes = ret->valid_bytes;
	/* readers expect one statistics block per interface, and an interface to it */
	if (!ret->sealed && interfaces > 0)
		bytes = append_statistics(fd, ret);
	r = segment_seal(folder, fd, name, bytes);
	if (r)
		return r;
	ret->valid_bytes = bytes;
	ret->sealed = true;
	return 0;
}
