/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/kafka_settings.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"

#define QUEUE_MAX 10000 /* messages in a producer; the outbox holds the rest */

struct list {
	struct kafka_property *items;
	size_t count;
};

static void add(struct list *list, const char *name, const char *text)
{
	if (!*text)
		return;
	bug_on(list->count == KAFKA_PROPERTIES_MAX);
	list->items[list->count++] = (struct kafka_property){.name = name, .text = text};
}

static void add_number(struct list *list, const char *name, unsigned number)
{
	struct kafka_property *item = &list->items[list->count];

	bug_on(list->count == KAFKA_PROPERTIES_MAX);
	*item = (struct kafka_property){.name = name};
	snprintf(item->value, sizeof(item->value), "%u", number);
	list->count++;
}

static void add_security(struct list *list, const struct courier_push *push)
{
	static const char *const protocols[2][2] = {{"plaintext", "ssl"},
						    {"sasl_plaintext", "sasl_ssl"}};
	static const char *const mechanisms[] = {[COURIER_PLAIN_SASL] = "PLAIN",
						 [COURIER_SCRAM_256] = "SCRAM-SHA-256",
						 [COURIER_SCRAM_512] = "SCRAM-SHA-512"};
	uint32_t mechanism = push->numbers[COURIER_MECHANISM];
	bool sasl = mechanism && mechanism < ARRAY_SIZE(mechanisms);

	add(list, "security.protocol", protocols[sasl][!!push->numbers[COURIER_TLS]]);
	if (!sasl)
		return;
	add(list, "sasl.mechanisms", mechanisms[mechanism]);
	add(list, "sasl.username", courier_push_get(push, COURIER_USER));
	add(list, "sasl.password", courier_push_get(push, COURIER_SECRET));
}

static void add_tls(struct list *list, const struct courier_push *push,
		    const struct courier_config *config)
{
	bool verify = push->numbers[COURIER_VERIFY];

	if (!push->numbers[COURIER_TLS])
		return;
	add(list, "enable.ssl.certificate.verification", verify ? "true" : "false");
	add(list, "ssl.endpoint.identification.algorithm", verify ? "https" : "none");
	add(list, "ssl.ca.pem", courier_push_get(push, COURIER_CA));
	if (!*courier_push_get(push, COURIER_CA))
		add(list, "ssl.ca.location", config->ca_file);
	add(list, "ssl.certificate.pem", courier_push_get(push, COURIER_CERT));
	add(list, "ssl.key.pem", courier_push_get(push, COURIER_CERT_KEY));
}

static void add_common(struct list *list, const struct courier_push *push,
		       const struct courier_config *config)
{
	add(list, "bootstrap.servers", courier_push_get(push, COURIER_HOST));
	add(list, "client.id", "ringbell");
	add(list, "socket.keepalive.enable", "true");
	add(list, "statistics.interval.ms", "0");
	add(list, "log_level", "0");
	add_security(list, push);
	add_tls(list, push, config);
}

size_t kafka_settings_format(const struct courier_push *push, const struct courier_config *config,
			     struct kafka_property ret[KAFKA_PROPERTIES_MAX])
{
	struct list list = {.items = ret};

	add_common(&list, push, config);
	add(&list, "acks", "all");
	add(&list, "enable.idempotence", push->numbers[COURIER_IDEMPOTENCE] ? "true" : "false");
	add_number(&list, "message.timeout.ms", push->timeout_ms ? push->timeout_ms : 30000);
	add_number(&list, "queue.buffering.max.messages", QUEUE_MAX);
	add(&list, "linger.ms", "5");
	add(&list, "message.max.bytes", "1000000");
	/* a topic nobody has is told soon, not after the message's time-out */
	add(&list, "topic.metadata.propagation.max.ms", "3000");
	return list.count;
}

/* Control may be a while about a batch (its disk is full): that must not cost the membership. */
size_t kafka_settings_format_consumer(const struct courier_push *push,
				      const struct courier_config *config,
				      struct kafka_property ret[KAFKA_PROPERTIES_MAX])
{
	struct list list = {.items = ret};

	add_common(&list, push, config);
	add(&list, "group.id", courier_push_get(push, COURIER_GROUP));
	add(&list, "auto.offset.reset", push->numbers[COURIER_EARLIEST] ? "earliest" : "latest");
	add(&list, "enable.auto.commit", "false");
	add(&list, "enable.auto.offset.store", "false");
	add(&list, "session.timeout.ms", "10000");
	add(&list, "max.poll.interval.ms", "86400000");
	add(&list, "queued.min.messages", "100");
	add(&list, "queued.max.messages.kbytes", "2048");
	add(&list, "allow.auto.create.topics", "false");
	return list.count;
}

enum courier_verdict kafka_settings_verdict(int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return VERDICT_DELIVERED;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return VERDICT_PERMANENT;
	default:
		return VERDICT_RETRY;
	}
}

enum courier_step kafka_settings_step(int code, int trouble)
{
	if (code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE)
		code = trouble;
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR__BAD_MSG:
		return COURIER_STEP_PROTOCOL;
	case RD_KAFKA_RESP_ERR__RESOLVE:
		return COURIER_STEP_DNS;
	case RD_KAFKA_RESP_ERR__SSL:
		return COURIER_STEP_TLS;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return COURIER_STEP_AUTH;
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		return COURIER_STEP_CONNECT;
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return COURIER_STEP_REQUEST;
	default:
		return COURIER_STEP_REMOTE;
	}
}
