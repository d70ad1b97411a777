/* SPDX-License-Identifier: Apache-2.0 */
/* A ring block whose every byte is hostile. The walk stays inside it and ends. */
#include "base/cleanup.h"
#include "capture/ring_block.h"
#include "tests/fuzz/fuzz.h"

#define BLOCK_BYTES 8192
#define HEADER_MIN  48 /* of a packet: struct tpacket3_hdr */

static void check_walk(const uint8_t *block)
{
	struct ring_block_walk walk;
	struct packet packet;
	uint32_t count = 0;

	ring_block_walk_init(&walk, block, BLOCK_BYTES);
	while (!ring_block_next(&walk, &packet)) {
		fuzz_check(packet.data >= block && packet.data <= block + BLOCK_BYTES);
		fuzz_check(packet.captured_bytes <= (size_t)(block + BLOCK_BYTES - packet.data));
		fuzz_check(packet.direction <= PACKET_OUTBOUND);
		/* each packet has a header of its own */
		fuzz_check(++count <= BLOCK_BYTES / HEADER_MIN);
	}
	fuzz_check(ring_block_next(&walk, &packet) == RING_BLOCK_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE uint8_t *block = aligned_alloc(4096, BLOCK_BYTES);
	struct ring_block_facts facts;

	fuzz_check(block);
	memset(block, 0, BLOCK_BYTES);
	memcpy(block, data, size < BLOCK_BYTES ? size : BLOCK_BYTES);
	ring_block_load(block, BLOCK_BYTES, &facts);
	fuzz_check(ring_block_open_ns(block) == facts.open_ns);
	check_walk(block);
	ring_block_claim(block);
	fuzz_check(ring_block_status(block) == RING_BLOCK_USER);
	ring_block_release(block);
	fuzz_check(ring_block_status(block) == RING_BLOCK_KERNEL);
	return 0;
}
