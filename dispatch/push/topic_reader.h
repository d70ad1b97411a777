/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Kafka topics for control: one consumer of librdkafka 2.0 per source, in its group. What is
 * read goes to control in batches (courier.h); an offset is committed when control has said that
 * the batch is durable. So each record comes at least once, whoever is killed when. On the loop.
 *
 * While a batch is out nothing more is taken from librdkafka, which holds at most 2 MiB of records
 * per source. */
#pragma once

#include "dispatch/push/courier.h"
#include "dispatch/push/crew.h"

struct topic_reader;

/* Sends to control. */
typedef void (*topic_on_message)(void *owner, uint32_t type, const void *body, size_t size);

/* `crew` and `config` are borrowed until topic_reader_free, which comes before crew_free. */
struct topic_reader *topic_reader_new(struct loop *loop, struct crew *crew,
				      const struct courier_config *config,
				      topic_on_message on_message, void *owner);
struct topic_reader *topic_reader_free(struct topic_reader *reader);

/* Reads a source's topic from now on, or with other settings. A failure is told to control. */
void topic_reader_start(struct topic_reader *reader, const struct courier_push *source);
/* The batch is durable: commits, and goes on; of a batch that is not out any more, nothing. */
void topic_reader_taken(struct topic_reader *reader, const char *source, uint64_t batch);
/* NULL: all of them. They leave their groups. */
void topic_reader_stop(struct topic_reader *reader, const char *source);
