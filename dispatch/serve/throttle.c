/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/throttle.h"

dur_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t rate, mono_t now)
{
	dur_t cost;

	if (!rate)
		return 0;
	if (throttle->free_at.ns < now.ns)
		throttle->free_at = now;
	/* a piece is at most a few MiB: no overflow below 2^33 bytes */
	cost = (dur_t)(bytes * (uint64_t)DUR_S / rate);
	throttle->free_at.ns += cost;
	return throttle->free_at.ns - now.ns;
}
