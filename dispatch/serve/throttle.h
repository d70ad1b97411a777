/* SPDX-License-Identifier: Apache-2.0 */
/* A limit on bytes per second, kept by waiting after each piece. Pure. */
#pragma once

#include "base/clock.h"

struct throttle {
	mono_t free_at; /* what was taken so far is paid for by then */
};

/* Takes bytes at `rate` bytes per second (0 = no limit); returns how long to wait before the next
 * piece. Time that was not used is not saved up. */
dur_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t rate, mono_t now);
