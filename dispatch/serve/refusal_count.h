/* SPDX-License-Identifier: Apache-2.0 */
/* How often the engine refused to let an alert hold a policy, by reason, since this process
 * started: for the metrics. */
#pragma once

#include <stdint.h>

#define REFUSAL_REASONS 4

struct refusal_counts {
	uint64_t counts[REFUSAL_REASONS];
};

/* Reason `index` as the engine names it. */
const char *refusal_reason(unsigned index);
void refusal_count_add(struct refusal_counts *counts, const char *reason);
