/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/heartbeat.h"

static int begin(struct heartbeat *heartbeat, mono_t now, uint64_t nic, uint64_t ring)
{
	bool was_stalled = heartbeat->stalled;

	*heartbeat = (struct heartbeat){
		.known = true, .nic = nic, .ring = ring, .moved = now, .since = now};
	return was_stalled ? HEARTBEAT_BACK : 0;
}

int heartbeat_step(struct heartbeat *heartbeat, mono_t now, uint64_t nic, uint64_t ring, dur_t late)
{
	/* counters that go back are those of another ring */
	if (!heartbeat->known || ring != heartbeat->ring || nic < heartbeat->nic)
		return begin(heartbeat, now, nic, ring);
	if (mono_sub(now, heartbeat->moved) <= HEARTBEAT_STALE)
		heartbeat->nic = nic;
	if (nic == heartbeat->nic)
		heartbeat->since = now;
	if (heartbeat->stalled || nic - heartbeat->nic < HEARTBEAT_PACKETS ||
	    mono_sub(now, heartbeat->since) < HEARTBEAT_GRACE + late)
		return 0;
	heartbeat->stalled = true;
	return HEARTBEAT_STALLED;
}

int heartbeat_reset(struct heartbeat *heartbeat)
{
	bool was_stalled = heartbeat->stalled;

	*heartbeat = (struct heartbeat){0};
	return was_stalled ? HEARTBEAT_BACK : 0;
}
