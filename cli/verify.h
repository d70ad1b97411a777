/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a stream of segments, one behind the other, against their SHA-256. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct verify_segment {
	const char *name; /* borrowed */
	uint64_t bytes;
	char sha256[SHA256_HEX_SIZE];
};

enum verify_outcome {
	VERIFY_MISMATCH = 1, /* the segment `index` is not what the probe wrote */
	VERIFY_SURPLUS = 2,  /* more bytes than all segments have; the segments are fine */
};

struct verify {
	const struct verify_segment *segments; /* borrowed */
	size_t count;
	size_t index;	 /* segment under way; == count: all were checked */
	uint64_t within; /* bytes of it seen */
	uint64_t offset; /* bytes of the stream seen */
	struct sha256 hash;
};

void verify_init(struct verify *v, const struct verify_segment segments[], size_t count);
/* Forgets what was seen of the segment under way; also after VERIFY_MISMATCH. */
void verify_start_segment(struct verify *v);
/* Returns 0 or an outcome, after which v must be init'ed again or its segment started again. */
int verify_add(struct verify *v, const void *data, size_t len);
