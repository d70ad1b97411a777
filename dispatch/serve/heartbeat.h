/* SPDX-License-Identifier: Apache-2.0 */
/* Is the ring alive? A NIC that counts packets while its ring gets none means that nothing is being
 * recorded, whatever else looks well. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* The recorder may sleep for a second. With the NIC's counters read every second, blocks retired
 * after 1.3 s and a look each second, a dead ring is told within 5 s, or a look later. */
#define HEARTBEAT_GRACE (1500 * DUR_MS)
/* The NIC's counter is older than the ring's: what it adds so soon after the ring moved was in the
 * ring. Else traffic that ends would look like a ring that does. */
#define HEARTBEAT_STALE	  (2 * DUR_S)
#define HEARTBEAT_PACKETS 10 /* fewer may be the NIC's own business (pause frames and the like) */

struct heartbeat {
	bool known;
	bool stalled;
	uint64_t nic, ring; /* when the ring moved last, at `moved` */
	mono_t moved;
	mono_t since; /* the NIC has counted without the ring from here on */
};

enum heartbeat_outcome {
	HEARTBEAT_STALLED = 1, /* from now on */
	HEARTBEAT_BACK = 2,
};

/* `nic` and `ring`: packets so far. `late`: how long a packet may take to be seen in the ring
 * beside the grace. Returns 0 if nothing has changed, or an outcome. */
int heartbeat_step(struct heartbeat *heartbeat, mono_t now, uint64_t nic, uint64_t ring,
		   dur_t late);
/* The NIC is down or gone: nothing is expected. Returns 0 or HEARTBEAT_BACK. */
int heartbeat_reset(struct heartbeat *heartbeat);
