/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to control that are not acknowledged yet: numbered, sent in order, a window at a time,
 * and sent again on every new link. Bounded: beyond REPORT_QUEUE_MAX the oldest gap is forgotten
 * (totals in REC_FINISHED still count it). Main thread only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/ipc.h"

#define REPORT_QUEUE_MAX    65536
#define REPORT_QUEUE_WINDOW 1024 /* on the link at most; a link queues 4096 messages */

struct report_queue;

struct report_queue *report_queue_new(void);
/* Accepts NULL, returns NULL. */
struct report_queue *report_queue_free(struct report_queue *q);

/* Numbers body (which begins with struct rec_report_head), keeps it and sends it when there is
 * room. link may be NULL. Returns the number of gaps forgotten for it (0 or 1). */
int report_queue_add(struct report_queue *q, struct ipc_link *link, uint32_t type, const void *body,
		     size_t size);
/* Everything up to `number` is durable at control's. */
void report_queue_remove(struct report_queue *q, struct ipc_link *link, uint64_t number);
/* A new link: everything goes out again, from the oldest. */
void report_queue_restart(struct report_queue *q, struct ipc_link *link);
/* Number of the newest report, 0 = none yet; and whether everything up to `number` was sent. */
uint64_t report_queue_newest(const struct report_queue *q);
int report_queue_is_sent(const struct report_queue *q, uint64_t number);
