/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints' families of /metrics. */
#pragma once

#include "base/buf.h"
#include "storage/outbox_stats.h"

struct control;

/* What belongs to deleted endpoints is summed up under the name "". */
void metrics_add_endpoints(struct buf *out, const struct control *control,
			   const struct outbox_stats stats[], size_t count, wall_t now);
