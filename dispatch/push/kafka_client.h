/* SPDX-License-Identifier: Apache-2.0 */
/* What producers and consumers of librdkafka 2.0 share: configuration, a queue of events on our
 * loop, and an end that waits for nobody on it. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/hash.h"
#include "dispatch/push/crew.h"
#include "dispatch/push/kafka_settings.h"

struct kafka_client {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int pipe[2]; /* librdkafka writes a byte when the queue is no longer empty */
	struct watch *watch;
};

#define KAFKA_TEXT_SIZE 512

/* A configuration with these properties, which connects only where `config` allows (borrowed as
 * long as the client lives); `key` tells different ones apart. NULL: text says why. */
rd_kafka_conf_t *kafka_client_configure(const struct kafka_property *properties, size_t count,
					const struct courier_config *config, int events,
					char key[SHA256_HEX_SIZE], char text[KAFKA_TEXT_SIZE]);

/* Takes conf. on_readable is called when there are events: first kafka_client_drain, then
 * rd_kafka_queue_poll until there is none. Returns 0, or -1 and text says why. */
int kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
		      struct loop *loop, void (*on_readable)(void *owner), void *owner,
		      char text[KAFKA_TEXT_SIZE]);
void kafka_client_drain(const struct kafka_client *client);

/* Ends it on a thread of the crew, since that waits for librdkafka's; NULL: here and now. A
 * consumer leaves its group. */
void kafka_client_close(struct kafka_client *client, struct crew *crew);
