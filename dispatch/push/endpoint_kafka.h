/* SPDX-License-Identifier: Apache-2.0 */
/* Sends pushes to Kafka through librdkafka 2.0: one producer per connection configuration, its
 * events on our loop. "Delivered" means a delivery report without error, with acks=all.
 *
 * A producer is destroyed on a crew thread, since that waits for its own threads. */
#pragma once

#include "dispatch/push/crew.h"
#include "dispatch/push/endpoint_http.h"

struct endpoint_kafka;

/* `crew` and `config` are borrowed until endpoint_kafka_free, which comes before crew_free. */
struct endpoint_kafka *endpoint_kafka_new(struct loop *loop, struct crew *crew,
					  const struct courier_config *config,
					  endpoint_on_result on_result, void *owner);
/* What is under way gets no result. Waits for the producers' threads. */
struct endpoint_kafka *endpoint_kafka_free(struct endpoint_kafka *kafka);

/* Sends one push. on_result is called exactly once, from the loop or from within this call. */
void endpoint_kafka_start(struct endpoint_kafka *kafka, const struct courier_push *push);
