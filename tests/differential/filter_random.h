/* SPDX-License-Identifier: Apache-2.0 */
/* Structured filters over the few addresses and numbers that packet_random.h uses, so that they
 * often match. */
#pragma once

#include "policy/match.h"
#include "tests/differential/random.h"

/* *ret is valid as match_read would have it. */
void filter_random(struct random *random, struct match *ret);
