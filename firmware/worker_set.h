/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's short-lived children: one job each, asked for by control, talking to control
 * only. */
#pragma once

#include "base/child.h"
#include "firmware/process.h"

#define WORKER_SET_MAX 16

struct worker_set;

/* All borrowed. */
struct worker_set *worker_set_new(const struct identity *identity,
				  const struct process_title *title, enum log_level log_level);
/* Kills those that still run. Accepts NULL, returns NULL. */
struct worker_set *worker_set_free(struct worker_set *set);

/* Forks a worker and answers on `control` with CHILD_WORKER: with the socket to it, or without if
 * it could not start or too many run. Returns 0, or -EBADMSG if there is no such kind. */
int worker_set_start(struct worker_set *set, const struct child_worker *request,
		     struct ipc_link *control);

/* A child of that pid was reaped; it need not be a worker. */
void worker_set_on_ended(struct worker_set *set, pid_t pid);

/* Kills those that outlived any sensible job of their kind. */
void worker_set_check(struct worker_set *set);
