/* SPDX-License-Identifier: Apache-2.0 */
/* One PCAP policy, from its first hold to the end of its capture.
 *
 *                      held
 *         OFF ────────────────────▶ STARTING ◀───────────── retry ──┐
 *          ▲                         │    │                         │
 *          │                 started │    │ failed, limit           │
 *          │                         ▼    ▼                         │
 *          ├── released, no linger ─ ON ────── failed, limit ─▶ ABNORMAL
 *          │                        │  ▲                         │  │
 *          │  released, with linger │  │ held                    │  │
 *          │                        ▼  │                         │  │
 *          ├── lingered, failed, ─ LINGER                        │  │
 *          │   limit                                             │  │
 *          └──────────────────────── released ───────────────────┘  │
 *                                    ON ◀────────── started ────────┘
 *
 * STARTING is released as ON is: with linger to LINGER, without to OFF.
 *
 * "Wanted" below: the policy has at least one hold and no veto.
 *
 *   state      wanted  capture  timers        invariant
 *   OFF        no      none     none          nothing is recorded, nothing is to be
 *   STARTING   yes     yes      none          the recorder was told and has not answered yet
 *   ON         yes     yes      none          the recorder said that it records
 *   LINGER     no      yes      linger        records on until the linger is over
 *   ABNORMAL   yes     yes      retry         capturing failed; the reason is the first cause
 *              yes     none     none          its own limit ended the capture: nothing more until
 *                                             a new hold comes or all are gone
 *
 * Transitions, and what is to be done (policy_step_action), in this order of columns:
 *   OFF      held      → STARTING  a capture begins in the past
 *   STARTING started   → ON
 *   ON       released  → LINGER    the linger timer is set         (linger > 0)
 *            released  → OFF       the capture ends now            (linger = 0, or at once)
 *   LINGER   held      → ON        the same capture goes on
 *            lingered  → OFF       the capture ends
 *   any      failed    → ABNORMAL  the retry timer is set; without a hold: → OFF, it ends
 *   ABNORMAL retry     → STARTING  the same capture is started again
 *            started   → ON        the recorder found a way by itself (its NIC came back)
 *            released  → OFF       nothing is recorded, so there is nothing to linger for
 *   any      limit     → ABNORMAL  the capture ends; without a hold: → OFF
 *
 * The engine decides what is an event: held and released are changes of "wanted", and reports of
 * the recorder count only if they name the policy's present capture. Pairs that cannot occur are
 * bugs. */
#include "policy/machine.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static const char *const state_names[] = {
	[POLICY_OFF] = "off",	    [POLICY_STARTING] = "starting", [POLICY_ON] = "on",
	[POLICY_LINGER] = "linger", [POLICY_ABNORMAL] = "abnormal",
};

static const char *const event_names[] = {
	[EVENT_HELD] = "held",	   [EVENT_RELEASED] = "released", [EVENT_STARTED] = "started",
	[EVENT_FAILED] = "failed", [EVENT_LINGERED] = "lingered", [EVENT_RETRY] = "retry",
	[EVENT_LIMIT] = "limit",
};

#define BUG                                                                                        \
	{                                                                                          \
		POLICY_STATE_COUNT, 0                                                              \
	}
#define SAME(st)                                                                                   \
	{                                                                                          \
		st, 0                                                                              \
	}
#define END (STEP_CAPTURE_END | STEP_TIMERS_CLEAR)

/* A release that ends the capture at once is a column of its own. */
#define RELEASED_NOW POLICY_EVENT_COUNT

static const struct policy_step table[POLICY_STATE_COUNT][POLICY_EVENT_COUNT + 1] =
	{
		[POLICY_OFF] =
			{
				[EVENT_HELD] = {POLICY_STARTING, STEP_CAPTURE_BEGIN},
				[EVENT_RELEASED] = BUG,
				[RELEASED_NOW] = BUG,
				[EVENT_STARTED] = BUG,
				[EVENT_FAILED] = BUG,
				[EVENT_LINGERED] = BUG,
				[EVENT_RETRY] = BUG,
				[EVENT_LIMIT] = BUG,
			},
		[POLICY_STARTING] =
			{
				[EVENT_HELD] = BUG,
				[EVENT_RELEASED] = {POLICY_LINGER, STEP_LINGER_SET},
				[RELEASED_NOW] = {POLICY_OFF, END},
				[EVENT_STARTED] = {POLICY_ON, STEP_TIMERS_CLEAR},
				[EVENT_FAILED] = {POLICY_ABNORMAL, STEP_RETRY_SET},
				[EVENT_LINGERED] = BUG,
				[EVENT_RETRY] = BUG,
				[EVENT_LIMIT] = {POLICY_ABNORMAL, END},
			},
		[POLICY_ON] =
			{
				[EVENT_HELD] = BUG,
				[EVENT_RELEASED] = {POLICY_LINGER, STEP_LINGER_SET},
				[RELEASED_NOW] = {POLICY_OFF, END},
				[EVENT_STARTED] = SAME(POLICY_ON),
				[EVENT_FAILED] = {POLICY_ABNORMAL, STEP_RETRY_SET},
				[EVENT_LINGERED] = BUG,
				[EVENT_RETRY] = BUG,
				[EVENT_LIMIT] = {POLICY_ABNORMAL, END},
			},
		[POLICY_LINGER] =
			{
				[EVENT_HELD] = {POLICY_ON, STEP_TIMERS_CLEAR},
				[EVENT_RELEASED] = SAME(POLICY_LINGER),
				[RELEASED_NOW] = {POLICY_OFF, END},
				[EVENT_STARTED] = SAME(POLICY_LINGER),
				[EVENT_FAILED] = {POLICY_OFF, END},
				[EVENT_LINGERED] = {POLICY_OFF, END},
				[EVENT_RETRY] = BUG,
				[EVENT_LIMIT] = {POLICY_OFF, END},
			},
		[POLICY_ABNORMAL] =
			{
				[EVENT_HELD] = BUG,
				[EVENT_RELEASED] = {POLICY_OFF, END},
				[RELEASED_NOW] = {POLICY_OFF, END},
				[EVENT_STARTED] = {POLICY_ON, STEP_TIMERS_CLEAR},
				[EVENT_FAILED] = SAME(POLICY_ABNORMAL),
				[EVENT_LINGERED] = BUG,
				[EVENT_RETRY] = {POLICY_STARTING, STEP_CAPTURE_RETRY |
									  STEP_TIMERS_CLEAR},
				[EVENT_LIMIT] = {POLICY_ABNORMAL, END},
			},
};

const char *policy_state_name(enum policy_state state)
{
	bug_on(state >= POLICY_STATE_COUNT);
	return state_names[state];
}

int policy_state_parse(const char *text, enum policy_state *ret)
{
	for (enum policy_state state = POLICY_OFF; state < POLICY_STATE_COUNT; state++) {
		if (!strcmp(text, state_names[state])) {
			*ret = state;
			return 0;
		}
	}
	return -EINVAL;
}

const char *policy_event_name(enum policy_event event)
{
	bug_on(event >= POLICY_EVENT_COUNT);
	return event_names[event];
}

struct policy_step machine_step(enum policy_state state, enum policy_event event, long long linger)
{
	int column = event == EVENT_RELEASED && linger <= 0 ? (int)RELEASED_NOW : (int)event;
	struct policy_step step;

	bug_on(state >= POLICY_STATE_COUNT || event >= POLICY_EVENT_COUNT);
	step = table[state][column];
	bug_on(step.state == POLICY_STATE_COUNT);
	return step;
}
