/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/push_queue.h"

#include <limits.h>

/* Forgets the seconds that have passed out of the minute. */
static void slide(struct push_queue *queue, mono_t now)
{
	int64_t second = now.ns / DUR_S;

	if (second - queue->second >= PUSH_QUEUE_SLOTS || second < queue->second) {
		for (int i = 0; i < PUSH_QUEUE_SLOTS; i++)
			queue->sent[i] = 0;
		queue->second = second;
	}
	while (queue->second < second)
		queue->sent[++queue->second % PUSH_QUEUE_SLOTS] = 0;
}

static int64_t sent_in_minute(struct push_queue *queue, mono_t now)
{
	int64_t sum = 0;

	slide(queue, now);
	for (int i = 0; i < PUSH_QUEUE_SLOTS; i++)
		sum += queue->sent[i];
	return sum;
}

/* -1 = closed, 0 = open, 1 = half-open. */
static int breaker(const struct push_queue *queue, mono_t now)
{
	if (!queue->open_until.ns)
		return -1;
	return mono_sub(queue->open_until, now) > 0 ? 0 : 1;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int push_queue_room(struct push_queue *queue, const struct push_queue_limits *limits, mono_t now)
{
	int64_t room = limits->concurrency - queue->leased;

	if (limits->rate)
		room = smaller(room, limits->rate - sent_in_minute(queue, now));
	switch (breaker(queue, now)) {
	case 0:
		return 0;
	case 1: /* one push finds out */
		room = smaller(room, queue->leased ? 0 : 1);
		break;
	default:
		break;
	}
	return room > 0 ? (int)smaller(room, INT_MAX) : 0;
}

int64_t push_queue_rate_room(struct push_queue *queue, const struct push_queue_limits *limits,
			     mono_t now)
{
	int64_t room = limits->rate - sent_in_minute(queue, now);

	if (!limits->rate)
		return INT64_MAX;
	return room > 0 ? room : 0;
}

bool push_queue_digests(const struct push_queue *queue, mono_t now)
{
	return !queue->single_until.ns || mono_sub(queue->single_until, now) <= 0;
}

void push_queue_on_digest_refused(struct push_queue *queue, mono_t now)
{
	queue->single_until = mono_add(now, PUSH_QUEUE_SINGLE);
}

dur_t push_queue_wait(struct push_queue *queue, const struct push_queue_limits *limits, mono_t now)
{
	if (breaker(queue, now) == 0)
		return mono_sub(queue->open_until, now);
	if (limits->rate && sent_in_minute(queue, now) >= limits->rate)
		return DUR_S;
	return 0;
}

void push_queue_on_lease(struct push_queue *queue, mono_t now)
{
	slide(queue, now);
	queue->sent[queue->second % PUSH_QUEUE_SLOTS]++;
	queue->leased++;
}

static void open_for(struct push_queue *queue, dur_t span, mono_t now)
{
	mono_t until = mono_add(now, span);

	if (until.ns > queue->open_until.ns)
		queue->open_until = until;
}

void push_queue_on_result(struct push_queue *queue, const struct courier_result *result, mono_t now,
			  double random)
{
	if (queue->leased)
		queue->leased--;
	if (result->verdict != VERDICT_RETRY) {
		queue->failures = 0;
		queue->open_until = (mono_t){0};
		queue->open_span = 0;
		return;
	}
	if (result->retry_after_ms > 0)
		open_for(queue, result->retry_after_ms * DUR_MS, now);
	if (++queue->failures < PUSH_QUEUE_BREAK_AFTER || breaker(queue, now) == 0)
		return;
	queue->open_span = queue->open_span ? 2 * queue->open_span : PUSH_QUEUE_OPEN_MIN;
	if (queue->open_span > PUSH_QUEUE_OPEN_MAX)
		queue->open_span = PUSH_QUEUE_OPEN_MAX;
	open_for(queue, queue->open_span / 2 + (dur_t)((double)(queue->open_span / 2) * random),
		 now);
}

const char *push_queue_state(const struct push_queue *queue, mono_t now)
{
	static const char *const names[] = {"closed", "open", "half-open"};

	return names[breaker(queue, now) + 1];
}
