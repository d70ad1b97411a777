/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/manifest_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "storage/manifest.h"

static int manifest_run(struct db *db, void *arg)
{
	struct manifest_job *job = arg;

	return manifest_save(db, job->captures_fd, job->capture);
}

static void manifest_done(void *arg, int result)
{
	struct manifest_job *job = arg;
	struct control *control = job->control;

	if (result < 0)
		log_warning("control",
			    "capture %s: manifest not written: %s, it is written again at the next "
			    "change",
			    job->capture, strerrordesc_np(-result));
	LIST_REMOVE(job, next);
	if (job->again)
		manifest_job_post(control, job->capture);
	free(job);
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
	LIST_INSERT_HEAD(&control->manifests, job, next);
	store_post(control->store, STORE_READ, manifest_run, manifest_done, job);
}
