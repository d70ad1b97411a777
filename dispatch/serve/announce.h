/* SPDX-License-Identifier: Apache-2.0 */
/* Catalogue records of captures, to Kafka endpoints whose `records` asks for them: a fleet's probes
 * write one topic, which is one catalogue (key = the capture's id, so the topic can be compacted).
 * A capture is told when it is finished and all its segments are hashed, and when it is removed. */
#pragma once

#include "base/ident.h"
#include "storage/db.h"

#define ANNOUNCE_MAX 8 /* endpoints; more are not told */

struct control;

/* Who is told; gathered on the loop, written on the store thread. */
struct announce {
	unsigned count;
	char endpoints[ANNOUNCE_MAX][IDENT_SIZE];
	char probe[65];
};

void announce_gather(const struct control *control, struct announce *ret);

/* Store thread, in the transaction of what happened: adds the pushes. A capture that is not
 * finished, or whose segments are not all hashed, is told later. 0 or -errno. */
int announce_finished(struct db *db, const struct announce *announce, const char *capture);
int announce_removed(struct db *db, const struct announce *announce, const char *capture);
