/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of writes: one batch is being committed, the next one gathers meanwhile.
 *
 * All writes of this process pass here, so their order is the order of the decisions, and a batch
 * is one transaction. If it fails, everything that was gathered after it fails as well (it was
 * decided on top of facts that do not exist), and control loads its memory again from the store. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "storage/store.h"

struct control;

struct commit_op {
	STAILQ_ENTRY(commit_op) next;
	store_run run;	 /* on the store thread */
	store_done done; /* on the loop: 0 = durable, else -errno; owns arg from here */
	void *arg;
};
STAILQ_HEAD(commit_ops, commit_op);

struct commit_queue {
	struct control *control;
	struct commit_ops gathering;
	bool busy; /* a batch is with the store */
};

void commit_queue_init(struct commit_queue *queue, struct control *control);
/* Nothing may be in work any more (after store_close). */
void commit_queue_fini(struct commit_queue *queue);

void commit_post(struct commit_queue *queue, store_run run, store_done done, void *arg);
