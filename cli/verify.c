/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <string.h>

/* Ends the segment under way, and empty ones behind it, if all its bytes were seen. */
static int end_segments(struct verify *v)
{
	while (v->index < v->count && v->within == v->segments[v->index].bytes) {
		char hex[SHA256_HEX_SIZE];

		if (strcmp(sha256_format(&v->hash, hex), v->segments[v->index].sha256))
			return VERIFY_MISMATCH;
		sha256_init(&v->hash);
		v->within = 0;
		v->index++;
	}
	return 0;
}

void verify_init(struct verify *v, const struct verify_segment segments[], size_t count)
{
	*v = (struct verify){.segments = segments, .count = count};
	sha256_init(&v->hash);
}

void verify_start_segment(struct verify *v)
{
	v->offset -= v->within;
	v->within = 0;
	sha256_init(&v->hash);
}

int verify_add(struct verify *v, const void *data, size_t len)
{
	const unsigned char *p = data;
	int r;

	while ((r = end_segments(v)) == 0 && len) {
		uint64_t left;
		size_t n;

		if (v->index == v->count)
			return VERIFY_SURPLUS;
		left = v->segments[v->index].bytes - v->within;
		n = len < left ? len : (size_t)left;
		sha256_add(&v->hash, p, n);
		v->within += n;
		v->offset += n;
		p += n;
		len -= n;
	}
	return r;
}
