/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting manifests after commits, on the store thread (each costs two fsyncs there). Posts for
 * one capture that come while its job waits or runs become one more job. */
#pragma once

#include <sys/queue.h>

#include "base/ident.h"
#include "storage/manifest.h"

struct control;

struct manifest_job {
	LIST_ENTRY(manifest_job) next;
	struct control *control;
	int captures_fd;
	int again;
	char due[MANIFEST_DUE_SIZE];
	struct timer *pause; /* after a failure */
	char capture[IDENT_SIZE];
};
LIST_HEAD(manifest_jobs, manifest_job);

/* After the store has closed: those that wait to be tried again. */
void manifest_jobs_fini(struct manifest_jobs *jobs);
void manifest_job_post(struct control *control, const char *capture);
