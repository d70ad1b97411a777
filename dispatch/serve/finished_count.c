/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/finished_count.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"

struct finished_job {
	struct control *control;
	char capture[IDENT_SIZE];
	enum completeness completeness;
};

static int finished_run(struct db *db, void *arg)
{
	struct finished_job *job = arg;
	CLEANUP_FREE struct segment_row *segments = NULL;
	CLEANUP_FREE struct gap_row *gaps = NULL;
	struct capture_row capture;
	struct coverage coverage;
	int segment_count, gap_count, r = catalogue_get_capture(db, job->capture, &capture);

	if (r)
		return r;
	segment_count = catalogue_list_segments(db, job->capture, &segments);
	if (segment_count < 0)
		return segment_count;
	gap_count = catalogue_list_gaps(db, job->capture, &gaps);
	if (gap_count < 0)
		return gap_count;
	coverage_compute(&capture, segments, (size_t)segment_count, gaps, (size_t)gap_count,
			 &coverage);
	job->completeness = coverage.completeness;
	return 0;
}

static void finished_done(void *arg, int result)
{
	struct finished_job *job = arg;

	if (!result)
		job->control->finished.counts[job->completeness]++;
	free(job);
}

void finished_count_post(struct control *control, const char *capture)
{
	struct finished_job *job = xcalloc(1, sizeof(*job));

	job->control = control;
	snprintf(job->capture, sizeof(job->capture), "%s", capture);
	store_post(control->store, STORE_READ, finished_run, finished_done, job);
}
