/* SPDX-License-Identifier: Apache-2.0 */
/* A Kafka topic as a source. How a cluster is reached is what an endpoint of kind kafka says: its
 * fields, their rules and their secrets are that kind's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_source.h"

#define GROUP_MAX     249
#define GROUP_DEFAULT "ringbell"

/* The fields of an endpoint that concern reading, then ours. */
#define SHARED_KEYS 11
static const char *const keys[] = {"brokers",	"topic",    "allow_nonstandard_topic",
				   "mechanism", "user",	    "password",
				   "tls",	"verify",   "ca",
				   "cert",	"cert_key", "group",
				   "from",	NULL};

static struct endpoint *cluster_new(void)
{
	struct endpoint *cluster = xcalloc(1, sizeof(*cluster));

	endpoint_default(cluster);
	cluster->kind = ENDPOINT_KAFKA;
	json_decref(cluster->settings);
	cluster->settings = kind_default(ENDPOINT_KAFKA);
	return cluster;
}

void source_kafka_fini(struct source_kafka *kafka)
{
	if (kafka->cluster)
		endpoint_fini(kafka->cluster);
	free(kafka->cluster);
	free(kafka->group);
	*kafka = (struct source_kafka){0};
}

void source_kafka_copy(struct source_kafka *kafka)
{
	if (kafka->cluster)
		kafka->cluster = endpoint_copy(kafka->cluster);
	if (kafka->group)
		kafka->group = xstrdup(kafka->group);
}

void source_kafka_offer(struct source_kafka *kafka)
{
	source_kafka_copy(kafka);
	kafka->offered = true;
}

static int read_from(struct source_kafka *kafka, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "/kafka", "from", 1, 16, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (strcmp(text, "latest") && strcmp(text, "earliest"))
		return error_set(err, "invalid_value", "/kafka/from",
				 "\"%s\": latest or earliest expected", text);
	kafka->earliest = !strcmp(text, "earliest");
	return 0;
}

static int read_group(struct source_kafka *kafka, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "/kafka", "group", 1, GROUP_MAX, &text, err);

	if (!r)
		setting_set(&kafka->group, text);
	return r == JSON_ABSENT ? 0 : r;
}

/* The kind's readers name its fields as if they stood alone. */
static int read_cluster(struct source_kafka *kafka, const json_t *object, struct error *err)
{
	int r = kind_read(kafka->cluster, object, err);
	char field[sizeof(err->field)];

	if (!r || !err)
		return r;
	snprintf(field, sizeof(field), "/kafka%.80s", err->field);
	memcpy(err->field, field, sizeof(field));
	return r;
}

int source_kafka_read(struct source_kafka *kafka, const json_t *object, struct error *err)
{
	json_t *value;
	int r;

	if (json_is_null(json_object_get(object, "kafka")))
		source_kafka_fini(kafka);
	if (!json_object_get(object, "kafka") && kafka->offered)
		source_kafka_fini(kafka);
	if (!json_object_get(object, "kafka") || json_is_null(json_object_get(object, "kafka")))
		return 0;
	r = json_read_object(object, "", "kafka", &value, err);
	if (!r)
		r = json_check_keys(value, "/kafka", keys, err);
	if (r)
		return r;
	kafka->offered = false;
	if (!kafka->cluster)
		kafka->cluster = cluster_new();
	if (!kafka->group)
		kafka->group = xstrdup(GROUP_DEFAULT);
	r = read_cluster(kafka, value, err);
	if (!r)
		r = read_group(kafka, value, err);
	return r ? r : read_from(kafka, value, err);
}

json_t *source_kafka_format(const struct source_kafka *kafka, enum kind_secrets secrets)
{
	CLEANUP_JSON json_t *all = json_object();
	json_t *object;

	if (!kafka->cluster)
		return json_null();
	object = json_pack("{s:s, s:s}", "group", kafka->group, "from",
			   kafka->earliest ? "earliest" : "latest");
	kind_format(kafka->cluster, secrets, all);
	for (size_t i = 0; i < SHARED_KEYS; i++)
		json_object_set(object, keys[i], json_object_get(all, keys[i]));
	return object;
}
