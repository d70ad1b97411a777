/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/endpoint_kafka.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/error.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/kafka_client.h"
#include "dispatch/push/text.h"

#define PRODUCERS_MAX 32
#define IDLE_SPAN     (10 * DUR_MIN) /* an unused producer goes */

struct delivery {
	LIST_ENTRY(delivery) next;
	char push[IDENT_SIZE];
	bool test;
	bool told; /* a test that ended early: the report that is still to come is not told */
	mono_t started;
};

struct producer {
	LIST_ENTRY(producer) next;
	struct endpoint_kafka *kafka;
	char key[SHA256_HEX_SIZE];
	struct kafka_client client;
	LIST_HEAD(, delivery) deliveries;
	int trouble; /* last trouble with brokers; cleared by a delivery */
	char trouble_text[256];
	mono_t used;
	bool fatal;
};

struct endpoint_kafka {
	struct loop *loop;
	struct crew *crew;
	const struct courier_config *config;
	endpoint_on_result on_result;
	void *owner;
	LIST_HEAD(, producer) producers;
	unsigned count;
	bool ending;
};

/* ---- results ---- */

static void delivery_free(struct delivery *d)
{
	LIST_REMOVE(d, next);
	free(d);
}

static void tell(struct producer *p, struct delivery *d, int code, const char *text)
{
	struct courier_result result = {
		.verdict = kafka_settings_verdict(code),
		.elapsed_ms = (uint32_t)(mono_sub(mono_now(), d->started) / DUR_MS)};

	if (d->told)
		return;
	d->told = true;
	memcpy(result.push, d->push, sizeof(result.push));
	if (result.verdict != VERDICT_DELIVERED)
		result.step = kafka_settings_step(code, p->trouble);
	excerpt_format(text, strlen(text), result.text, sizeof(result.text));
	p->kafka->on_result(p->kafka->owner, &result);
}

static void on_report(struct producer *p, const rd_kafka_message_t *message)
{
	struct delivery *d = message->_private;
	char text[512];

	if (message->err) {
		snprintf(text, sizeof(text), "%s%s%s", rd_kafka_err2str(message->err),
			 p->trouble_text[0] ? ": " : "", p->trouble_text);
	} else {
		p->trouble = 0;
		p->trouble_text[0] = '\0';
		snprintf(text, sizeof(text), "partition %d, offset %lld", (int)message->partition,
			 (long long)message->offset);
	}
	tell(p, d, message->err, text);
	delivery_free(d);
}

/* Trouble is told to who waits for a test; a push waits for its time-out, as brokers come back. */
static void on_trouble(struct producer *p, int code, const char *text)
{
	struct delivery *d;

	if (code == RD_KAFKA_RESP_ERR__FATAL)
		p->fatal = true;
	/* "all brokers down" follows the reason why: that one is kept */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && p->trouble)
		code = p->trouble;
	else
		snprintf(p->trouble_text, sizeof(p->trouble_text), "%s", text);
	p->trouble = code;
	LIST_FOREACH (d, &p->deliveries, next)
		if (d->test)
			tell(p, d, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, p->trouble_text);
}

static void on_event(struct producer *p, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;

	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		while ((message = rd_kafka_event_message_next(event)))
			on_report(p, message);
		break;
	case RD_KAFKA_EVENT_ERROR:
		on_trouble(p, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
		break;
	default:
		break;
	}
}

/* ---- producers ---- */

/* Its deliveries were told, or are nobody's any more. */
static void producer_free(struct producer *p)
{
	LIST_REMOVE(p, next);
	p->kafka->count--;
	while (!LIST_EMPTY(&p->deliveries))
		delivery_free(LIST_FIRST(&p->deliveries));
	kafka_client_close(&p->client, p->kafka->ending ? NULL : p->kafka->crew);
	free(p);
}

/* A fatal error ends the producer: its messages go again with the next one (2.0.2 lacks the way
 * back that 2.3 has). */
static void end_fatal(struct producer *p)
{
	struct delivery *d;

	LIST_FOREACH (d, &p->deliveries, next)
		tell(p, d, RD_KAFKA_RESP_ERR__FATAL, p->trouble_text);
	producer_free(p);
}

static void on_readable(void *owner)
{
	struct producer *p = owner;
	rd_kafka_event_t *event;

	kafka_client_drain(&p->client);
	while ((event = rd_kafka_queue_poll(p->client.queue, 0))) {
		on_event(p, event);
		rd_kafka_event_destroy(event);
	}
	if (p->fatal)
		end_fatal(p);
}

