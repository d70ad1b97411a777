/* SPDX-License-Identifier: Apache-2.0 */
/* A pcapng file: whatever it holds, a packet's bytes lie in its block and the block in the file;
 * read in two steps it has the same packets as read at once. */
#include "capture/segment_reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "capture/pcapng.h"
#include "tests/fuzz/fuzz.h"

static void check_packet(const struct segment_packet *p)
{
	fuzz_check(p->block_bytes >= 32 && p->block_bytes <= SEGMENT_READER_WINDOW_BYTES);
	fuzz_check(p->data == p->block + 28);
	fuzz_check(p->captured_bytes <= p->block_bytes - 32);
	fuzz_check(p->captured_bytes <= PCAPNG_SNAPLEN);
	if (p->comment) {
		const unsigned char *comment = (const unsigned char *)p->comment;

		fuzz_check(comment > p->data + p->captured_bytes);
		fuzz_check(comment + p->comment_bytes <= p->block + p->block_bytes - 4);
	}
}

/* Number of packets; the last `late` bytes are vouched for only when the rest was read. */
static size_t count_packets(int fd, size_t size, size_t late)
{
	struct segment_reader reader;
	struct segment_packet packet;
	size_t packets = 0;
	int r;

	if (segment_reader_open(&reader, dup(fd), size - late))
		return SIZE_MAX;
	for (int step = 0; step < 2; step++) {
		while (!(r = segment_reader_next(&reader, &packet))) {
			check_packet(&packet);
			packets++;
		}
		if (r < 0)
			break;
		segment_reader_grow(&reader, size);
	}
	segment_reader_close(&reader);
	return packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	size_t at_once, in_steps;

	fuzz_check(fd >= 0 && !file_write_all(fd, data, size));
	at_once = count_packets(fd, size, 0);
	in_steps = count_packets(fd, size, size / 3);
	/* its beginning may not have been vouched for */
	fuzz_check(in_steps == at_once || in_steps == SIZE_MAX);
	close(fd);
	return 0;
}
