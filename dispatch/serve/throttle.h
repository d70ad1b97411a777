/* SPDX-License-Identifier: Apache-2.0 */
/* A limit on bytes per second, kept by waiting before each piece: who comes pays first what those
 * before him owe, so that asking for one piece at a time is no way around it. Pure. */
#pragma once

#include "base/clock.h"

struct throttle {
	mono_t free_at; /* what was taken so far is paid for by then */
};

/* Takes bytes at `rate` bytes per second (0 = no limit); returns how long to wait before they may
 * go: those who take at the same time go one after the other. Time that was not used is not saved
 * up. */
dur_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t rate, mono_t now);
/* They were taken, and will not go. */
void throttle_return(struct throttle *throttle, uint64_t bytes, uint64_t rate);
