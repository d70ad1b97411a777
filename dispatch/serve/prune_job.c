/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/prune_job.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "storage/journal.h"

#define KEPT	 (30 * 24 * DUR_HOUR)
#define PERIOD	 DUR_MIN
#define AT_ONCE	 200 /* in one transaction, which others wait for */
#define IN_A_ROW (100 * DUR_MS)

struct look {
	struct prune_job *job;
	int count;
};

static int prune_run(struct db *db, void *arg)
{
	struct look *look = arg;

	look->count = journal_prune(db, wall_add(wall_now(), -KEPT), AT_ONCE);
	return look->count < 0 ? look->count : 0;
}

static void prune_done(void *arg, int result)
{
	struct look *look = arg;
	struct prune_job *job = look->job;

	if (!result && look->count)
		log_info("control", "alerts and pushes older than 30 days removed");
	job->busy = false;
	timer_set(job->timer, !result && look->count == AT_ONCE ? IN_A_ROW : PERIOD);
	free(look);
}

static void on_time(void *owner)
{
	struct prune_job *job = owner;
	struct control *control = job->control;
	struct look *look;

	timer_set(job->timer, PERIOD);
	if (job->busy || !control->engine || control->draining || control->stopping)
		return;
	look = xcalloc(1, sizeof(*look));
	look->job = job;
	job->busy = true;
	commit_post(&control->commits, prune_run, prune_done, look);
}

void prune_job_init(struct prune_job *job, struct control *control)
{
	job->control = control;
	job->timer = timer_new(control->loop, on_time, job);
	timer_set(job->timer, PERIOD);
}

void prune_job_fini(struct prune_job *job)
{
	job->timer = timer_free(job->timer);
}
