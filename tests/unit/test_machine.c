/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/machine.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* Whether the pair aborts: tried in a child. */
static bool is_bug(enum policy_state state, enum policy_event event, long long linger)
{
	int status;
	pid_t child = fork();

	check(child >= 0);
	if (!child) {
		check(freopen("/dev/null", "w", stderr));
		machine_step(state, event, linger);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

#define B -1
/* The whole relation once more, written down independently: next state per state and event.
 *                                held released started failed lingered retry limit */
static const int without_linger[POLICY_STATE_COUNT][POLICY_EVENT_COUNT] = {
	[POLICY_OFF] = {POLICY_STARTING, B, B, B, B, B, B},
	[POLICY_STARTING] = {B, POLICY_OFF, POLICY_ON, POLICY_ABNORMAL, B, B, POLICY_ABNORMAL},
	[POLICY_ON] = {B, POLICY_OFF, POLICY_ON, POLICY_ABNORMAL, B, B, POLICY_ABNORMAL},
	[POLICY_LINGER] = {POLICY_ON, POLICY_OFF, POLICY_LINGER, POLICY_OFF, POLICY_OFF, B,
			   POLICY_OFF},
	[POLICY_ABNORMAL] = {B, POLICY_OFF, POLICY_ON, POLICY_ABNORMAL, B, POLICY_STARTING,
			     POLICY_ABNORMAL},
};

static void every_pair(void)
{
	for (int state = 0; state < POLICY_STATE_COUNT; state++) {
		for (int event = 0; event < POLICY_EVENT_COUNT; event++) {
			int want = without_linger[state][event];

			if (want == B)
				check(is_bug(state, event, 0));
			else
				check_int(machine_step(state, event, 0).state, want);
		}
	}
}

static void linger_changes_releases_only(void)
{
	for (int state = 0; state < POLICY_STATE_COUNT; state++) {
		for (int event = 0; event < POLICY_EVENT_COUNT; event++) {
			struct policy_step a, b;

			if (without_linger[state][event] == B || event == EVENT_RELEASED)
				continue;
			a = machine_step(state, event, 0);
			b = machine_step(state, event, 5);
			check(a.state == b.state && a.actions == b.actions);
		}
	}
	check_int(machine_step(POLICY_ON, EVENT_RELEASED, 5).state, POLICY_LINGER);
	check_int(machine_step(POLICY_STARTING, EVENT_RELEASED, 5).state, POLICY_LINGER);
	check_int(machine_step(POLICY_ABNORMAL, EVENT_RELEASED, 5).state, POLICY_OFF);
	check_int(machine_step(POLICY_LINGER, EVENT_RELEASED, 5).state, POLICY_LINGER);
}

/* A capture begins exactly on the way out of OFF, and ends exactly on the way into it or at its
 * limit. */
static void captures_begin_and_end_where_they_should(void)
{
	for (int state = 0; state < POLICY_STATE_COUNT; state++) {
		for (int event = 0; event < POLICY_EVENT_COUNT; event++) {
			struct policy_step step;
			bool ends;

			if (without_linger[state][event] == B)
				continue;
			step = machine_step(state, event, 0);
			ends = step.state == POLICY_OFF || event == EVENT_LIMIT;
			check_int(!!(step.actions & STEP_CAPTURE_BEGIN), state == POLICY_OFF);
			check_int(!!(step.actions & STEP_CAPTURE_END), ends);
			check_int(!!(step.actions & STEP_RETRY_SET),
				  event == EVENT_FAILED && (int)step.state != state && !ends);
		}
	}
}

static void names(void)
{
	enum policy_state state;

	for (int i = 0; i < POLICY_STATE_COUNT; i++)
		check(!policy_state_parse(policy_state_name(i), &state) && (int)state == i);
	check(policy_state_parse("ON", &state) < 0);
	for (int i = 0; i < POLICY_EVENT_COUNT; i++)
		check(*policy_event_name(i));
}

int main(void)
{
	every_pair();
	linger_changes_releases_only();
	captures_begin_and_end_where_they_should();
	names();
	return 0;
}