static struct producer *producer_new(struct endpoint_kafka *kafka, rd_kafka_conf_t *conf,
				     const char *key, char text[KAFKA_TEXT_SIZE])
{
	struct producer *p = xcalloc(1, sizeof(*p));

	p->kafka = kafka;
	memcpy(p->key, key, sizeof(p->key));
	LIST_INIT(&p->deliveries);
	if (kafka_client_open(&p->client, RD_KAFKA_PRODUCER, conf, kafka->loop, on_readable, p,
			      text)) {
		free(p);
		return NULL;
	}
	LIST_INSERT_HEAD(&kafka->producers, p, next);
	kafka->count++;
	return p;
}

/* Those of settings that were edited away end when they are idle. */
static void drop_idle(struct endpoint_kafka *kafka)
{
	struct producer *p = LIST_FIRST(&kafka->producers);

	while (p) {
		struct producer *after = LIST_NEXT(p, next);
		dur_t idle = mono_sub(mono_now(), p->used);

		if (LIST_EMPTY(&p->deliveries) &&
		    (idle > IDLE_SPAN || kafka->count >= PRODUCERS_MAX))
			producer_free(p);
		p = after;
	}
}

static struct producer *find_or_make(struct endpoint_kafka *kafka, const struct courier_push *push,
				     char text[KAFKA_TEXT_SIZE])
{
	struct kafka_property properties[KAFKA_PROPERTIES_MAX];
	size_t count = kafka_settings_format(push, kafka->config, properties);
	char key[SHA256_HEX_SIZE];
	rd_kafka_conf_t *conf = kafka_client_configure(properties, count, kafka->config,
						       RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR,
						       key, text);
	struct producer *p;

	if (!conf)
		return NULL;
	LIST_FOREACH (p, &kafka->producers, next) {
		if (strcmp(p->key, key))
			continue;
		rd_kafka_conf_destroy(conf);
		return p;
	}
	drop_idle(kafka);
	return producer_new(kafka, conf, key, text);
}

/* ---- producing ---- */

static int produce(struct producer *p, const struct courier_push *push, struct delivery *d)
{
	const char *topic = courier_push_get(push, COURIER_TO);
	const char *key = courier_push_get(push, COURIER_FINGERPRINT);
	const char *body = courier_push_get(push, COURIER_BODY);
	const char *level = text_level(push->level);
	const char *source = courier_push_get(push, COURIER_SOURCE);
	const char *alert = courier_push_get(push, COURIER_ALERT);

#define HEADER(name, text) RD_KAFKA_V_HEADER(name, text, (ssize_t)strlen(text))
	return rd_kafka_producev(
		p->client.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(*key ? key : NULL, strlen(key)),
		RD_KAFKA_V_VALUE((void *)body, strlen(body)), HEADER("level", level),
		HEADER("source", source), HEADER("event", *alert ? alert : push->push),
		HEADER("delivery", push->push), HEADER("content-type", "application/json"),
		HEADER("schema", "1"), RD_KAFKA_V_OPAQUE(d), RD_KAFKA_V_END);
#undef HEADER
}

static void refuse(struct endpoint_kafka *kafka, const struct courier_push *push, int code,
		   const char *text)
{
	struct courier_result result = {.verdict = kafka_settings_verdict(code),
					.step = COURIER_STEP_REQUEST};

	memcpy(result.push, push->push, sizeof(result.push));
	excerpt_format(text, strlen(text), result.text, sizeof(result.text));
	kafka->on_result(kafka->owner, &result);
}

void endpoint_kafka_start(struct endpoint_kafka *kafka, const struct courier_push *push)
{
	char text[KAFKA_TEXT_SIZE] = "";
	struct producer *p = find_or_make(kafka, push, text);
	struct delivery *d;
	int code;

	if (!p) {
		refuse(kafka, push, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
		return;
	}
	d = xcalloc(1, sizeof(*d));
	memcpy(d->push, push->push, sizeof(d->push));
	d->test = push->event == COURIER_TEST;
	d->started = p->used = mono_now();
	LIST_INSERT_HEAD(&p->deliveries, d, next);
	code = produce(p, push, d);
	if (!code)
		return;
	delivery_free(d); /* a full queue is back-pressure: the outbox keeps it */
	refuse(kafka, push, code, rd_kafka_err2str(code));
}

struct endpoint_kafka *endpoint_kafka_new(struct loop *loop, struct crew *crew,
					  const struct courier_config *config,
					  endpoint_on_result on_result, void *owner)
{
	struct endpoint_kafka *kafka = xcalloc(1, sizeof(*kafka));

	kafka->loop = loop;
	kafka->crew = crew;
	kafka->config = config;
	kafka->on_result = on_result;
	kafka->owner = owner;
	LIST_INIT(&kafka->producers);
	return kafka;
}

struct endpoint_kafka *endpoint_kafka_free(struct endpoint_kafka *kafka)
{
	if (!kafka)
		return NULL;
	kafka->ending = true;
	while (!LIST_EMPTY(&kafka->producers))
		producer_free(LIST_FIRST(&kafka->producers));
	free(kafka);
	return NULL;
}
