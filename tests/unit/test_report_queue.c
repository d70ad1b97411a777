/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/report_queue.h"

#include <unistd.h>

#include "base/ipc.h"
#include "capture/recorder.h"
#include "tests/unit/test.h"

#define TURNS_MAX 2000

struct fixture {
	struct loop *loop;
	struct timer *timer;
	struct report_queue *queue;
	struct ipc_link *link;
	int control; /* the other end */
	int turns;
};

static int on_message(void *owner, struct ipc_message *message)
{
	(void)owner;
	(void)message;
	return 0;
}

/* Control acknowledges what came. */
static void on_turn(void *owner)
{
	static struct ipc_message m;
	struct fixture *f = owner;
	uint64_t newest = 0;

	while (!ipc_receive(f->control, &m))
		newest = ((struct rec_report_head *)m.body)->report;
	if (newest)
		report_queue_remove(f->queue, f->link, newest);
	if (report_queue_is_sent(f->queue, report_queue_newest(f->queue)) ||
	    ++f->turns == TURNS_MAX)
		loop_stop(f->loop);
	timer_set(f->timer, DUR_MS);
}

/* Gaps that were sent are forgotten, for want of room, before control acknowledged them: they are
 * no longer under way, and what came later is sent once control is back. */
static void test_forgotten(void)
{
	struct fixture f = {.loop = loop_new(), .queue = report_queue_new()};
	struct rec_gap gap = {0};
	int fds[2], forgotten = 0;

	check(!ipc_pair(fds));
	f.control = fds[1];
	f.link = ipc_link_new(f.loop, fds[0], on_message, NULL, NULL);
	f.timer = timer_new(f.loop, on_turn, &f);
	for (int i = 0; i < REPORT_QUEUE_MAX + REPORT_QUEUE_WINDOW; i++)
		forgotten += report_queue_add(f.queue, f.link, REC_GAP, &gap, sizeof(gap));
	check_int(forgotten, REPORT_QUEUE_WINDOW);
	timer_set(f.timer, 0);
	loop_run(f.loop);
	check(report_queue_is_sent(f.queue, report_queue_newest(f.queue)));
	f.timer = timer_free(f.timer);
	f.link = ipc_link_free(f.link);
	close(f.control);
	f.queue = report_queue_free(f.queue);
	loop_free(f.loop);
}

int main(void)
{
	test_forgotten();
	return 0;
}
