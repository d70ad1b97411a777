/* SPDX-License-Identifier: Apache-2.0 */
/* From a hostile ring block to pcapng: tag put back, filter, slice, encode. Eight bytes of
 * settings, then the block. Every byte that is committed is one whole packet block that fits its
 * room. */
#include <endian.h>

#include "base/cleanup.h"
#include "capture/stream.h"
#include "capture/track_reader.h"
#include "tests/fuzz/fuzz.h"

/* larger than a packet may be, so that bounds are met */
#define BLOCK_BYTES (1u << 19)

static unsigned char *room;
static size_t room_bytes;
static uint64_t committed;
static unsigned busy_every; /* each n-th reservation finds no buffer; 0 = none */
static unsigned reservations;

/* The stream is played: it hands out exact allocations and looks at what was put in. */
unsigned char *stream_reserve(struct stream *stream, size_t size)
{
	(void)stream;
	fuzz_check(size <= STREAM_RESERVE_MAX);
	if (busy_every && ++reservations % busy_every == 0)
		return NULL;
	free(room);
	room_bytes = size;
	room = xmalloc(size);
	return room;
}

static uint32_t word_at(size_t offset)
{
	uint32_t v;

	memcpy(&v, room + offset, 4);
	return le32toh(v);
}

void stream_commit(struct stream *stream, size_t used)
{
	uint32_t captured;

	(void)stream;
	fuzz_check(used >= 32 && used <= room_bytes && used % 4 == 0);
	fuzz_check(word_at(0) == PCAPNG_PACKET);
	fuzz_check(word_at(4) == used && word_at(used - 4) == used);
	captured = word_at(20);
	fuzz_check(captured <= PCAPNG_SNAPLEN && 28 + captured + 4 <= used);
	committed++;
}

static struct filter *filter_of(unsigned kind)
{
	static struct rec_program program = {
		.count = 4,
		.insns = {{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12},
			  {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x8100},
			  {BPF_RET | BPF_K, 0, 0, 0x40000},
			  {BPF_RET | BPF_K, 0, 0, 0}},
	};
	struct filter *filter = NULL;

	if (kind & 1)
		fuzz_check(!filter_new(&program, &filter));
	return filter;
}

static void read_block(struct track_reader *reader, const uint8_t *block)
{
	struct track_segment segment = {0};
	struct ring_block_walk walk;

	committed = 0;
	reservations = 0;
	ring_block_walk_init(&walk, block, BLOCK_BYTES);
	while (track_reader_step(reader, &walk, &segment) == TRACK_READER_BUSY)
		fuzz_check(busy_every > 0);
	fuzz_check(reader->packets == committed && segment.packets == committed);
	fuzz_check(reader->bytes == segment.bytes);
	fuzz_check(segment.received >= segment.packets);
	free(room);
	room = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	unsigned kind = (unsigned)fuzz_take(&input, 1);
	CLEANUP_FREE uint8_t *scratch = xmalloc(TRACK_READER_SCRATCH_BYTES);
	CLEANUP_FREE uint8_t *block = aligned_alloc(4096, BLOCK_BYTES);
	struct track_reader reader = {.filter = filter_of(kind),
				      .slot = CLASSIFIER_NONE,
				      .slice = kind & 2 ? SLICE_HEADERS : SLICE_WHOLE,
				      .link_type = kind & 4 ? 101 : 1,
				      .trigger_ns = kind & 8,
				      .drops = kind & 16,
				      .until_ns = INT64_MAX,
				      .scratch = scratch};

	busy_every = kind & 32 ? 2 : 0;
	reader.slice_bytes = (uint32_t)fuzz_take(&input, 4);
	fuzz_take(&input, 3); /* the block begins at a round offset of the input */
	fuzz_check(block);
	memset(block, 0, BLOCK_BYTES);
	memcpy(block, input.data, input.size < BLOCK_BYTES ? input.size : BLOCK_BYTES);
	read_block(&reader, block);
	filter_free(reader.filter);
	return 0;
}
