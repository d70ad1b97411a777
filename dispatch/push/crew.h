/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for what blocks: libcurl's SMTP (7.88 waits for the server inside of its multi
 * interface), plain sockets and TLS of syslog, and look-ups of names.
 *
 * A job's run is called on a thread, then its done on the loop. Jobs of one lane (an endpoint's
 * address) have at most CREW_LANE_MAX threads at once, so that a peer that hangs never takes those
 * of another. Threads are made when needed and end when there is nothing to do. */
#pragma once

#include "base/loop.h"
#include "base/mailbox.h"

#define CREW_THREADS_MAX 64
#define CREW_LANE_MAX	 4

struct crew;

/* Embedded first in a struct of the caller's, whose ownership moves with it. */
struct crew_job {
	struct letter letter; /* the crew's */
	TAILQ_ENTRY(crew_job) next;
	void (*run)(struct crew_job *job);
	void (*done)(struct crew_job *job);
	char lane[300];
};

struct crew *crew_new(struct loop *loop);
/* Waits until running jobs end (they have timeouts); done is called for all, also for those that
 * never ran, so that they can be freed. Accepts NULL, returns NULL. */
struct crew *crew_free(struct crew *crew);
/* Takes the job; run, done and lane are set. */
void crew_put(struct crew *crew, struct crew_job *job);
/* 1 while crew_free is waiting: done may only free. */
int crew_is_ending(const struct crew *crew);
