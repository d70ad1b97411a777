/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "base/mailbox.h"
#include "tests/unit/test.h"

#define WRITERS 4
#define LETTERS 5000

struct numbered {
	struct letter letter;
	int writer;
	int number;
};

struct reader {
	struct loop *loop;
	struct mailbox box;
	int next[WRITERS];
	int received;
};

static void *write_letters(void *arg)
{
	struct mailbox *box = ((void **)arg)[0];
	int writer = *(int *)((void **)arg)[1];

	for (int i = 0; i < LETTERS; i++) {
		struct numbered *n = xcalloc(1, sizeof(*n));

		n->writer = writer;
		n->number = i;
		mailbox_put(box, &n->letter);
	}
	return NULL;
}

static void on_letters(void *owner)
{
	struct reader *r = owner;
	struct letter *letter;

	while ((letter = mailbox_take(&r->box))) {
		struct numbered *n = (struct numbered *)letter;

		check_int(n->number, r->next[n->writer]++);
		free(n);
		if (++r->received == WRITERS * LETTERS)
			loop_stop(r->loop);
	}
}

/* Many threads put, the loop takes: nothing is lost and each writer's order is kept. */
int main(void)
{
	struct reader r = {.loop = loop_new()};
	int ids[WRITERS] = {0, 1, 2, 3};
	void *args[WRITERS][2];
	pthread_t threads[WRITERS];
	struct watch *watch;

	check(!mailbox_init(&r.box));
	check(mailbox_take(&r.box) == NULL);
	watch = watch_new_read(r.loop, r.box.event_fd, on_letters, &r);
	watch_enable(watch);
	for (int i = 0; i < WRITERS; i++) {
		args[i][0] = &r.box;
		args[i][1] = &ids[i];
		check(!pthread_create(&threads[i], NULL, write_letters, args[i]));
	}
	loop_run(r.loop);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	check_int(r.received, WRITERS * LETTERS);
	watch_free(watch);
	mailbox_fini(&r.box);
	loop_free(r.loop);
	return 0;
}
