/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/topic_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/lines.h"
#include "dispatch/serve/push_message.h"
#include "storage/settings.h"

#define LOOK_EVERY	DUR_S
#define SEEN_MAX	(2 * COURIER_BATCH_MAX)
#define HASH_LEN	16 /* hex digits, to tell records of one offset apart */
#define BATCH_BYTES_MAX (1024 * 1024)
#define POSITION	"kafka_position" /* kind in the settings table, id = the source's */

/* One that may come again. */
struct seen {
	int32_t partition;
	int64_t offset;
	char hash[HASH_LEN + 1];
};

struct record {
	struct seen id;
	size_t start, len; /* in the batch's bytes */
	bool is_long;
};

struct batch {
	uint64_t number; /* 0 = it is not complete yet */
	size_t count;
	bool in_record; /* the last one goes on */
	struct buf bytes;
	struct record records[COURIER_BATCH_MAX];
};

enum topic_state {
	TOPIC_LOADING, /* what was seen is being read from the store */
	TOPIC_READY,
	TOPIC_WRITING, /* a decision is on its way */
};

struct topic {
	LIST_ENTRY(topic) next;
	struct topic_sources *topics;
	enum topic_state state;
	bool gone; /* its source is; freed when nothing is on its way */
	char source[IDENT_SIZE];
	char name[256];
	int64_t told_version; /* of the source, as this courier knows it; 0 = it does not */
	bool passing;	      /* the rest of a batch that came out of turn */
	struct batch batch;
	size_t seen_count;
	struct seen seen[SEEN_MAX]; /* newest last; without those of the batch */
	uint64_t alerts;	    /* since this process started */
	struct courier_consuming reported;
};

/* ---- what was seen ---- */

static json_t *seen_format(const struct seen *seen)
{
	return json_pack("[I, I, s]", (json_int_t)seen->partition, (json_int_t)seen->offset,
			 seen->hash);
}

/* How many of those that were seen make room for the batch. */
static size_t outdated(const struct topic *topic)
{
	size_t all = topic->seen_count + topic->batch.count;

	return all > SEEN_MAX ? all - SEEN_MAX : 0;
}

/* As it will be when the batch is decided. */
static char *position_format(const struct topic *topic)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:[]}", "topic", topic->name, "seen");
	json_t *list = json_object_get(json, "seen");

	for (size_t i = outdated(topic); i < topic->seen_count; i++)
		json_array_append_new(list, seen_format(&topic->seen[i]));
	for (size_t i = 0; i < topic->batch.count; i++)
		json_array_append_new(list, seen_format(&topic->batch.records[i].id));
	return json_format(json);
}

static int on_position(void *owner, const char *id, const char *text)
{
	struct topic *topic = owner;
	CLEANUP_JSON json_t *json = NULL;
	json_t *item;
	size_t i;

	if (strcmp(id, topic->source) != 0 ||
	    json_parse(text, strlen(text), JSON_BYTES_MAX, &json, NULL))
		return 0;
	json_array_foreach (json_object_get(json, "seen"), i, item) {
		struct seen *seen = &topic->seen[topic->seen_count];
		const char *hash = json_string_value(json_array_get(item, 2));

		if (topic->seen_count == SEEN_MAX || !hash)
			break;
		seen->partition = (int32_t)json_integer_value(json_array_get(item, 0));
		seen->offset = json_integer_value(json_array_get(item, 1));
		snprintf(seen->hash, sizeof(seen->hash), "%s", hash);
		topic->seen_count++;
	}
	/* another topic's offsets say nothing */
	if (strcmp(json_string_value(json_object_get(json, "topic")) ?: "", topic->name) != 0)
		topic->seen_count = 0;
	return 0;
}

static bool was_seen(const struct topic *topic, const struct seen *id)
{
	for (size_t i = 0; i < topic->seen_count; i++)
		if (topic->seen[i].partition == id->partition &&
		    topic->seen[i].offset == id->offset && !strcmp(topic->seen[i].hash, id->hash))
			return true;
	return false;
}

static void remember_batch(struct topic *topic)
{
	size_t gone = outdated(topic);

	topic->seen_count -= gone;
	memmove(topic->seen, topic->seen + gone, topic->seen_count * sizeof(topic->seen[0]));
	for (size_t i = 0; i < topic->batch.count; i++)
		topic->seen[topic->seen_count++] = topic->batch.records[i].id;
}

/* ---- life ---- */

static struct topic *topic_free(struct topic *topic)
{
	buf_fini(&topic->batch.bytes);
	free(topic);
	return NULL;
}

/* Takes it off the list; frees it, or leaves that to the job or decision that is on its way. */
static void drop(struct topic *topic)
{
	LIST_REMOVE(topic, next);
	topic->gone = true;
	if (topic->state == TOPIC_READY)
		topic_free(topic);
}

static int load_run(struct db *db, void *arg)
{
	return settings_list(db, POSITION, on_position, arg);
}

