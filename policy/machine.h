/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of one PCAP policy. Pure; engine.c feeds it and is the only one that assigns
 * the state. The diagram, the invariants of each state and the total table are in machine.c. */
#pragma once

enum policy_state {
	POLICY_OFF,	 /* no hold; no capture */
	POLICY_STARTING, /* at least one hold; the recorder was told, has not confirmed yet */
	POLICY_ON,	 /* at least one hold; recording */
	POLICY_LINGER,	 /* no hold; recording until the linger time is over */
	POLICY_ABNORMAL, /* at least one hold, but capturing failed (retried) or its limit ended it
			  */
	POLICY_STATE_COUNT,
};

enum policy_event {
	EVENT_HELD,	/* first hold arrived (and no veto), or a veto went and holds are there */
	EVENT_RELEASED, /* last hold went, or a veto came */
	EVENT_STARTED,	/* recorder: recording */
	EVENT_FAILED,	/* recorder: cannot record */
	EVENT_LINGERED, /* linger time over */
	EVENT_RETRY,	/* retry time over */
	EVENT_LIMIT,	/* the capture's own limit ended it */
	POLICY_EVENT_COUNT,
};

/* What the caller must do besides assigning the state; a bit set. */
enum policy_step_action {
	STEP_CAPTURE_BEGIN = 1, /* new capture id, look-back */
	STEP_CAPTURE_RETRY = 2, /* start the same capture again; a new one if its limit ended it */
	STEP_CAPTURE_END = 4,	/* stop the recorder at `now` */
	STEP_LINGER_SET = 8,
	STEP_RETRY_SET = 16,
	STEP_TIMERS_CLEAR = 32,
};

struct policy_step {
	enum policy_state state;
	unsigned actions;
};

const char *policy_state_name(enum policy_state state);
int policy_state_parse(const char *text, enum policy_state *ret);
const char *policy_event_name(enum policy_event event);

/* linger is the policy's setting: 0 means EVENT_RELEASED ends the capture at once. A pair that
 * cannot occur is a bug and aborts. */
struct policy_step machine_step(enum policy_state state, enum policy_event event, long long linger);
