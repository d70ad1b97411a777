/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/manifest_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"

#define MANIFEST_PAUSE (30 * DUR_S)

static void manifest_job_free(struct manifest_job *job)
{
	LIST_REMOVE(job, next);
	timer_free(job->pause);
	free(job);
}

static int manifest_run(struct db *db, void *arg)
{
	struct manifest_job *job = arg;
	int r = manifest_due_get(db, job->capture, job->due);

	if (r)
		return r;
	return manifest_save(db, job->captures_fd, &job->control->signing_key, job->capture);
}

static void manifest_post(struct manifest_job *job);

static int clear_run(struct db *db, void *arg)
{
	struct manifest_job *job = arg;

	return manifest_due_clear(db, job->capture, job->due);
}

static void clear_done(void *arg, int result)
{
	struct manifest_job *job = arg;

	(void)result; /* one that stays due is looked at by the next start */
	if (job->again && !job->control->stopping)
		manifest_post(job);
	else
		manifest_job_free(job);
}

static void manifest_on_pause(void *owner)
{
	manifest_post(owner);
}

static void manifest_done(void *arg, int result)
{
	struct manifest_job *job = arg;
	struct control *control = job->control;

	if (result < 0 && !control->stopping) {
		log_warning("control", "capture %s: manifest not written: %s, trying again in 30 s",
			    job->capture, strerrordesc_np(-result));
		timer_set(job->pause, MANIFEST_PAUSE);
		return;
	}
	if (result == 0 && job->due[0] && !control->stopping)
		commit_post(&control->commits, clear_run, clear_done, job);
	else
		clear_done(job, 0);
}

static void manifest_post(struct manifest_job *job)
{
	job->again = 0;
	store_post(job->control->store, STORE_READ, manifest_run, manifest_done, job);
}

void manifest_jobs_fini(struct manifest_jobs *jobs)
{
	while (!LIST_EMPTY(jobs))
		manifest_job_free(LIST_FIRST(jobs));
}

void manifest_job_post(struct control *control, const char *capture)
{
	struct manifest_job *job;

	if (control->stopping)
		return;
	LIST_FOREACH (job, &control->manifests, next) {
		if (strcmp(job->capture, capture))
			continue;
		job->again = 1;
		return;
	}
	job = xcalloc(1, sizeof(*job));
	job->control = control;
	job->captures_fd = control->captures_fd;
	snprintf(job->capture, sizeof(job->capture), "%s", capture);
	job->pause = timer_new(control->loop, manifest_on_pause, job);
	LIST_INSERT_HEAD(&control->manifests, job, next);
	manifest_post(job);
}
