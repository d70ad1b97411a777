/* SPDX-License-Identifier: Apache-2.0 */
/* Which deliveries were seen: the newest DELIVERIES_MAX pairs of source and delivery id (ALR-09).
 */
#pragma once

#include <stdbool.h>

#include "policy/table.h"

#define DELIVERIES_MAX 20000

struct delivery;

struct delivery_log {
	struct table known;
	struct delivery **ring; /* in order of arrival */
	size_t next;
};

void delivery_log_init(struct delivery_log *log);
void delivery_log_fini(struct delivery_log *log);

bool delivery_log_has(const struct delivery_log *log, const char *source, const char *delivery_id);
/* Was it seen before? Else it is now: 0 or DELIVERY_KNOWN. An empty id is never known. */
#define DELIVERY_KNOWN 1
int delivery_log_add(struct delivery_log *log, const char *source, const char *delivery_id);
