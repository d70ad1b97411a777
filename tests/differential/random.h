/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are the same for the same seed (xorshift64*). */
#pragma once

#include <stdint.h>

struct random {
	uint64_t state; /* not 0 */
};

static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1du;
}

/* 0 … limit - 1 */
static inline uint32_t random_below(struct random *r, uint32_t limit)
{
	return (uint32_t)(random_next(r) >> 33) % limit;
}

static inline int random_chance(struct random *r, uint32_t percent)
{
	return random_below(r, 100) < percent;
}
