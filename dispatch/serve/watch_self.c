/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/watch_self.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/self.h"
#include "policy/alert.h"

#define LOOK_EVERY DUR_S

static void ring_name(const struct control *control, uint32_t index, char ret[CHILD_NIC_SIZE])
{
	struct ring_view view = {0};

	control_ring(control, index, &view);
	memcpy(ret, view.nic, CHILD_NIC_SIZE);
}

/* An alert of its own, since nobody looks at a log while nothing is recorded. What a control before
 * raised ends when the ring is seen to move. */
static void tell_deaf(struct watch_self *watch, uint32_t index, const char *nic, uint64_t packets)
{
	struct watch_ring *own = &watch->rings[index];
	bool deaf = own->heartbeat.stalled;

	if (!own->first)
		own->first = packets + 1;
	if (!watch->control->engine || own->deaf == (deaf ? DEAF_YES : DEAF_NO) ||
	    (!deaf && own->deaf == DEAF_UNTOLD && own->first == packets + 1))
		return;
	own->deaf = deaf ? DEAF_YES : DEAF_NO;
	self_raise(
		watch->control,
		&(struct self_alert){.policy = "ring_deaf",
				     .object = nic,
				     .text = deaf ? "the NIC counts packets and the ring gets "
						    "none: nothing is being recorded"
						  : "the ring gets packets again, or the NIC none",
				     .level = LEVEL_CRITICAL,
				     .over = !deaf});
}

static void look_at_heart(struct watch_self *watch, uint32_t index, mono_t now)
{
	const struct shared_ring *ring = &watch->control->shared->rings[index];
	struct heartbeat *heartbeat = &watch->rings[index].heartbeat;
	char nic[CHILD_NIC_SIZE];
	int r;

	/* with a filter, what the NIC counts says nothing of what the ring should get */
	if (atomic_load(&ring->state) == NIC_UP && !ring->filter[0])
		r = heartbeat_step(heartbeat, now, atomic_load(&ring->nic_packets),
				   atomic_load(&ring->packets), ring->retire_ms * DUR_MS);
	else
		r = heartbeat_reset(heartbeat);
	ring_name(watch->control, index, nic);
	if (r == HEARTBEAT_STALLED)
		log_error("watch",
			  "%s: the NIC counts packets and the ring does not: nothing is "
			  "being recorded",
			  nic);
	else if (r == HEARTBEAT_BACK)
		log_info("watch", "%s: the ring gets packets again", nic);
	tell_deaf(watch, index, nic, atomic_load(&ring->packets));
}

/* Short because it is small, not because it is young. */
static bool is_full(const struct shared_ring *ring)
{
	return ring->block_count && atomic_load(&ring->head_seq) > ring->block_count;
}

static void look_at_reach(struct watch_self *watch, uint32_t index, struct instant now)
{
	const struct shared_ring *ring = &watch->control->shared->rings[index];
	struct watch_ring *own = &watch->rings[index];
	wall_t oldest = {atomic_load(&ring->oldest_wall_ns)};
	const struct reach_source *source = NULL;
	char nic[CHILD_NIC_SIZE], reach[DUR_TEXT_SIZE], delay[DUR_TEXT_SIZE];
	dur_t back = wall_sub(now.wall, oldest);

	if (wall_known(oldest) && is_full(ring) && back > 0)
		source = reach_find_short(&watch->reach, back, now.mono);
	if (source) {
		own->delay = source->delay;
		memcpy(own->source, source->name, sizeof(own->source));
	}
	if (source && !own->is_short) {
		ring_name(watch->control, index, nic);
		log_warning("watch",
			    "%s: history reaches back %s, but alerts of \"%s\" come up to %s after "
			    "they began: their captures lack the beginning; give the ring more "
			    "memory",
			    nic, dur_format(back / DUR_S * DUR_S, reach), own->source,
			    dur_format(own->delay / DUR_S * DUR_S, delay));
	}
	own->is_short = source != NULL;
}

static void on_look(void *owner)
{
	struct watch_self *watch = owner;
	struct instant now = instant_now();

	metrics_histogram_add(&watch->lag, mono_sub(now.mono, watch->due));
	for (uint32_t i = 0; i < control_ring_count(watch->control); i++) {
		look_at_heart(watch, i, now.mono);
		look_at_reach(watch, i, now);
	}
	watch->due = mono_add(now.mono, LOOK_EVERY);
	timer_set(watch->timer, LOOK_EVERY);
}

void watch_self_init(struct watch_self *watch, struct control *control)
{
	watch->control = control;
	watch->timer = timer_new(control->loop, on_look, watch);
	watch->due = mono_add(mono_now(), LOOK_EVERY);
	timer_set(watch->timer, LOOK_EVERY);
}

void watch_self_fini(struct watch_self *watch)
{
	watch->timer = timer_free(watch->timer);
}

void watch_self_on_alert(struct watch_self *watch, const struct alert *alert)
{
	if (alert->status != ALERT_FIRING || !wall_known(alert->starts_at))
		return;
	reach_note(&watch->reach, alert->source,
		   wall_sub(alert->received_at, alert->starts_at) + alert->delay, mono_now());
}

static void add_problem(json_t *problems, const char *nic, const char *text)
{
	json_array_append_new(problems, json_pack("{s:s, s:s, s:s, s:s}", "object", "ring", "id",
						  nic, "name", nic, "problem", text));
}

void watch_self_problems(const struct watch_self *watch, json_t *problems)
{
	char nic[CHILD_NIC_SIZE], delay[DUR_TEXT_SIZE], text[256];

	for (uint32_t i = 0; i < control_ring_count(watch->control); i++) {
		const struct watch_ring *ring = &watch->rings[i];

		ring_name(watch->control, i, nic);
		if (ring->heartbeat.stalled)
			add_problem(problems, nic,
				    "the NIC counts packets and the ring does not: nothing is "
				    "being recorded");
		if (!ring->is_short)
			continue;
		snprintf(text, sizeof(text),
			 "alerts of \"%s\" come up to %s after they began, history does not reach "
			 "back that far",
			 ring->source, dur_format(ring->delay / DUR_S * DUR_S, delay));
		add_problem(problems, nic, text);
	}
}
