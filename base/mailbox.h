/* SPDX-License-Identifier: Apache-2.0 */
/* How threads talk: many may put letters in, one thread takes them out, an eventfd tells it to.
 *
 * A letter is embedded first in a struct of the caller's; its ownership moves with it. Order is
 * kept. mailbox_put never blocks beyond a short lock. */
#pragma once

#include <pthread.h>
#include <sys/queue.h>

struct letter {
	STAILQ_ENTRY(letter) next;
};

struct mailbox {
	pthread_mutex_t lock;
	int event_fd; /* readable while letters wait */
	/* shared, under lock */
	STAILQ_HEAD(letters, letter) letters;
};

/* Returns 0 or -errno. */
int mailbox_init(struct mailbox *box);
/* Letters still inside are the caller's: take them first. */
void mailbox_fini(struct mailbox *box);

void mailbox_put(struct mailbox *box, struct letter *letter);
/* The oldest letter, or NULL (then event_fd is quiet until the next put). Taking thread only. */
struct letter *mailbox_take(struct mailbox *box);
