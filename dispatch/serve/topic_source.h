/* SPDX-License-Identifier: Apache-2.0 */
/* Sources whose deliveries are the records of a Kafka topic. The courier reads (it has the
 * connections); here its batches become decisions, and it is told when one is durable: then it
 * commits the offsets and sends the next.
 *
 * A record comes again when somebody died between the two commits. So the newest records of each
 * partition, by offset and hash of content, are written in the decision's transaction, and one
 * that is among them is passed over: each is decided once. A record that is no alert is counted,
 * logged and passed over. Loop. */
#pragma once

#include <sys/queue.h>

#include "base/ipc.h"
#include "base/loop.h"

struct control;
struct source;
struct topic;

struct topic_sources {
	struct control *control;
	LIST_HEAD(, topic) list;
	struct timer *timer;
};

void topic_sources_init(struct topic_sources *topics, struct control *control);
/* After the store is closed. */
void topic_sources_fini(struct topic_sources *topics);

/* There is another courier, or none: what it had not finished comes again. */
void topic_sources_on_link(struct topic_sources *topics);
/* COURIER_RECORD or COURIER_CONSUMING. Returns 0, or -EBADMSG: it breaks the protocol. */
int topic_sources_on_message(struct topic_sources *topics, const struct ipc_message *message);

/* What a source's topic is doing; NULL if it has none. */
const char *topic_sources_state(const struct topic_sources *topics, const struct source *source,
				char text[300]);
