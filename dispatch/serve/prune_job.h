/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts are kept for thirty days (ALR-13): what is older goes, a few at a time. */
#pragma once

#include "base/loop.h"

struct control;

struct prune_job {
	struct control *control;
	struct timer *timer;
	bool busy;
};

void prune_job_init(struct prune_job *job, struct control *control);
void prune_job_fini(struct prune_job *job);
