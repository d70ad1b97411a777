/* SPDX-License-Identifier: Apache-2.0 */
/* The cleaner: looks at age, size and free space every few seconds and whenever it is kicked,
 * removes what has to go (storage/retention.h), and takes up removals that a crash interrupted.
 * Files are deleted on the store thread, a few at a time, so that no alert waits long behind them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "storage/retention.h"

struct control;

struct retention_job {
	struct control *control;
	struct timer *timer;
	bool busy;
	bool again;			      /* kicked meanwhile */
	uint64_t removed;		      /* captures, since the start */
	uint64_t evicted[RETENTION_OPERATOR]; /* of them decided, by reason */
	uint64_t wanting;		      /* bytes that nothing may be removed for */
	bool told;			      /* that something is wanting */
};

void retention_job_init(struct retention_job *job, struct control *control);
void retention_job_fini(struct retention_job *job);
/* Looks now: the store is loaded, a disk is full, an operator removed something. */
void retention_job_kick(struct retention_job *job);
