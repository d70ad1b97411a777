/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries that became no alert, with what was wrong with them: the newest REFUSALS_KEPT of each
 * source, so that an operator sees what a sender really sends. Store thread. 0 or -errno unless
 * said. */
#pragma once

#include <jansson.h>

#include "storage/journal.h"

#define REFUSALS_KEPT 100

int refusal_add(struct db *db, const struct journal_delivery *delivery);
/* Newest first, without the bytes; `source` and `before` (an id) may be "". ret: array of {id,
 * source, received_at, problem, bytes}, new reference. */
int refusal_list(struct db *db, const char *source, const char *before, int limit, json_t **ret);
/* One with its bytes (member "raw"); or JOURNAL_ABSENT. */
int refusal_get(struct db *db, const char *id, json_t **ret);
