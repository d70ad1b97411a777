/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/count.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/frame.h"

#define BOUND_MAX (1ull << 36) /* 8 GiB of bits */

int count_start(struct count *count)
{
	if (!count->bound || count->bound > BOUND_MAX || !count->flows)
		return -1;
	if (count->last >= count->bound)
		count->last = count->bound - 1;
	if (count->first > count->last)
		return -1;
	count->lowest = UINT64_MAX;
	count->seen = calloc(count->bound / 64 + 1, sizeof(*count->seen));
	return count->seen ? 0 : -1;
}

void count_fini(struct count *count)
{
	free(count->seen);
	count->seen = NULL;
}

static bool is_expected(const struct count *count, uint64_t sequence)
{
	uint64_t port = FRAME_PORT_BASE + sequence % count->flows;

	return port >= count->port_low && port <= count->port_high;
}

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)(p[0] << 8 | p[1]);
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/* Bytes of VLAN tags in front of the IPv4 header; -1 if there is no such header of gen's kind. */
static int tag_bytes(const unsigned char *data, uint32_t captured)
{
	int tags = 0;

	while (captured >= (uint32_t)tags + FRAME_MAGIC_AT + 16) {
		uint32_t type = get16(data + 12 + tags);

		if (type == 0x0800)
			return tags;
		if (type != 0x8100 && type != 0x88a8)
			return -1;
		tags += 4;
	}
	return -1;
}

static void count_times(struct count *count, uint64_t time_ns)
{
	if (!count->packets)
		count->first_ns = time_ns;
	else if (time_ns < count->last_ns)
		count->time_back++;
	count->last_ns = time_ns;
}

static void count_sequence(struct count *count, uint64_t sequence)
{
	uint64_t bit = 1ull << (sequence & 63), *word = &count->seen[sequence / 64];

	if (*word & bit)
		count->duplicates++;
	else
		count->unique++;
	*word |= bit;
	if (count->lowest != UINT64_MAX && sequence < count->previous)
		count->reordered++;
	count->previous = sequence;
	if (sequence < count->lowest)
		count->lowest = sequence;
	if (sequence > count->highest)
		count->highest = sequence;
}

void count_packet(struct count *count, const unsigned char *data, uint32_t captured,
		  uint32_t original, uint64_t time_ns)
{
	int tags = tag_bytes(data, captured);
	uint64_t sequence;

	count_times(count, time_ns);
	count->packets++;
	count->bytes += captured;
	count->sliced += captured < original;
	if (tags < 0 || get64(data + tags + FRAME_MAGIC_AT) != FRAME_MAGIC) {
		count->bad++;
		return;
	}
	sequence = get64(data + tags + FRAME_MAGIC_AT + 8);
	if (sequence >= count->bound || captured > original)
		count->bad++;
	else if (get16(data + tags + FRAME_UDP_AT) != FRAME_PORT_BASE + sequence % count->flows &&
		 (count->port_low > 0 || count->port_high < 65535))
		count->bad++; /* -F is wrong, or the packet is damaged */
	else if (!is_expected(count, sequence))
		count->outside++;
	else
		count_sequence(count, sequence);
}

struct count_span count_span(const struct count *count, uint64_t first, uint64_t last)
{
	struct count_span span = {0};

	if (first > last || last >= count->bound)
		return span;
	for (uint64_t s = first; s <= last; s++) {
		if (!is_expected(count, s))
			continue;
		span.expected++;
		span.lost += !(count->seen[s / 64] >> (s & 63) & 1);
	}
	return span;
}
