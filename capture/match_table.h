/* SPDX-License-Identifier: Apache-2.0 */
/* A structured filter as control hands it to the recorder: a flat table of number ranges in a
 * sealed memory file, verified before use.
 *
 * Layout: struct match_table_head, its clauses, then the ranges of each clause, field after field.
 * The first clause must match; where there are more, one of the others must match as well (what
 * alerts are about: they narrow, they cannot widen). */
#pragma once

#include <stdint.h>

#include "base/range_set.h"

#define MATCH_TABLE_MAGIC 0x5242464du /* "RBFM" */
#define MATCH_CLAUSES_MAX 33
#define MATCH_RANGES_MAX  65536
#define MATCH_TABLE_SIZE_MAX                                                                       \
	(sizeof(struct match_table_head) + MATCH_CLAUSES_MAX * sizeof(struct match_clause) +       \
	 MATCH_RANGES_MAX * sizeof(struct interval))

/* Fields without ranges are not looked at; of each group of fields below, together: a clause with
 * an IPv4 range for a side and none for IPv6 does not match IPv6 packets. */
enum match_field {
	MATCH_SIDE_IPV4,
	MATCH_SIDE_IPV6,
	MATCH_SIDE_MAC,
	MATCH_PEER_IPV4,
	MATCH_PEER_IPV6,
	MATCH_PEER_MAC,
	MATCH_SIDE_PORT,
	MATCH_PEER_PORT,
	MATCH_PROTOCOL4, /* by IP version */
	MATCH_PROTOCOL6,
	MATCH_VLAN,
	MATCH_LABEL,
	MATCH_VNI,
	MATCH_FIELDS,
};

struct match_clause {
	uint32_t counts[16]; /* ranges by enum match_field; the rest is 0 */
};

struct match_table_head {
	uint32_t magic;
	uint32_t clauses; /* at least 1 */
	uint32_t ranges;
	uint32_t reserved;
};

/* Verified; never changes. */
struct match_table {
	uint32_t clauses;
	uint32_t ranges;
	struct match_clause *clause; /* borrowed from bytes */
	struct interval *range;	     /* likewise */
	void *bytes;
};

/* Copies and verifies. Returns 0, or -EINVAL where the bytes are no such table: sizes that do not
 * add up, ranges that are not in order or beyond the field's largest value. */
int match_table_new(const void *bytes, size_t size, struct match_table **ret);
/* The same from a memory file, which must be sealed against shrinking (so that reading it neither
 * blocks nor faults) and is read once. Returns 0, -EINVAL or -errno. */
int match_table_load(int fd, size_t size, struct match_table **ret);
/* Accepts NULL, returns NULL. */
struct match_table *match_table_free(struct match_table *table);

/* The ranges of one field of one clause; count in *ret. */
const struct interval *match_table_field(const struct match_table *table, uint32_t clause,
					 enum match_field field, uint32_t *ret);
