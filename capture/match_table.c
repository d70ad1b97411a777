/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/match_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#define MAC_MAX (((u128)1 << 48) - 1)

static const u128 field_max[MATCH_FIELDS] = {
	[MATCH_SIDE_IPV4] = UINT32_MAX,
	[MATCH_PEER_IPV4] = UINT32_MAX,
	[MATCH_SIDE_IPV6] = ~(u128)0,
	[MATCH_PEER_IPV6] = ~(u128)0,
	[MATCH_SIDE_MAC] = MAC_MAX,
	[MATCH_PEER_MAC] = MAC_MAX,
	[MATCH_SIDE_PORT] = 65535,
	[MATCH_PEER_PORT] = 65535,
	[MATCH_PROTOCOL4] = 255,
	[MATCH_PROTOCOL6] = 255,
	[MATCH_VLAN] = 4095,
	[MATCH_LABEL] = 0xfffff,
	[MATCH_VNI] = 0xffffff,
};

/* Ascending, apart from each other, none beyond the largest value. */
static int is_sorted(const struct interval *range, uint32_t count, u128 max)
{
	for (uint32_t i = 0; i < count; i++) {
		if (range[i].from > range[i].to || range[i].to > max)
			return 0;
		if (i && range[i].from <= range[i - 1].to)
			return 0;
	}
	return 1;
}

/* Every count adds up to the ranges that are there. */
static int is_sound(const struct match_table *t)
{
	uint64_t used = 0;

	for (uint32_t c = 0; c < t->clauses; c++) {
		for (uint32_t f = 0; f < ARRAY_SIZE(t->clause[c].counts); f++) {
			uint32_t count = t->clause[c].counts[f];

			if ((f >= MATCH_FIELDS && count) || count > t->ranges - used)
				return 0;
			if (count && !is_sorted(t->range + used, count, field_max[f]))
				return 0;
			used += count;
		}
	}
	return used == t->ranges;
}

static int table_take(void *bytes, size_t size, struct match_table **ret)
{
	const struct match_table_head *head = bytes;
	struct match_table *t;

	*ret = NULL;
	if (size < sizeof(*head) || head->magic != MATCH_TABLE_MAGIC || head->reserved ||
	    !head->clauses || head->clauses > MATCH_CLAUSES_MAX ||
	    head->ranges > MATCH_RANGES_MAX ||
	    size != sizeof(*head) + head->clauses * sizeof(struct match_clause) +
			    head->ranges * sizeof(struct interval)) {
		free(bytes);
		return -EINVAL;
	}
	t = xcalloc(1, sizeof(*t));
	t->bytes = bytes;
	t->clauses = head->clauses;
	t->ranges = head->ranges;
	t->clause = (struct match_clause *)(head + 1);
	t->range = (struct interval *)(t->clause + t->clauses);
	if (!is_sound(t)) {
		match_table_free(t);
		return -EINVAL;
	}
	*ret = t;
	return 0;
}

int match_table_new(const void *bytes, size_t size, struct match_table **ret)
{
	*ret = NULL;
	if (!size || size > MATCH_TABLE_SIZE_MAX)
		return -EINVAL;
	return table_take(xmemdup(bytes, size), size, ret);
}

int match_table_load(int fd, size_t size, struct match_table **ret)
{
	CLEANUP_FREE void *bytes = NULL;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	ssize_t n;

	*ret = NULL;
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || size > MATCH_TABLE_SIZE_MAX)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size != size || !size)
		return -EINVAL;
	bytes = xmalloc(size);
	n = pread(fd, bytes, size, 0);
	if (n < 0)
		return -errno;
	if ((size_t)n != size)
		return -EINVAL;
	return table_take(take_ptr(bytes), size, ret);
}

struct match_table *match_table_free(struct match_table *t)
{
	if (t)
		free(t->bytes);
	free(t);
	return NULL;
}

const struct interval *match_table_field(const struct match_table *t, uint32_t clause,
					 enum match_field field, uint32_t *ret)
{
	const struct interval *range = t->range;

	for (uint32_t c = 0; c <= clause; c++) {
		for (uint32_t f = 0; f < MATCH_FIELDS; f++) {
			if (c == clause && f == field)
				break;
			range += t->clause[c].counts[f];
			if (c == clause && f + 1 == field)
				break;
		}
	}
	*ret = t->clause[clause].counts[field];
	return range;
}
