/* SPDX-License-Identifier: Apache-2.0 */
/* What control notices about the appliance itself, once a second: rings that stand still while
 * their NIC does not, history that reaches back less far than alerts come late, a loop that was
 * held up. Each is in the status (problems) and in /metrics, and logged when it changes. */
#pragma once

#include <jansson.h>

#include "base/child.h"
#include "base/loop.h"
#include "dispatch/serve/heartbeat.h"
#include "dispatch/serve/metrics_text.h"
#include "dispatch/serve/reach.h"

struct alert;
struct control;

struct watch_ring {
	struct heartbeat heartbeat;
	enum {
		DEAF_UNTOLD, /* an alert of a control before may be open */
		DEAF_NO,
		DEAF_YES,
	} deaf;		/* as the alert "ring_deaf" says */
	uint64_t first; /* packets in the ring at the first look, plus one; 0 = there was none */
	bool is_short;	/* reaches back less far than alerts come late, told */
	dur_t delay;	/* of the alerts that come latest */
	char source[REACH_NAME_SIZE];
};

struct watch_self {
	struct control *control;
	struct timer *timer;
	mono_t due; /* of the timer */
	struct watch_ring rings[CHILD_RINGS_MAX];
	struct reach reach;
	struct metrics_histogram lag;	  /* of the loop's timer */
	struct metrics_histogram trigger; /* from the request to the recorder's being told */
};

void watch_self_init(struct watch_self *watch, struct control *control);
void watch_self_fini(struct watch_self *watch);

/* An alert was accepted: how late was it? */
void watch_self_on_alert(struct watch_self *watch, const struct alert *alert);

/* Appends {object, id, name, problem} to the array. */
void watch_self_problems(const struct watch_self *watch, json_t *problems);
