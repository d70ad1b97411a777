/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that were answered since the process started. */
#pragma once

#include "dispatch/serve/crowd.h"
#include "dispatch/serve/metrics_text.h"

#define REQUEST_ROUTES_MAX 160
#define REQUEST_CODES	   5 /* 1xx … 5xx */
#define REQUEST_METHODS	   7 /* of enum route_method, and the rest */

struct request_counts {
	/* by row of the route table; the row after the last: no route */
	uint64_t answers[REQUEST_ROUTES_MAX][REQUEST_METHODS][REQUEST_CODES];
	struct metrics_histogram durations[CROWD_KINDS];
};
