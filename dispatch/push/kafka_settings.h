/* SPDX-License-Identifier: Apache-2.0 */
/* A push's settings as librdkafka's properties, every one that matters set explicitly (its default
 * mechanism is GSSAPI). Pure. */
#pragma once

#include "dispatch/push/courier.h"

struct kafka_property {
	const char *name;
	char value[64];	  /* used if text is NULL */
	const char *text; /* borrowed from the push */
};
#define KAFKA_PROPERTIES_MAX 32

/* Returns their number. */
size_t kafka_settings_format(const struct courier_push *push, const struct courier_config *config,
			     struct kafka_property ret[KAFKA_PROPERTIES_MAX]);

/* The same for a consumer that acknowledges by itself what it has read. */
size_t kafka_settings_format_consumer(const struct courier_push *push,
				      const struct courier_config *config,
				      struct kafka_property ret[KAFKA_PROPERTIES_MAX]);

/* What a code of librdkafka means for its push; `trouble` is the last one the producer had with its
 * brokers (0 = none), the reason behind a time-out. */
enum courier_verdict kafka_settings_verdict(int code);
enum courier_step kafka_settings_step(int code, int trouble);