static void load_done(void *arg, int result)
{
	struct topic *topic = arg;

	topic->state = TOPIC_READY;
	if (topic->gone)
		topic_free(topic);
	else if (result < 0) /* made anew, and tried again */
		drop(topic);
}

static struct topic *topic_new(struct topic_sources *topics, const struct source *source)
{
	struct topic *topic = xcalloc(1, sizeof(*topic));

	topic->topics = topics;
	snprintf(topic->source, sizeof(topic->source), "%s", source->id);
	snprintf(topic->name, sizeof(topic->name), "%s",
		 endpoint_text(source->kafka.cluster, "topic"));
	LIST_INSERT_HEAD(&topics->list, topic, next);
	store_post(topics->control->store, STORE_READ, load_run, load_done, topic);
	return topic;
}

static struct topic *find(const struct topic_sources *topics, const char *source)
{
	struct topic *topic;

	LIST_FOREACH (topic, &topics->list, next)
		if (!strcmp(topic->source, source))
			return topic;
	return NULL;
}

/* ---- a batch becomes a decision ---- */

static void batch_clear(struct batch *batch)
{
	buf_clear(&batch->bytes);
	batch->number = 0;
	batch->count = 0;
	batch->in_record = false;
}

static void send_source(struct topic *topic, uint32_t type, uint64_t batch)
{
	struct courier_source message = {.batch = batch};

	memcpy(message.source, topic->source, sizeof(message.source));
	ipc_link_send(topic->topics->control->courier.link, type, &message, sizeof(message), -1);
}

static void batch_done(struct topic *topic)
{
	send_source(topic, COURIER_TAKEN, topic->batch.number);
	batch_clear(&topic->batch);
}

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct topic *topic = owner;

	topic->state = TOPIC_READY;
	if (topic->gone) {
		topic_free(topic);
		return;
	}
	if (result < 0) /* decided again from what is still there, by the timer */
		return;
	topic->alerts += decision->alerts.count;
	remember_batch(topic);
	batch_done(topic);
}

static void add_record(struct topic *topic, const struct record *record, struct lines *lines)
{
	struct control *control = topic->topics->control;

	if (was_seen(topic, &record->id))
		return;
	if (!record->is_long) {
		lines_add(lines, topic->batch.bytes.data + record->start, record->len);
		return;
	}
	intake_count_add(&control->intakes, lines->source->name, INTAKE_INVALID);
	log_info("alert", "source %s: partition %d, offset %" PRId64 ": longer than %d bytes",
		 lines->source->name, record->id.partition, record->id.offset, COURIER_RECORD_MAX);
}

static void decide(struct topic *topic)
{
	struct control *control = topic->topics->control;
	const struct source *source =
		control->engine ? engine_source(control->engine, topic->source) : NULL;
	struct lines lines;

	if (!source || control->draining || control->stopping)
		return;
	lines_start(&lines, control, source);
	for (size_t i = 0; i < topic->batch.count; i++)
		add_record(topic, &topic->batch.records[i], &lines);
	if (!lines_count(&lines)) { /* nothing that could be decided twice */
		lines_abort(&lines);
		batch_done(topic);
		return;
	}
	fact_add_setting(&lines.decision->facts, POSITION, topic->source, position_format(topic));
	topic->state = TOPIC_WRITING;
	lines_commit(&lines, on_committed, topic);
}

/* ---- the courier ---- */

static int add_part(struct batch *batch, const struct courier_record *part)
{
	struct record *record = &batch->records[batch->count - batch->in_record];
	char hash[SHA256_HEX_SIZE];

	if (record == batch->records + COURIER_BATCH_MAX)
		return -EBADMSG;
	if (!batch->in_record) {
		*record = (struct record){.id = {part->partition, part->offset, ""},
					  .start = batch->bytes.len,
					  .is_long = part->flags & COURIER_RECORD_LONG};
		batch->count++;
	}
	record->len += part->used;
	if (record->id.partition != part->partition || record->id.offset != part->offset ||
	    record->len > COURIER_RECORD_MAX || batch->bytes.len + part->used > BATCH_BYTES_MAX)
		return -EBADMSG;
	buf_append(&batch->bytes, part->data, part->used);
	batch->in_record = part->flags & COURIER_RECORD_MORE;
	if (!batch->in_record)
		snprintf(record->id.hash, sizeof(record->id.hash), "%.*s", HASH_LEN,
			 sha256_text(batch->bytes.data + record->start, record->len, hash));
	return 0;
}

/* One that comes while another is being decided is of a consumer before: it is not taken, and comes
 * again when the courier has been told anew. */
static int on_part(struct topic *topic, const struct courier_record *part)
{
	struct batch *batch = &topic->batch;

	if (topic->state != TOPIC_READY || batch->number)
		topic->passing = true;
	if (topic->passing) {
		topic->passing = part->flags != COURIER_RECORD_LAST;
		topic->told_version = 0;
		return 0;
	}
	if (part->flags != COURIER_RECORD_LAST)
		return add_part(batch, part);
	if (batch->in_record || part->offset <= 0)
		return -EBADMSG;
	batch->number = (uint64_t)part->offset;
	decide(topic);
	return 0;
}

