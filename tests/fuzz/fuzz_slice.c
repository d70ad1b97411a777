/* SPDX-License-Identifier: Apache-2.0 */
/* How long a packet's headers are: one byte of link type, then the packet. */
#include "base/cleanup.h"
#include "capture/slice.h"
#include "tests/fuzz/fuzz.h"

/* A packet of just `size` bytes, so that a sanitizer sees one too many. */
static uint32_t slice_exact(const uint8_t *data, uint32_t size, uint32_t link_type)
{
	CLEANUP_FREE uint8_t *packet = malloc(size ? size : 1);
	uint32_t bytes;

	fuzz_check(packet);
	if (size)
		memcpy(packet, data, size);
	bytes = slice_headers(packet, size, link_type);
	fuzz_check(bytes <= size);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t link_types[] = {1, 101, 113};
	struct fuzz_input input = {data, size};
	uint32_t link_type = link_types[fuzz_take(&input, 1) % 3];
	uint32_t whole = slice_exact(input.data, (uint32_t)input.size, link_type);

	/* cut within the headers all of it is header; what was sliced is not sliced further */
	for (uint32_t n = 0; n <= whole && n < 200; n++)
		fuzz_check(slice_exact(input.data, n, link_type) == n);
	fuzz_check(slice_exact(input.data, whole, link_type) == whole);
	return 0;
}
