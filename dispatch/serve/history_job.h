/* SPDX-License-Identifier: Apache-2.0 */
/* Look-back beyond the ring: what a capture wants from before the ring's oldest block is taken from
 * the segments of a capture that was recording everything on the same NIC then ("standing"), by an
 * extract worker, as the capture's segment number 0.
 *
 * There is no seam: both come from one walk over one ring, the standing capture has every packet
 * before the block with which the new track begins, and the worker takes those before that block's
 * time. Filter and slice are the new capture's own. Where the standing capture does not reach far
 * enough either, the coverage says how far history went. */
#pragma once

#include "dispatch/serve/live.h"

struct control;

/* Is there a running capture of everything on that NIC that began before the ring's history does?
 * Then number 0 is kept free for history. */
bool history_job_wanted(const struct control *control, const struct live_capture *capture,
			const struct live_track *track);
/* The track was started and its history begins at `reach`, later than wanted. */
void history_job_start(struct control *control, const struct live_capture *capture,
		       const struct live_track *track, wall_t reach);
