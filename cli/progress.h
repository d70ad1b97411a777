/* SPDX-License-Identifier: Apache-2.0 */
/* A line on standard error that says how far a download is, if that is a terminal and it takes
 * longer than a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct progress {
	bool terminal;
	bool shown;
	uint64_t start_bytes, total_bytes;
	mono_t start, last;
};

/* `start_bytes` were there before. */
void progress_start(struct progress *p, uint64_t start_bytes, uint64_t total_bytes);
void progress_step(struct progress *p, uint64_t bytes);
/* Clears the line. */
void progress_stop(struct progress *p);
