/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stays: keeps the rings and the shared memory, starts the others, and starts
 * again what dies. Single-threaded; parses nothing that comes from outside.
 *
 *   recorder ◀── pair ──▶ control ◀── pair ──▶ courier
 *       ▲                    ▲                    ▲
 *       └──────── one pair each: supervisor ──────┘       control asks it for workers
 *
 * A child's life: fork → everything it needs (base/child.h) → GO → READY → … → death, by whatever
 * cause → again after a backoff; its peers get fresh pairs. Stopping: recorder and courier first,
 * so that control can still commit what they report, then control; whoever is left after 4 s is
 * killed. If the supervisor dies, the kernel kills all of them. */
#pragma once

#include "capture/recorder.h"
#include "dispatch/push/courier.h"
#include "dispatch/serve/control.h"
#include "firmware/privileges.h"
#include "firmware/process.h"
#include "firmware/slot.h"
#include "firmware/source_sockets.h"

/* All borrowed; must outlive supervisor_run. */
struct supervisor_options {
	struct slot *slots;
	uint32_t slot_count;
	int shared_fd; /* memfd of struct shared, and its mapping */
	struct shared *shared;
	const struct identity *identities; /* by enum privileges_user */
	const struct process_title *title;
	enum log_level log_level;
	const struct recorder_config *recorder;
	const struct control_config *control;
	const struct courier_config *courier;
	const struct source_sockets_open *sockets;
	const char *certificate_file; /* "" = control has its own */
	const char *key_file;
};

/* Runs until SIGTERM or SIGINT, then for 5 s at most. SIGHUP: control reads key and certificate
 * again. Returns 0 or -errno. */
int supervisor_run(const struct supervisor_options *options);
