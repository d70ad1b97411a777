/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/throttle.h"

/* a piece is at most a few MiB: no overflow below 2^33 bytes */
static dur_t cost_of(uint64_t bytes, uint64_t rate)
{
	return (dur_t)(bytes * (uint64_t)DUR_S / rate);
}

dur_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t rate, mono_t now)
{
	dur_t wait;

	if (!rate)
		return 0;
	if (throttle->free_at.ns < now.ns)
		throttle->free_at = now;
	wait = throttle->free_at.ns - now.ns;
	throttle->free_at.ns += cost_of(bytes, rate);
	return wait;
}

void throttle_return(struct throttle *throttle, uint64_t bytes, uint64_t rate)
{
	if (rate)
		throttle->free_at.ns -= cost_of(bytes, rate);
}
