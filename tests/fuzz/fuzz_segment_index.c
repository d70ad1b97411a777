/* SPDX-License-Identifier: Apache-2.0 */
/* An index: whatever it holds, with a checksum that fits, its pieces ascend inside the segment and
 * a look into their filters stays in it. A segment: its index says of each packet that it may be
 * there. The first byte chooses. */
#include "capture/segment_index.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/little.h"
#include "tests/fuzz/fuzz.h"

#define SEGMENT_BYTES (1u << 20)

static const char sha256[SHA256_HEX_SIZE] =
	"0000000000000000000000000000000000000000000000000000000000000000";

/* Head and checksum as they must be, so that the rest is reached. */
static void mend(unsigned char *data, size_t size)
{
	uint32_t crc;

	memcpy(data, "RBINDEX1", 8);
	little_put64(data + 8, SEGMENT_BYTES);
	memset(data + 16, 0, 32);
	little_put32(data + 52, (uint32_t)(size - 72) / 80);
	little_put32(data + 56, (uint32_t)(size - 72 - (size - 72) / 80 * 48) / 32);
	crc = (uint32_t)crc32_z(0, data, 68);
	little_put32(data + 68, (uint32_t)crc32_z(crc, data + 72, size - 72));
}

static void look(const struct segment_index *index)
{
	struct segment_terms terms = {.count = 1, .keys = {2}};
	uint64_t before = 0;

	for (uint32_t i = 0; i < index->count; i++) {
		struct segment_piece piece;

		segment_index_get(index, i, &piece);
		fuzz_check(piece.offset > before && piece.offset < SEGMENT_BYTES);
		before = piece.offset;
		terms.key[0][0] = piece.offset * 0x9e3779b97f4a7c15u;
		terms.key[0][1] = UINT64_MAX;
		segment_index_may_have(index, &piece, &terms);
	}
	fuzz_check(index->end > before && index->end <= SEGMENT_BYTES);
}

static void make(const uint8_t *data, size_t size)
{
	struct segment_indexer *indexer = segment_indexer_new();
	struct segment_index index;
	unsigned char *made;
	size_t half = size / 2, taken, bytes;

	taken = segment_indexer_add(indexer, data, half);
	fuzz_check(taken <= half);
	segment_indexer_add(indexer, data + taken, size - taken);
	made = segment_indexer_finish(indexer, size, sha256, &bytes);
	fuzz_check(!made || !segment_index_open(&index, made, bytes, size, sha256));
	free(made);
	segment_indexer_free(indexer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_index index;
	unsigned char *copy;

	if (size && data[0] & 1) {
		make(data + 1, size - 1);
		return 0;
	}
	if (size < 73)
		return 0;
	copy = xmemdup(data, size);
	fuzz_check(segment_index_open(&index, copy, size, SEGMENT_BYTES, sha256) || index.count);
	mend(copy, size);
	if (!segment_index_open(&index, copy, size, SEGMENT_BYTES, sha256))
		look(&index);
	free(copy);
	return 0;
}