static int on_record(struct topic_sources *topics, const struct ipc_message *message)
{
	const struct courier_record *part = (const void *)message->body;
	size_t head = offsetof(struct courier_record, data);
	struct topic *topic;

	if (message->size < head || part->used > sizeof(part->data) ||
	    message->size != head + part->used || part->flags > COURIER_RECORD_LONG ||
	    !memchr(part->source, '\0', sizeof(part->source)))
		return -EBADMSG;
	topic = find(topics, part->source);
	return topic ? on_part(topic, part) : 0;
}

static int on_consuming(struct topic_sources *topics, const struct ipc_message *message)
{
	const struct courier_consuming *state = (const void *)message->body;
	struct topic *topic;

	if (!ipc_is(message, *state) || !memchr(state->source, '\0', sizeof(state->source)) ||
	    !memchr(state->problem, '\0', sizeof(state->problem)))
		return -EBADMSG;
	topic = find(topics, state->source);
	if (!topic)
		return 0;
	if (strcmp(topic->reported.problem, state->problem) != 0)
		log_info("alert", "topic \"%s\": %s", topic->name,
			 *state->problem ? state->problem : "is read");
	topic->reported = *state;
	return 0;
}

int topic_sources_on_message(struct topic_sources *topics, const struct ipc_message *message)
{
	return message->type == COURIER_RECORD ? on_record(topics, message)
					       : on_consuming(topics, message);
}

void topic_sources_on_link(struct topic_sources *topics)
{
	struct topic *topic;

	LIST_FOREACH (topic, &topics->list, next) {
		topic->told_version = 0;
		topic->passing = false;
		topic->reported = (struct courier_consuming){0};
		if (topic->state == TOPIC_READY)
			batch_clear(&topic->batch);
	}
	timer_set(topics->timer, 0);
}

static void consume(struct topic *topic, const struct source *source)
{
	struct courier_push *push;

	if (!topic->topics->control->courier.link || topic->told_version == source->version)
		return;
	push = xmalloc(sizeof(*push));
	batch_clear(&topic->batch);
	if (push_message_consume(source, push))
		log_error("alert", "source %s: its settings do not fit the courier's limits",
			  source->name);
	else
		ipc_link_send(topic->topics->control->courier.link, COURIER_CONSUME, push,
			      courier_push_size(push), -1);
	topic->told_version = source->version;
	free(push);
}

/* ---- all of them ---- */

static void drop_strangers(struct topic_sources *topics)
{
	struct topic *topic = LIST_FIRST(&topics->list);

	while (topic) {
		struct topic *after = LIST_NEXT(topic, next);
		const struct source *source = engine_source(topics->control->engine, topic->source);

		if (!source || !source->kafka.cluster ||
		    strcmp(endpoint_text(source->kafka.cluster, "topic"), topic->name) != 0) {
			send_source(topic, COURIER_CONSUME_END, 0);
			drop(topic);
		}
		topic = after;
	}
}

static void follow(struct topic_sources *topics, const struct source *source)
{
	struct topic *topic = find(topics, source->id);

	if (!topic)
		topic = topic_new(topics, source);
	if (topic->state == TOPIC_READY && topic->batch.number)
		decide(topic);
	if (topic->state == TOPIC_READY && !topic->batch.number)
		consume(topic, source);
}

static void on_time(void *owner)
{
	struct topic_sources *topics = owner;
	struct control *control = topics->control;
	const struct source *source;

	timer_set(topics->timer, LOOK_EVERY);
	if (!control->engine || control->draining || control->stopping)
		return;
	drop_strangers(topics);
	for (size_t i = 0; (source = engine_source_at(control->engine, i)); i++)
		if (source->kafka.cluster)
			follow(topics, source);
}

void topic_sources_init(struct topic_sources *topics, struct control *control)
{
	topics->control = control;
	LIST_INIT(&topics->list);
	topics->timer = timer_new(control->loop, on_time, topics);
	timer_set(topics->timer, LOOK_EVERY);
}

void topic_sources_fini(struct topic_sources *topics)
{
	struct topic *topic;

	while ((topic = LIST_FIRST(&topics->list))) {
		LIST_REMOVE(topic, next);
		topic_free(topic);
	}
	topics->timer = timer_free(topics->timer);
}

const char *topic_sources_state(const struct topic_sources *topics, const struct source *source,
				char text[300])
{
	const struct topic *topic = find(topics, source->id);

	if (!source->kafka.cluster)
		return NULL;
	if (topic && *topic->reported.problem)
		snprintf(text, 300, "topic, %s", topic->reported.problem);
	else if (!topic || !topic->reported.partitions)
		snprintf(text, 300, "topic, no partition yet");
	else
		snprintf(text, 300, "topic, %" PRIu32 " partitions, %" PRIu64 " alerts",
			 topic->reported.partitions, topic->alerts);
	return text;
}
