/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/filter_table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "capture/match_table.h"

/* MATCH_ICMP is another number in each version of IP. */
static void fill_protocols(const struct match *match, unsigned icmp, struct range_set *ret)
{
	CLEANUP(range_set_fini) struct range_set all = {0};

	match_protocols(match, &all);
	for (size_t i = 0; i < all.count; i++) {
		u128 from = all.items[i].from, to = all.items[i].to;

		if (to == MATCH_ICMP)
			range_set_add(ret, icmp, icmp);
		if (from < MATCH_ICMP)
			range_set_add(ret, from, to == MATCH_ICMP ? MATCH_ICMP - 1 : to);
	}
	range_set_sort(ret);
}

struct clause {
	struct range_set protocol4, protocol6;
	const struct range_set *fields[MATCH_FIELDS];
};

static void clause_init(struct clause *clause, const struct match *match)
{
	*clause = (struct clause){.fields = {
					  [MATCH_SIDE_IPV4] = &match->side.ipv4,
					  [MATCH_SIDE_IPV6] = &match->side.ipv6,
					  [MATCH_SIDE_MAC] = &match->side.mac,
					  [MATCH_PEER_IPV4] = &match->peer.ipv4,
					  [MATCH_PEER_IPV6] = &match->peer.ipv6,
					  [MATCH_PEER_MAC] = &match->peer.mac,
					  [MATCH_SIDE_PORT] = &match->side.ports,
					  [MATCH_PEER_PORT] = &match->peer.ports,
					  [MATCH_PROTOCOL4] = &clause->protocol4,
					  [MATCH_PROTOCOL6] = &clause->protocol6,
					  [MATCH_VLAN] = &match->vlans,
					  [MATCH_LABEL] = &match->mpls,
					  [MATCH_VNI] = &match->vnis,
				  }};
	fill_protocols(match, 1, &clause->protocol4);
	fill_protocols(match, 58, &clause->protocol6);
}

static void clause_fini(struct clause *clause)
{
	range_set_fini(&clause->protocol4);
	range_set_fini(&clause->protocol6);
}

/* The counts go out, the ranges into a buffer of their own: they come behind all counts. */
static void clause_write(const struct match *match, struct buf *out, struct buf *ranges)
{
	struct match_clause counts = {0};
	struct clause clause;

	clause_init(&clause, match);
	for (int f = 0; f < MATCH_FIELDS; f++) {
		const struct range_set *set = clause.fields[f];

		counts.counts[f] = (uint32_t)set->count;
		if (set->count)
			buf_append(ranges, set->items, set->count * sizeof(set->items[0]));
	}
	buf_append(out, &counts, sizeof(counts));
	clause_fini(&clause);
}

void filter_table_format(const struct match *match, const struct match *narrow, size_t count,
			 struct buf *out)
{
	CLEANUP_BUF struct buf ranges = BUF_INIT, clauses = BUF_INIT;
	struct match_table_head head = {.magic = MATCH_TABLE_MAGIC, .clauses = 1 + (uint32_t)count};

	bug_on(count >= MATCH_CLAUSES_MAX);
	clause_write(match, &clauses, &ranges);
	for (size_t i = 0; i < count; i++)
		clause_write(&narrow[i], &clauses, &ranges);
	head.ranges = (uint32_t)(ranges.len / sizeof(struct interval));
	buf_append(out, &head, sizeof(head));
	buf_append(out, clauses.data, clauses.len);
	if (ranges.len)
		buf_append(out, ranges.data, ranges.len);
}

int filter_table_open(const struct buf *table)
{
	CLEANUP_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, table->data, table->len);
	if (n < 0)
		return -errno;
	if ((size_t)n != table->len)
		return -EIO;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return -errno;
	return take_fd(&fd);
}
