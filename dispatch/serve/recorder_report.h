/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's reports: each becomes one decision (rows, engine events), acknowledged when
 * durable. */
#pragma once

#include "base/ipc.h"

struct control;
struct live_capture;
struct live_track;

/* Takes one message other than REC_TRACK and REC_SYNCED. Returns 0, or -EBADMSG for nonsense. */
int recorder_report_take(struct control *control, struct ipc_message *message);

/* The track cannot record: it is over, the first reason stays. recorder_report_settle follows. */
void recorder_report_failed(struct live_capture *capture, struct live_track *track,
			    const char *reason);
/* Ends the capture (and frees it), or tells the engine of its failure, if none of its tracks can
 * bring anything more. */
void recorder_report_settle(struct control *control, struct live_capture *capture);
