/* SPDX-License-Identifier: Apache-2.0 */
/* The Range header (RFC 9110 section 14): one byte range of a body whose size is known. Pure. */
#pragma once

#include <stdint.h>

enum range_outcome {
	RANGE_WHOLE = 1, /* no range, or one to ignore: other units, several ranges, bad syntax */
	RANGE_UNSATISFIABLE = 2, /* begins behind the end: 416 */
};

struct range {
	uint64_t from;
	uint64_t to; /* exclusive, > from */
};

/* `header` may be NULL. Several ranges are answered with the whole body, which the RFC allows.
 * Returns 0 with *ret, RANGE_WHOLE or RANGE_UNSATISFIABLE. */
int range_parse(const char *header, uint64_t size, struct range *ret);
