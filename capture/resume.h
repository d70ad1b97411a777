/* SPDX-License-Identifier: Apache-2.0 */
/* What a dead recorder left in a capture's folder, and how to make it whole.
 *
 * The mark says what is surely in the files. The segment it names is cut there; older ones are
 * complete; younger ones hold only packets that will be read again and are cut to their headers.
 * resume_scan is quick; resume_start repairs in a thread of its own (it reads whole segments) and
 * tells main of each sealed segment, then REPORT_JOB_DONE. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "capture/recorder.h"
#include "storage/segment.h"

struct resume_file {
	char name[SEGMENT_NAME_SIZE]; /* sealed form */
	uint32_t number;
	int hidden;
};

struct resume {
	struct rec_report_head head; /* for the reports */
	int has_mark;
	struct shared_mark mark;
	uint32_t next_segment; /* first number that is free */
	uint64_t bytes;	       /* in the track's files, up to the mark */
	int folder;	       /* own */
	struct resume_file *files;
	uint32_t count;
};

/* Looks into folder (duplicated) for segments of start's policy and nic. mark may be NULL: then
 * nothing will be repaired. Returns 0 or -errno. */
int resume_scan(int folder, const struct rec_start *start, const char *nic,
		const struct shared_mark *mark, struct resume **ret);
/* Accepts NULL, returns NULL. */
struct resume *resume_free(struct resume *resume);

/* Body of REPORT_JOB_DONE. */
struct resume_done {
	struct rec_report_head head;
	pthread_t thread; /* to be joined */
};

/* Puts resume into a thread that repairs, reports to box and frees. Returns 0, or -errno and the
 * caller keeps resume. */
int resume_start(struct resume *resume, struct mailbox *box);
