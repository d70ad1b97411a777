/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/endpoint_kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "dispatch/push/destination.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/kafka_settings.h"
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
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int pipe[2]; /* librdkafka writes a byte when the queue is no longer empty */
	struct watch *watch;
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

struct burial {
	struct crew_job job;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int pipe[2];
};

static void bury(struct crew_job *job)
{
	struct burial *burial = (struct burial *)job;

	rd_kafka_purge(burial->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
					   RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_queue_destroy(burial->queue);
	rd_kafka_destroy(burial->rk);
	close(burial->pipe[0]);
	close(burial->pipe[1]);
}

static void buried(struct crew_job *job)
{
	free(job);
}

/* Its deliveries were told, or are nobody's any more. */
static void producer_free(struct producer *p)
{
	struct burial *burial = xcalloc(1, sizeof(*burial));

	LIST_REMOVE(p, next);
	p->kafka->count--;
	watch_free(p->watch);
	rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
	while (!LIST_EMPTY(&p->deliveries))
		delivery_free(LIST_FIRST(&p->deliveries));
	burial->rk = p->rk;
	burial->queue = p->queue;
	memcpy(burial->pipe, p->pipe, sizeof(burial->pipe));
	burial->job.run = bury;
	burial->job.done = buried;
	snprintf(burial->job.lane, sizeof(burial->job.lane), "kafka burial");
	if (p->kafka->ending) {
		bury(&burial->job);
		free(burial);
	} else {
		crew_put(p->kafka->crew, &burial->job);
	}
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
	char bytes[64];

	while (read(p->pipe[0], bytes, sizeof(bytes)) > 0)
		;
	while ((event = rd_kafka_queue_poll(p->queue, 0))) {
		on_event(p, event);
		rd_kafka_event_destroy(event);
	}
	if (p->fatal)
		end_fatal(p);
}

/* Called by librdkafka's threads: the socket is non-blocking. */
static int on_connect(int fd, const struct sockaddr *to, int len, const char *name, void *owner)
{
	const struct endpoint_kafka *kafka = owner;

	(void)name;
	if (destination_check(to, kafka->config->allow))
		return EACCES;
	return connect(fd, to, (socklen_t)len) && errno != EINPROGRESS ? errno : 0;
}

static rd_kafka_conf_t *configure(struct endpoint_kafka *kafka, const struct courier_push *push,
				  char key[SHA256_HEX_SIZE], char text[512])
{
	struct kafka_property properties[KAFKA_PROPERTIES_MAX];
	size_t count = kafka_settings_format(push, kafka->config, properties);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct sha256 h;

	sha256_init(&h);
	for (size_t i = 0; i < count; i++) {
		const struct kafka_property *p = &properties[i];
		const char *value = p->text ? p->text : p->value;

		sha256_add(&h, p->name, strlen(p->name) + 1);
		sha256_add(&h, value, strlen(value) + 1);
		if (rd_kafka_conf_set(conf, p->name, value, text, 512) == RD_KAFKA_CONF_OK)
			continue;
		/* its own text may quote the value */
		snprintf(text, 512, "librdkafka does not take the setting %s", p->name);
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	sha256_format(&h, key);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	rd_kafka_conf_set_connect_cb(conf, on_connect);
	rd_kafka_conf_set_opaque(conf, kafka);
	return conf;
}

static struct producer *producer_new(struct endpoint_kafka *kafka, rd_kafka_conf_t *conf,
				     const char *key, char text[512])
{
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, 512);
	struct producer *p;

	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->kafka = kafka;
	p->rk = rk;
	memcpy(p->key, key, sizeof(p->key));
	bug_on(pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK)); /* a blocking one deadlocks in there */
	p->queue = rd_kafka_queue_get_main(rk);
	rd_kafka_queue_io_event_enable(p->queue, p->pipe[1], "1", 1);
	p->watch = watch_new_read(kafka->loop, p->pipe[0], on_readable, p);
	watch_enable(p->watch);
	/* what was queued before the pipe was there has written nothing into it */
	bug_on(write(p->pipe[1], "1", 1) != 1);
	LIST_INIT(&p->deliveries);
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
				     char text[512])
{
	char key[SHA256_HEX_SIZE];
	rd_kafka_conf_t *conf = configure(kafka, push, key, text);
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
		p->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
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
	char text[512] = "";
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
