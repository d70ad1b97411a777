/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"

struct batch {
	struct commit_queue *queue;
	struct commit_ops ops;
};

static void commit_flush(struct commit_queue *queue);

void commit_queue_init(struct commit_queue *queue, struct control *control)
{
	queue->control = control;
	queue->busy = false;
	STAILQ_INIT(&queue->gathering);
}

void commit_queue_fini(struct commit_queue *queue)
{
	bug_on(queue->busy || !STAILQ_EMPTY(&queue->gathering));
}

/* Tells every op its result, in order. A done may post new ops: they gather behind. */
static void ops_done(struct commit_ops *ops, int result)
{
	struct commit_op *op;

	while ((op = STAILQ_FIRST(ops))) {
		STAILQ_REMOVE_HEAD(ops, next);
		op->done(op->arg, result);
		free(op);
	}
}

/* On the store thread. The first failure undoes the whole batch. */
static int batch_run(struct db *db, void *arg)
{
	struct batch *batch = arg;
	struct commit_op *op;

	STAILQ_FOREACH (op, &batch->ops, next) {
		int r = op->run(db, op->arg);

		if (r < 0)
			return r;
	}
	return 0;
}

static void batch_done(void *arg, int result)
{
	struct batch *batch = arg;
	struct commit_queue *queue = batch->queue;
	struct commit_ops failed = STAILQ_HEAD_INITIALIZER(failed);

	if (result < 0 && !queue->control->stopping) {
		log_error("control", "commit failed: %s, state is loaded again from the store",
			  strerrordesc_np(-result));
		STAILQ_CONCAT(&batch->ops, &queue->gathering);
		control_reload(queue->control);
	}
	ops_done(&batch->ops, result);
	free(batch);
	queue->busy = false;
	commit_flush(queue);
	control_check_drained(queue->control);
}

static void commit_flush(struct commit_queue *queue)
{
	struct batch *batch;

	if (queue->control->stopping) /* never promised: the senders try again */
		ops_done(&queue->gathering, -ECANCELED);
	if (queue->busy || STAILQ_EMPTY(&queue->gathering))
		return;
	batch = xmalloc(sizeof(*batch));
	batch->queue = queue;
	STAILQ_INIT(&batch->ops);
	STAILQ_CONCAT(&batch->ops, &queue->gathering);
	queue->busy = true;
	store_post(queue->control->store, STORE_WRITE, batch_run, batch_done, batch);
}

void commit_post(struct commit_queue *queue, store_run run, store_done done, void *arg)
{
	struct commit_op *op = xcalloc(1, sizeof(*op));

	op->run = run;
	op->done = done;
	op->arg = arg;
	STAILQ_INSERT_TAIL(&queue->gathering, op, next);
	commit_flush(queue);
}
