/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

struct loop {
	struct event_base *base;
};

struct watch {
	struct event *event;
	loop_call call;
	void *owner;
};

struct timer {
	struct event *event;
	loop_call call;
	void *owner;
};

struct loop *loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));
	struct event_config *config = event_config_new();

	bug_on(!config);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	bug_on(!loop->base);
	return loop;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	event_base_free(loop->base);
	free(loop);
	return NULL;
}

void loop_run(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	watch->call(watch->owner);
}

static struct watch *watch_new(struct loop *loop, int fd, short what, loop_call call, void *owner)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));

	watch->call = call;
	watch->owner = owner;
	watch->event = event_new(loop->base, fd, what | EV_PERSIST, on_watch, watch);
	bug_on(!watch->event);
	return watch;
}

struct watch *watch_new_read(struct loop *loop, int fd, loop_call call, void *owner)
{
	return watch_new(loop, fd, EV_READ, call, owner);
}

struct watch *watch_new_write(struct loop *loop, int fd, loop_call call, void *owner)
{
	return watch_new(loop, fd, EV_WRITE, call, owner);
}

struct watch *watch_new_signal(struct loop *loop, int signal, loop_call call, void *owner)
{
	struct watch *watch = watch_new(loop, signal, EV_SIGNAL, call, owner);

	watch_enable(watch);
	return watch;
}

void watch_enable(struct watch *watch)
{
	bug_on(event_add(watch->event, NULL));
}

void watch_disable(struct watch *watch)
{
	event_del(watch->event);
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	event_free(watch->event);
	free(watch);
	return NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;

	(void)fd;
	(void)what;
	timer->call(timer->owner);
}

struct timer *timer_new(struct loop *loop, loop_call call, void *owner)
{
	struct timer *timer = xcalloc(1, sizeof(*timer));

	timer->call = call;
	timer->owner = owner;
	timer->event = evtimer_new(loop->base, on_timer, timer);
	bug_on(!timer->event);
	return timer;
}

void timer_set(struct timer *timer, dur_t after)
{
	struct timeval tv;

	if (after < 0)
		after = 0;
	tv.tv_sec = after / DUR_S;
	tv.tv_usec = after % DUR_S / DUR_US;
	bug_on(event_add(timer->event, &tv));
}

void timer_unset(struct timer *timer)
{
	event_del(timer->event);
}

bool timer_is_set(const struct timer *timer)
{
	return event_pending(timer->event, EV_TIMEOUT, NULL);
}

struct timer *timer_free(struct timer *timer)
{
	if (!timer)
		return NULL;
	event_free(timer->event);
	free(timer);
	return NULL;
}
