/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/ring_feed.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "capture/recorder.h"
#include "dispatch/serve/control_state.h"

struct feed_file {
	int fd;
	uint64_t bytes; /* valid once it is full */
	bool full;
};

struct ring_feed {
	LIST_ENTRY(ring_feed) next;
	struct control *control;
	struct rec_search_head head;
	char nic[CHILD_NIC_SIZE];
	struct feed_file files[RING_FEED_FILES]; /* the oldest first */
	size_t count;
	bool over;
	int error;
	struct ring_feed_counts counts;
	void (*on_news)(void *owner);
	void *owner;
};

void ring_feeds_init(struct ring_feeds *feeds)
{
	LIST_INIT(&feeds->feeds);
	feeds->next_id = 1;
}

static int open_file(struct ring_feed *feed)
{
	int fd = memfd_create("found", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	feed->files[feed->count++] = (struct feed_file){.fd = fd};
	return fd;
}

struct ring_feed *ring_feed_new(const struct ring_feed_options *o)
{
	struct ring_feed *feed;
	struct rec_search *order;
	struct ring_view ring;
	int fd;

	if (!o->control->recorder.synced || !control_ring(o->control, o->ring, &ring))
		return NULL;
	feed = xcalloc(1, sizeof(*feed));
	fd = open_file(feed);
	if (fd < 0) {
		free(feed);
		return NULL;
	}
	feed->control = o->control;
	feed->head = (struct rec_search_head){.id = o->control->feeds.next_id++, .ring = o->ring};
	memcpy(feed->nic, ring.nic, sizeof(feed->nic));
	LIST_INSERT_HEAD(&o->control->feeds.feeds, feed, next);
	order = xcalloc(1, sizeof(*order));
	order->id = feed->head.id;
	order->ring = o->ring;
	order->from_wall_ns = o->from_ns;
	order->until_wall_ns = o->until_ns;
	program_fill(o->program, &order->program);
	ipc_link_send(o->control->recorder.link, REC_SEARCH, order, sizeof(*order), fd);
	free(order);
	return feed;
}

struct ring_feed *ring_feed_free(struct ring_feed *feed)
{
	if (!feed)
		return NULL;
	if (!feed->over && !feed->error)
		ipc_link_send(feed->control->recorder.link, REC_SEARCH_END, &feed->head,
			      sizeof(feed->head), -1);
	for (size_t i = 0; i < feed->count; i++)
		close(feed->files[i].fd);
	LIST_REMOVE(feed, next);
	free(feed);
	return NULL;
}

void ring_feed_listen(struct ring_feed *feed, void (*on_news)(void *owner), void *owner)
{
	feed->on_news = on_news;
	feed->owner = owner;
}

static struct feed_file *filling(struct ring_feed *feed)
{
	for (size_t i = 0; i < feed->count; i++)
		if (!feed->files[i].full)
			return &feed->files[i];
	return NULL;
}

/* The recorder goes on into it while the one before is read; it has one at a time. */
static void give_file(struct ring_feed *feed)
{
	bool enough = filling(feed) || feed->count == RING_FEED_FILES;
	int fd = feed->over || feed->error || enough ? -1 : open_file(feed);

	if (fd >= 0)
		ipc_link_send(feed->control->recorder.link, REC_SEARCH_FILE, &feed->head,
			      sizeof(feed->head), fd);
}

static void drop_oldest(struct ring_feed *feed)
{
	memmove(feed->files, feed->files + 1, --feed->count * sizeof(feed->files[0]));
}

int ring_feed_get(struct ring_feed *feed, int *ret_fd, uint64_t *ret_bytes)
{
	struct feed_file *file = &feed->files[0];

	if (feed->count && file->full) {
		*ret_fd = file->fd;
		*ret_bytes = file->bytes;
		drop_oldest(feed);
		give_file(feed);
		return 0;
	}
	if (feed->error)
		return -feed->error;
	return feed->over ? RING_FEED_OVER : RING_FEED_LATER;
}

/* ---- what the recorder says ---- */

static void take_part(struct ring_feed *feed, const struct rec_search_part *part)
{
	struct feed_file *file = filling(feed);

	feed->over = part->over;
	feed->error = part->error;
	feed->counts = (struct ring_feed_counts){part->seen, part->lost, part->untold};
	if (file && part->bytes) {
		file->full = true;
		file->bytes = part->bytes;
		give_file(feed);
	} else if (file && part->over) { /* nothing is in it, and nothing comes */
		close(file->fd);
		feed->count--;
	}
	if (feed->on_news)
		feed->on_news(feed->owner);
}

int ring_feeds_take(struct control *control, const struct ipc_message *message)
{
	const struct rec_search_part *part = (const void *)message->body;
	struct ring_feed *feed;

	if (!ipc_is(message, struct rec_search_part) || part->error < 0)
		return -EBADMSG;
	LIST_FOREACH (feed, &control->feeds.feeds, next) {
		if (feed->head.id != part->id || feed->over || feed->error)
			continue;
		take_part(feed, part);
		break;
	}
	return 0;
}

void ring_feeds_fail(struct control *control)
{
	struct ring_feed *feed, *following;

	for (feed = LIST_FIRST(&control->feeds.feeds); feed; feed = following) {
		following = LIST_NEXT(feed, next);
		if (feed->over || feed->error)
			continue;
		feed->error = EPIPE;
		if (feed->on_news)
			feed->on_news(feed->owner);
	}
}

const char *ring_feed_nic(const struct ring_feed *feed)
{
	return feed->nic;
}

uint32_t ring_feed_ring(const struct ring_feed *feed)
{
	return feed->head.ring;
}

struct ring_feed_counts ring_feed_counts(const struct ring_feed *feed)
{
	return feed->counts;
}
