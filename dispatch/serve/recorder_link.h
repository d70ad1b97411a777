/* SPDX-License-Identifier: Apache-2.0 */
/* Control's end of the recorder: keeps what it records in line with the live captures, turns its
 * reports into rows, acknowledges them after the commit.
 *
 * After each new link, and after each reload of our own memory: REC_SYNC, the repeated reports, one
 * REC_TRACK per live track, REC_SYNCED. Nothing is started or stopped before that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control;
struct ipc_link;

struct recorder_link {
	struct control *control;
	struct ipc_link *link;
	uint64_t generation; /* counts links and syncs: acknowledgements belong to one of them */
	bool synced;
};

void recorder_link_init(struct recorder_link *recorder, struct control *control);
void recorder_link_fini(struct recorder_link *recorder);
/* A recorder is there: socket is put. Replaces the link before. */
void recorder_link_open(struct recorder_link *recorder, int socket);
/* Memory was loaded (again): ask for everything. */
void recorder_link_sync(struct recorder_link *recorder);
/* Starts, edits and stops what differs from the committed live captures. Cheap; call it whenever
 * something may have changed. */
void recorder_link_reconcile(struct recorder_link *recorder);
