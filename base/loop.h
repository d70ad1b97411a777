/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: descriptors, timers and signals become calls. libevent is behind it and visible
 * only to dispatch/serve, through loop_base().
 *
 * One thread owns a loop and everything on it. Callbacks are thin and never block. A callback may
 * free its own watch or timer. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

struct loop;
struct watch;
struct timer;
struct event_base;

typedef void (*loop_call)(void *owner);

struct loop *loop_new(void);
/* All watches and timers must be freed before. Accepts NULL, returns NULL. */
struct loop *loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* libevent's own handle, for evhttp. */
struct event_base *loop_base(struct loop *loop);

/* Calls while fd is readable (or writable), level-triggered, once enabled. The fd stays the
 * caller's and must outlive the watch. */
struct watch *watch_new_read(struct loop *loop, int fd, loop_call call, void *owner);
struct watch *watch_new_write(struct loop *loop, int fd, loop_call call, void *owner);
/* Calls in the loop when the signal arrives; enabled at once. */
struct watch *watch_new_signal(struct loop *loop, int signal, loop_call call, void *owner);
void watch_enable(struct watch *watch);
void watch_disable(struct watch *watch);
struct watch *watch_free(struct watch *watch);

/* One call, `after` from the last timer_set; unset timers never fire. */
struct timer *timer_new(struct loop *loop, loop_call call, void *owner);
void timer_set(struct timer *timer, dur_t after);
void timer_unset(struct timer *timer);
bool timer_is_set(const struct timer *timer);
struct timer *timer_free(struct timer *timer);
