/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: its live state, and what its files offer each other.
 *
 *   engine.c          life cycle, loading, views, names
 *   engine_alert.c    what becomes of an alert: outcome, open alerts, which endpoints hear of it
 *   engine_hold.c     holds: put, renewed, released
 *   engine_run.c      the policy's state: the only place that assigns it
 *   engine_operator.c operators and the recorder: switches, stops, reports
 *   engine_settings.c settings that change while alerts are open
 *   engine_time.c     timers, restart, steps of the wall clock
 *
 * Durable structs (hold, policy_run) carry wall-clock times; what decides is the monotonic time
 * kept beside each. A step of the wall clock therefore moves no deadline: the durable times are
 * rewritten to say the same moment on the new clock. */
#pragma once

#include "policy/delivery.h"
#include "policy/engine.h"
#include "policy/index.h"

#define HOLD_MAX (24 * DUR_HOUR) /* no hold lasts longer, whatever renews it (PEP-13) */

struct engine_hold {
	struct hold hold; /* .key is the key */
	mono_t since;
	mono_t until; /* valid if hold.until is known */
};

struct engine_policy {
	struct policy_run run; /* .policy is the key */
	struct pcap_policy *settings;
	struct index holds;
	mono_t linger_until, retry_at, veto_until; /* valid if the wall time beside is known */
	mono_t holds_due;     /* no hold ends before it; valid if any has an end */
	bool holds_end;	      /* some hold may have an end */
	unsigned failures;    /* in a row, for the retry time */
	bool told;	      /* the recorder was told to run the capture, by this engine */
	bool changed;	      /* run differs from the last ACTION_RUN */
	bool touched;	      /* by the alert at hand */
	bool fresh;	      /* a hold was added since the policy settled last */
	char stop_reason[64]; /* why it lingers; "" after a restart */
};

struct engine_alert {
	struct open_alert open_alert; /* .fingerprint is the key */
	mono_t applied_at;	      /* the last event that counted, or the restart */
	bool applied;		      /* by this engine: the two below are that event's */
	enum alert_status status;
	wall_t starts_at;
};

struct engine {
	struct index policies;	/* struct engine_policy by id */
	struct index endpoints; /* struct endpoint by id */
	struct index sources;	/* struct source by id */
	struct index alerts;	/* struct engine_alert by fingerprint */
	struct delivery_log deliveries;
	dur_t clock_offset; /* wall - mono, as the durable times assume it */
	bool clock_known;
};

/* One call into the engine. */
struct turn {
	struct engine *engine;
	struct instant now;
	struct actions *actions;
};

/* Why "wanted" changes, and what a capture that begins for it is about. */
struct cause {
	const char *reason;
	const char *alert; /* id of the event, NULL if it was none */
	wall_t from;	   /* look-back of a capture that begins; 0 = now */
	wall_t trigger;	   /* 0 = now */
	bool at_once;	   /* do not linger */
};

/* engine.c */
struct engine_policy *engine_find_policy(const struct engine *engine, const char *id_or_name);
struct action *actions_add(struct actions *actions, enum action_kind kind);
void engine_set_reason(struct action *action, const char *reason);
void engine_free_policy(void *item);
/* Begins a turn: notes the step of the wall clock, if any. */
struct turn engine_turn(struct engine *engine, struct instant now, struct actions *actions);

/* engine_hold.c. None of these settles the policy: call engine_settle after the last change. */
struct hold_wish {
	enum hold_kind kind;
	const char *key;
	const char *endpoint;
	enum level level;
	const char *note;
	dur_t span; /* 0 = the policy's max_on */
};
void engine_put_hold(struct turn *turn, struct engine_policy *policy, const struct hold_wish *wish);
/* Releases one, if it is there. */
void engine_release(struct turn *turn, struct engine_policy *policy, const char *key,
		    const char *reason);
/* Releases those of a kind whose key is not `except` (may be NULL); true if there was any. */
bool engine_release_kind(struct turn *turn, struct engine_policy *policy, enum hold_kind kind,
			 const char *except, const char *reason);
void engine_release_all(struct turn *turn, struct engine_policy *policy, const char *reason);
/* Releases those whose time is over; true if there was any. Makes holds_due exact. */
bool engine_release_due(struct turn *turn, struct engine_policy *policy);
void engine_free_holds(struct engine_policy *policy);

/* engine_run.c */
bool engine_wanted(const struct engine_policy *policy);
/* Makes the state follow "wanted", and writes the run if it changed. */
void engine_settle(struct turn *turn, struct engine_policy *policy, const struct cause *cause);
void engine_step(struct turn *turn, struct engine_policy *policy, enum policy_event event,
		 const struct cause *cause);
/* Writes a run that changed without a step: "<state>: <what>". */
void engine_save_run(struct turn *turn, struct engine_policy *policy, const char *what);
/* ACTION_START of the capture that the run has already. */
void engine_resume(struct turn *turn, struct engine_policy *policy);
/* The capture ends, nothing follows; the state is the caller's to step on. */
void engine_end_capture(struct turn *turn, struct engine_policy *policy, const char *reason,
			wall_t until);

/* engine_time.c */
void engine_check_clock(struct turn *turn);
