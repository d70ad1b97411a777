/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of struct source that have a file of their own. Pure. */
#pragma once

#include "policy/settings_kind.h"

/* Member "kafka": null, or an object; absent = as it is. Copy makes what it points to its own after
 * a memdup; format gives a new reference. */
int source_kafka_read(struct source_kafka *kafka, const json_t *object, struct error *err);
void source_kafka_copy(struct source_kafka *kafka);
void source_kafka_fini(struct source_kafka *kafka);
json_t *source_kafka_format(const struct source_kafka *kafka, enum kind_secrets secrets);
