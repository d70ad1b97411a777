/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/topic_reader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/kafka_client.h"

#define CONSUMERS_MAX 32
#define BATCH_BYTES   (512 * 1024) /* a batch is over when it has more */

struct consumer {
	LIST_ENTRY(consumer) next;
	struct topic_reader *reader;
	char source[IDENT_SIZE];
	struct kafka_client client;
	rd_kafka_topic_partition_list_t *offsets; /* of the batch; NULL = none is being made */
	unsigned count;				  /* records in it */
	size_t bytes;
	uint64_t waiting; /* for this batch to be durable; 0 = none is out */
	char problem[200];
	struct courier_consuming told;
};

struct topic_reader {
	struct loop *loop;
	struct crew *crew;
	const struct courier_config *config;
	topic_on_message on_message;
	void *owner;
	LIST_HEAD(, consumer) consumers;
	unsigned count;
	uint64_t batches;
	bool ending;
};

static struct consumer *find(struct topic_reader *reader, const char *source)
{
	struct consumer *c;

	LIST_FOREACH (c, &reader->consumers, next)
		if (!strcmp(c->source, source))
			return c;
	return NULL;
}

/* ---- what control is told ---- */

static void tell_state(struct consumer *c)
{
	struct courier_consuming state = {0};
	rd_kafka_topic_partition_list_t *assigned = NULL;

	memcpy(state.source, c->source, sizeof(state.source));
	memcpy(state.problem, c->problem, sizeof(state.problem));
	if (!rd_kafka_assignment(c->client.rk, &assigned)) {
		state.partitions = (uint32_t)assigned->cnt;
		rd_kafka_topic_partition_list_destroy(assigned);
	}
	if (!memcmp(&state, &c->told, sizeof(state)))
		return;
	c->told = state;
	c->reader->on_message(c->reader->owner, COURIER_CONSUMING, &state, sizeof(state));
}

static void set_problem(struct consumer *c, const char *text)
{
	excerpt_format(text, strlen(text), c->problem, sizeof(c->problem));
}

static void send_part(struct consumer *c, struct courier_record *record)
{
	c->reader->on_message(c->reader->owner, COURIER_RECORD, record,
			      offsetof(struct courier_record, data) + record->used);
}

static void send_record(struct consumer *c, const rd_kafka_message_t *message)
{
	CLEANUP_FREE struct courier_record *record = xmalloc(sizeof(*record));
	bool too_long = message->len > COURIER_RECORD_MAX;
	size_t left = too_long ? 0 : message->len;
	const char *data = message->payload;

	memset(record, 0, offsetof(struct courier_record, data));
	memcpy(record->source, c->source, sizeof(record->source));
	record->partition = message->partition;
	record->offset = message->offset;
	do {
		size_t n = left < sizeof(record->data) ? left : sizeof(record->data);

		record->flags = n < left ? COURIER_RECORD_MORE : too_long ? COURIER_RECORD_LONG : 0;
		record->used = (uint32_t)n;
		memcpy(record->data, data, n);
		send_part(c, record);
		data += n;
		left -= n;
	} while (left);
}

/* ---- a batch ---- */

static void add_offset(struct consumer *c, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);
	rd_kafka_topic_partition_t *item;

	if (!c->offsets)
		c->offsets = rd_kafka_topic_partition_list_new(1);
	item = rd_kafka_topic_partition_list_find(c->offsets, topic, message->partition);
	if (!item)
		item = rd_kafka_topic_partition_list_add(c->offsets, topic, message->partition);
	item->offset = message->offset + 1;
	c->count++;
	c->bytes += message->len;
}

static void on_record(struct consumer *c, const rd_kafka_message_t *message)
{
	if (message->err) {
		set_problem(c, rd_kafka_message_errstr(message));
		return;
	}
	c->problem[0] = '\0';
	add_offset(c, message);
	if (message->len) /* a tombstone says nothing */
		send_record(c, message);
}

static void on_event(struct consumer *c, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;

	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_FETCH:
		while ((message = rd_kafka_event_message_next(event)))
			on_record(c, message);
		break;
	case RD_KAFKA_EVENT_ERROR:
		/* "all brokers down" follows the reason why: that one is kept */
		if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
		    !c->problem[0])
			set_problem(c, rd_kafka_event_error_string(event));
		break;
	default:
		break;
	}
}

