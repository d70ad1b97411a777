/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/endpoint_syslog.h"

#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/syslog_message.h"
#include "dispatch/push/wire.h"
#include "policy/locator.h"

#define IDLE_MAX 16 /* open streams that wait for a message */

/* A stream that waits, and what it is to. */
struct idle {
	TAILQ_ENTRY(idle) next;
	char key[SHA256_HEX_SIZE];
	struct wire *stream;
};

struct endpoint_syslog {
	struct crew *crew;
	const struct courier_config *config;
	endpoint_on_result on_result;
	void *owner;
	pthread_mutex_t lock;
	/* shared, under lock */
	TAILQ_HEAD(, idle) idle;
	unsigned idle_count;
};

struct delivery {
	struct crew_job job;
	struct endpoint_syslog *syslog;
	struct courier_push *push;
	struct courier_result result;
};

/* ---- open streams ---- */

static void idle_free(struct idle *idle)
{
	wire_close(idle->stream);
	free(idle);
}

/* One that is still alive, or NULL. */
static struct wire *take_idle(struct endpoint_syslog *syslog, const char *key)
{
	struct wire *stream = NULL;
	struct idle *idle;

	pthread_mutex_lock(&syslog->lock);
	TAILQ_FOREACH (idle, &syslog->idle, next)
		if (!strcmp(idle->key, key))
			break;
	if (idle) {
		TAILQ_REMOVE(&syslog->idle, idle, next);
		syslog->idle_count--;
		stream = take_ptr(idle->stream);
	}
	pthread_mutex_unlock(&syslog->lock);
	free(idle);
	if (stream && wire_is_gone(stream))
		stream = wire_close(stream);
	return stream;
}

static void put_idle(struct endpoint_syslog *syslog, const char *key, struct wire *stream)
{
	struct idle *idle = xcalloc(1, sizeof(*idle)), *oldest = NULL;

	memcpy(idle->key, key, sizeof(idle->key));
	idle->stream = stream;
	pthread_mutex_lock(&syslog->lock);
	TAILQ_INSERT_TAIL(&syslog->idle, idle, next);
	if (++syslog->idle_count > IDLE_MAX) {
		oldest = TAILQ_FIRST(&syslog->idle);
		TAILQ_REMOVE(&syslog->idle, oldest, next);
		syslog->idle_count--;
	}
	pthread_mutex_unlock(&syslog->lock);
	if (oldest)
		idle_free(oldest);
}

/* Everything that makes a stream another one. */
static void make_key(const struct courier_push *push, char key[SHA256_HEX_SIZE])
{
	static const enum courier_text texts[] = {COURIER_HOST, COURIER_CA, COURIER_CERT,
						  COURIER_CERT_KEY};
	const uint32_t numbers[] = {push->numbers[COURIER_PORT], push->numbers[COURIER_TLS],
				    push->numbers[COURIER_VERIFY]};
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, numbers, sizeof(numbers));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = courier_push_get(push, texts[i]);

		sha256_add(&h, text, strlen(text) + 1);
	}
	sha256_format(&h, key);
}

/* ---- on a crew thread ---- */

static int send_stream(struct delivery *d, const struct buf *message, struct wire_failure *failure)
{
	struct endpoint_syslog *syslog = d->syslog;
	char key[SHA256_HEX_SIZE];
	struct wire *stream;

	make_key(d->push, key);
	stream = take_idle(syslog, key);
	if (!stream)
		stream = wire_open(d->push, syslog->config, failure);
	if (!stream)
		return -1;
	if (wire_write(stream, message->data, message->len, (int)d->push->timeout_ms, failure)) {
		wire_close(stream);
		return -1;
	}
	put_idle(syslog, key, stream);
	return 0;
}

static void run(struct crew_job *job)
{
	struct delivery *d = (struct delivery *)job;
	bool datagram = d->push->numbers[COURIER_TRANSPORT] == LOCATOR_UDP;
	struct courier_result *result = &d->result;
	struct wire_failure failure = {0};
	CLEANUP_BUF struct buf message = BUF_INIT;
	mono_t started = mono_now();
	int r;

	if (datagram) {
		syslog_message_format(&message, d->push);
		r = wire_send_datagram(d->push, d->syslog->config, message.data, message.len,
				       &failure);
	} else {
		syslog_message_frame(&message, d->push);
		r = send_stream(d, &message, &failure);
	}
	result->elapsed_ms = (uint32_t)(mono_sub(mono_now(), started) / DUR_MS);
	if (!r) {
		snprintf(result->text, sizeof(result->text),
			 "%s, not confirmed: syslog has no answer",
			 datagram ? "sent" : "sent and acknowledged by the peer's TCP");
		return;
	}
	result->verdict = failure.verdict;
	result->step = failure.step;
	excerpt_format(failure.text, strlen(failure.text), result->text, sizeof(result->text));
}

/* ---- on the loop ---- */

static void done(struct crew_job *job)
{
	struct delivery *d = (struct delivery *)job;

	if (!crew_is_ending(d->syslog->crew))
		d->syslog->on_result(d->syslog->owner, &d->result);
	free(d->push);
	free(d);
}

void endpoint_syslog_start(struct endpoint_syslog *syslog, const struct courier_push *push)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->syslog = syslog;
	d->push = xmemdup(push, courier_push_size(push));
	d->push->numbers[COURIER_TLS] = push->numbers[COURIER_TRANSPORT] == LOCATOR_TLS;
	memcpy(d->result.push, push->push, sizeof(d->result.push));
	d->job.run = run;
	d->job.done = done;
	snprintf(d->job.lane, sizeof(d->job.lane), "syslog %s %u",
		 courier_push_get(push, COURIER_HOST), push->numbers[COURIER_PORT]);
	crew_put(syslog->crew, &d->job);
}

struct endpoint_syslog *endpoint_syslog_new(struct crew *crew, const struct courier_config *config,
					    endpoint_on_result on_result, void *owner)
{
	struct endpoint_syslog *syslog = xcalloc(1, sizeof(*syslog));

	syslog->crew = crew;
	syslog->config = config;
	syslog->on_result = on_result;
	syslog->owner = owner;
	pthread_mutex_init(&syslog->lock, NULL);
	TAILQ_INIT(&syslog->idle);
	return syslog;
}

struct endpoint_syslog *endpoint_syslog_free(struct endpoint_syslog *syslog)
{
	struct idle *idle;

	if (!syslog)
		return NULL;
	while ((idle = TAILQ_FIRST(&syslog->idle))) {
		TAILQ_REMOVE(&syslog->idle, idle, next);
		idle_free(idle);
	}
	pthread_mutex_destroy(&syslog->lock);
	free(syslog);
	return NULL;
}
