/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

int mailbox_init(struct mailbox *box)
{
	STAILQ_INIT(&box->letters);
	box->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->event_fd < 0)
		return -errno;
	bug_on(pthread_mutex_init(&box->lock, NULL));
	return 0;
}

void mailbox_fini(struct mailbox *box)
{
	bug_on(!STAILQ_EMPTY(&box->letters));
	close(box->event_fd);
	pthread_mutex_destroy(&box->lock);
}

void mailbox_put(struct mailbox *box, struct letter *letter)
{
	int was_empty;

	pthread_mutex_lock(&box->lock);
	was_empty = STAILQ_EMPTY(&box->letters);
	STAILQ_INSERT_TAIL(&box->letters, letter, next);
	if (was_empty)
		eventfd_write(box->event_fd, 1);
	pthread_mutex_unlock(&box->lock);
}

struct letter *mailbox_take(struct mailbox *box)
{
	struct letter *letter;
	eventfd_t count;

	pthread_mutex_lock(&box->lock);
	letter = STAILQ_FIRST(&box->letters);
	if (letter)
		STAILQ_REMOVE_HEAD(&box->letters, next);
	if (STAILQ_EMPTY(&box->letters))
		eventfd_read(box->event_fd, &count);
	pthread_mutex_unlock(&box->lock);
	return letter;
}
