/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/report_queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/error.h"
#include "capture/recorder.h"

struct item {
	TAILQ_ENTRY(item) next;
	uint32_t type;
	uint32_t size;
	_Alignas(16) unsigned char body[];
};

struct report_queue {
	TAILQ_HEAD(items, item) items; /* oldest first */
	struct item *unsent;	       /* first one that is not on the link; NULL = all are */
	uint32_t count;
	uint32_t in_flight; /* sent, not acknowledged: the items before unsent */
	uint64_t newest;
};

static struct rec_report_head *head_of(struct item *item)
{
	return (struct rec_report_head *)item->body;
}

struct report_queue *report_queue_new(void)
{
	struct report_queue *q = xcalloc(1, sizeof(*q));

	TAILQ_INIT(&q->items);
	return q;
}

static int is_sent(const struct report_queue *q, struct item *item)
{
	return !q->unsent || head_of(item)->report < head_of(q->unsent)->report;
}

static void drop(struct report_queue *q, struct item *item)
{
	q->in_flight -= is_sent(q, item);
	if (item == q->unsent)
		q->unsent = TAILQ_NEXT(item, next);
	TAILQ_REMOVE(&q->items, item, next);
	q->count--;
	free(item);
}

struct report_queue *report_queue_free(struct report_queue *q)
{
	if (!q)
		return NULL;
	while (!TAILQ_EMPTY(&q->items))
		drop(q, TAILQ_FIRST(&q->items));
	free(q);
	return NULL;
}

static void send_some(struct report_queue *q, struct ipc_link *link)
{
	while (link && q->unsent && q->in_flight < REPORT_QUEUE_WINDOW) {
		struct item *item = q->unsent;

		ipc_link_send(link, item->type, item->body, item->size, -1);
		q->unsent = TAILQ_NEXT(item, next);
		q->in_flight++;
	}
}

/* Gaps that were sent go first: control has most likely seen them. */
static int forget_one(struct report_queue *q)
{
	struct item *item;

	TAILQ_FOREACH (item, &q->items, next)
		if (item->type == REC_GAP)
			break;
	if (!item)
		item = TAILQ_FIRST(&q->items);
	drop(q, item);
	return 1;
}

int report_queue_add(struct report_queue *q, struct ipc_link *link, uint32_t type, const void *body,
		     size_t size)
{
	struct item *item = xmalloc(sizeof(*item) + size);
	int forgotten = q->count >= REPORT_QUEUE_MAX ? forget_one(q) : 0;

	bug_on(size < sizeof(struct rec_report_head));
	item->type = type;
	item->size = (uint32_t)size;
	memcpy(item->body, body, size);
	head_of(item)->report = ++q->newest;
	TAILQ_INSERT_TAIL(&q->items, item, next);
	q->count++;
	if (!q->unsent)
		q->unsent = item;
	send_some(q, link);
	return forgotten;
}

void report_queue_remove(struct report_queue *q, struct ipc_link *link, uint64_t number)
{
	struct item *item;

	while ((item = TAILQ_FIRST(&q->items)) && item != q->unsent &&
	       head_of(item)->report <= number)
		drop(q, item);
	send_some(q, link);
}

void report_queue_restart(struct report_queue *q, struct ipc_link *link)
{
	q->unsent = TAILQ_FIRST(&q->items);
	q->in_flight = 0;
	send_some(q, link);
}

uint64_t report_queue_newest(const struct report_queue *q)
{
	return q->newest;
}

int report_queue_is_sent(const struct report_queue *q, uint64_t number)
{
	return !q->unsent || head_of(q->unsent)->report > number;
}
