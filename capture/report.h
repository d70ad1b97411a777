/* SPDX-License-Identifier: Apache-2.0 */
/* What ring threads tell the recorder's main thread: reports for control, as letters, and a few
 * words of their own. Main numbers the reports. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "capture/recorder.h"

/* Beyond enum recorder_message_type; never leave the process. */
enum report_internal {
	REPORT_SYNC_DONE = 1000, /* a ring has told all its tracks */
	REPORT_RING_ENDED,	 /* a ring has no track and takes no orders any more */
	REPORT_JOB_DONE,	 /* body: struct resume_done (capture/resume.h) */
};

struct report {
	struct letter letter;
	uint32_t type;
	uint32_t size;
	_Alignas(16) unsigned char body[];
};

/* Copies body into a new letter. Any thread. */
void report_put(struct mailbox *box, uint32_t type, const void *body, size_t size);
/* The oldest report, or NULL; the caller frees it with free(). */
struct report *report_take(struct mailbox *box);