/* Takes what is there, at most a batch, and sends it. */
static void read_batch(struct consumer *c)
{
	struct courier_record end = {.flags = COURIER_RECORD_LAST};
	rd_kafka_event_t *event;

	while (!c->waiting && c->count < COURIER_BATCH_MAX && c->bytes < BATCH_BYTES &&
	       (event = rd_kafka_queue_poll(c->client.queue, 0))) {
		on_event(c, event);
		rd_kafka_event_destroy(event);
	}
	tell_state(c);
	if (c->waiting || !c->count)
		return;
	c->waiting = ++c->reader->batches;
	end.offset = (int64_t)c->waiting;
	memcpy(end.source, c->source, sizeof(end.source));
	send_part(c, &end);
}

static void on_readable(void *owner)
{
	struct consumer *c = owner;

	kafka_client_drain(&c->client);
	read_batch(c);
}

static void forget_batch(struct consumer *c)
{
	if (c->offsets)
		rd_kafka_topic_partition_list_destroy(c->offsets);
	c->offsets = NULL;
	c->count = 0;
	c->bytes = 0;
	c->waiting = 0;
}

void topic_reader_taken(struct topic_reader *reader, const char *source, uint64_t batch)
{
	struct consumer *c = find(reader, source);
	int code;

	if (!c || !batch || c->waiting != batch)
		return;
	/* one that fails is made good by the next, or its records come again */
	code = rd_kafka_commit(c->client.rk, c->offsets, 1);
	if (code)
		log_warning("courier", "source %s: offsets not committed: %s", c->source,
			    rd_kafka_err2str(code));
	forget_batch(c);
	read_batch(c);
}

/* ---- life ---- */

static void consumer_free(struct consumer *c)
{
	LIST_REMOVE(c, next);
	c->reader->count--;
	forget_batch(c);
	kafka_client_close(&c->client, c->reader->ending ? NULL : c->reader->crew);
	free(c);
}

static int subscribe(struct consumer *c, const char *topic, char text[KAFKA_TEXT_SIZE])
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	int code;

	rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(c->client.rk, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (code)
		snprintf(text, KAFKA_TEXT_SIZE, "%s", rd_kafka_err2str(code));
	return code;
}

static struct consumer *consumer_new(struct topic_reader *reader, const struct courier_push *source,
				     char text[KAFKA_TEXT_SIZE])
{
	struct kafka_property properties[KAFKA_PROPERTIES_MAX];
	size_t count = kafka_settings_format_consumer(source, reader->config, properties);
	char key[SHA256_HEX_SIZE];
	rd_kafka_conf_t *conf = kafka_client_configure(properties, count, reader->config,
						       RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR,
						       key, text);
	struct consumer *c;

	if (!conf)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->reader = reader;
	memcpy(c->source, source->push, sizeof(c->source));
	if (kafka_client_open(&c->client, RD_KAFKA_CONSUMER, conf, reader->loop, on_readable, c,
			      text)) {
		free(c);
		return NULL;
	}
	LIST_INSERT_HEAD(&reader->consumers, c, next);
	reader->count++;
	return c;
}

static void tell_failure(struct topic_reader *reader, const char *source, const char *text)
{
	struct courier_consuming state = {0};

	snprintf(state.source, sizeof(state.source), "%s", source);
	excerpt_format(text, strlen(text), state.problem, sizeof(state.problem));
	reader->on_message(reader->owner, COURIER_CONSUMING, &state, sizeof(state));
}

void topic_reader_start(struct topic_reader *reader, const struct courier_push *source)
{
	char text[KAFKA_TEXT_SIZE] = "more topics than can be read at a time";
	struct consumer *c = NULL;

	topic_reader_stop(reader, source->push);
	if (reader->count < CONSUMERS_MAX)
		c = consumer_new(reader, source, text);
	if (!c) {
		tell_failure(reader, source->push, text);
	} else if (subscribe(c, courier_push_get(source, COURIER_TO), text)) {
		consumer_free(c);
		tell_failure(reader, source->push, text);
	}
}

void topic_reader_stop(struct topic_reader *reader, const char *source)
{
	struct consumer *c = LIST_FIRST(&reader->consumers);

	while (c) {
		struct consumer *after = LIST_NEXT(c, next);

		if (!source || !strcmp(c->source, source))
			consumer_free(c);
		c = after;
	}
}

struct topic_reader *topic_reader_new(struct loop *loop, struct crew *crew,
				      const struct courier_config *config,
				      topic_on_message on_message, void *owner)
{
	struct topic_reader *reader = xcalloc(1, sizeof(*reader));

	reader->loop = loop;
	reader->crew = crew;
	reader->config = config;
	reader->on_message = on_message;
	reader->owner = owner;
	LIST_INIT(&reader->consumers);
	return reader;
}

struct topic_reader *topic_reader_free(struct topic_reader *reader)
{
	if (!reader)
		return NULL;
	reader->ending = true;
	topic_reader_stop(reader, NULL);
	free(reader);
	return NULL;
}
