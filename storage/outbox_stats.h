/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the pushes, per endpoint: for the metrics. Reads every row of the outbox. */
#pragma once

#include "base/ident.h"
#include "storage/outbox.h"

struct outbox_stats {
	char endpoint[IDENT_SIZE]; /* settings id; it may be deleted by now */
	struct outbox_counts counts;
	wall_t oldest;	     /* acceptance of the oldest that is open, 0 = none is */
	wall_t last_success; /* 0 = none */
};

/* *ret is the caller's to free. Returns the number, or -errno. Store thread. */
int outbox_list_stats(struct db *db, struct outbox_stats **ret);
