/* SPDX-License-Identifier: Apache-2.0 */
/* How whole the captures were that finished since this process started: for the metrics. */
#pragma once

#include <stdint.h>

#include "storage/catalogue.h"

struct control;

struct finished_counts {
	uint64_t counts[EMPTY + 1]; /* by enum completeness */
};

/* The capture's end is committed: judges what is in the store of it, on the store thread, and
 * counts. A capture that retention takes first is not counted. */
void finished_count_post(struct control *control, const char *capture);
