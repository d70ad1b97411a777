/* SPDX-License-Identifier: Apache-2.0 */
/* alert + state + now → state' + actions. The decisions of the whole product, without a socket, a
 * database, a clock or a log, so that a week of alerts replays in a test in milliseconds.
 *
 * The engine holds the live state: policies, endpoints, sources (settings), open alerts, holds.
 * Each engine_on_* call changes it and appends actions. Control writes the actions to the store in
 * one transaction and only then carries out those that are visible ("commit, then act"). If the
 * transaction fails, control throws the engine away and loads a new one from the store.
 *
 * Every decision not to act is an action too (ACTION_SUPPRESS), with a named reason. */
#pragma once

#include "policy/engine_state.h"
#include "policy/route.h"

struct engine;

/* The source name of what the appliance tells of itself: no sender can have it. Such alerts go the
 * way of all others, but switch captures only through endpoints that name this source. */
#define ENGINE_SELF "ringbell"

enum action_kind {
	/* durable facts: written in the transaction */
	ACTION_ALERT,	   /* store this event; `outcome` says what became of it */
	ACTION_OPEN_ALERT, /* upsert .open_alert */
	ACTION_HOLD,	   /* upsert .hold */
	ACTION_UNHOLD,	   /* delete .hold (policy, kind, key); `reason` says why */
	ACTION_RUN,	   /* upsert .run; `reason` = "<old> -> <new> (<event>)" */
	ACTION_CAPTURE,	   /* new capture row: .capture */
	ACTION_PUSH,	   /* outbox row: .push */
	ACTION_SUPPRESS,   /* recorded with the event: .push without delivery, `reason` */
	ACTION_REFUSE,	   /* recorded with the event: .hold was not made, `reason` */
	ACTION_MEMORY,	   /* upsert .memory */
	ACTION_FORGET,	   /* delete all memories of .memory.pair */
	ACTION_TOLD,	   /* .push.endpoint knows that .push.fingerprint is open */
	ACTION_UNTOLD,	   /* … no more; all endpoints if .push.endpoint is "" */
	/* visible effects: after the commit */
	ACTION_START,  /* recorder: start .capture on its policy's rings */
	ACTION_STOP,   /* recorder: stop .capture at .capture.until; `reason` */
	ACTION_EDIT,   /* recorder: policy .capture.policy has a new filter, slice or limit */
	ACTION_SIGNAL, /* the appliance has something to tell of itself: .signal becomes an alert */
};

enum alert_outcome {
	OUTCOME_OPENED,
	OUTCOME_REPEATED, /* already open: refreshed */
	OUTCOME_CHANGED,  /* open, level changed */
	OUTCOME_CLOSED,
	OUTCOME_CONFIRMING, /* a recovery that counts when it has lasted (source.confirm) */
	OUTCOME_TIER,	    /* recovery of one tier: the alert is open at a lower level */
	OUTCOME_ORPHAN,	    /* recovery without an open alert: audit only */
	OUTCOME_STALE,	    /* older than what was applied: audit only */
	OUTCOME_DUPLICATE,  /* same delivery again: acknowledged, acts once */
	OUTCOME_NOTICE,
	OUTCOME_TEST,
};

const char *alert_outcome_name(enum alert_outcome outcome);

struct action_capture {
	char id[IDENT_SIZE];
	char policy[IDENT_SIZE];
	char alert[IDENT_SIZE]; /* the event that began it; "" for operators */
	wall_t from;		/* requested window */
	wall_t until;		/* ACTION_STOP only */
	wall_t trigger;		/* when it was decided */
	bool resume;		/* ACTION_START of a capture that ran before */
};

struct action_push {
	char id[IDENT_SIZE];
	char endpoint[IDENT_SIZE];
	char fingerprint[SHA256_HEX_SIZE];
	const char *why; /* first, level_raised, cycle_elapsed, recovered, notice */
	uint32_t count;	 /* alerts it stands for: itself and those held back since the last */
};

/* What the appliance tells of itself (OPS-05). */
struct engine_signal {
	const char *policy; /* the alert policy: policy_abnormal, source_silent */
	char object[SETTING_NAME_MAX + 1];
	bool over;
	enum level level;
};

/* One struct for all kinds keeps the list an array; only the members its kind names are set. */
struct action {
	enum action_kind kind;
	const struct alert *alert; /* ALERT, PUSH, SUPPRESS: borrowed from the caller's list */
	enum alert_outcome outcome;
	struct open_alert open_alert;
	struct hold hold;
	struct policy_run run;
	struct action_capture capture;
	struct action_push push;
	struct push_memory memory;
	struct engine_signal signal;
	char reason[160];
};

struct actions {
	struct action *items;
	size_t count;
	struct alert **owned; /* that items borrow */
	size_t owned_count;
};

void actions_fini(struct actions *actions);

/* Life cycle and settings. `put` settings are copied; ids must be set. */
struct engine *engine_new(void);
struct engine *engine_free(struct engine *engine);

/* Loading from the store: no actions come of it. Order: settings, runs, holds, open alerts, the
 * rest. */
void engine_load_policy(struct engine *engine, const struct pcap_policy *policy);
void engine_load_endpoint(struct engine *engine, const struct endpoint *endpoint);
void engine_load_source(struct engine *engine, const struct source *source);
void engine_load_alert_policy(struct engine *engine, const struct alert_policy *policy);
void engine_load_alert_route(struct engine *engine, const struct alert_route *route);
void engine_load_silence(struct engine *engine, const struct silence *silence);
void engine_load_run(struct engine *engine, const struct policy_run *run);
void engine_load_hold(struct engine *engine, const struct hold *hold);
void engine_load_open_alert(struct engine *engine, const struct open_alert *alert);
void engine_load_memory(struct engine *engine, const struct push_memory *memory);
void engine_load_told(struct engine *engine, const char *fingerprint, const char *endpoint);
/* The event that .recovery of an open alert names. */
void engine_load_recovery(struct engine *engine, const struct alert *alert);
/* A delivery id seen before the restart (source + delivery id), for duplicates. */
void engine_load_delivery(struct engine *engine, const char *source, const char *delivery_id);
/* After loading: holds whose time passed are released, captures that should run are ACTION_STARTed
 * with resume, those that should not are stopped. */
void engine_restore(struct engine *engine, struct instant now, struct actions *actions);

/* Borrowed views for the API; NULL if unknown. Iterate with index 0, 1, … until NULL. */
const struct pcap_policy *engine_policy(const struct engine *engine, const char *id_or_name);
const struct pcap_policy *engine_policy_at(const struct engine *engine, size_t index);
const struct policy_run *engine_run(const struct engine *engine, const char *policy);
const struct endpoint *engine_endpoint(const struct engine *engine, const char *id_or_name);
const struct endpoint *engine_endpoint_at(const struct engine *engine, size_t index);
const struct source *engine_source(const struct engine *engine, const char *id_or_name);
const struct source *engine_source_at(const struct engine *engine, size_t index);
const struct alert_policy *engine_alert_policy(const struct engine *engine, const char *id_or_name);
/* How many alerts of the policy are open. */
size_t engine_count_open(const struct engine *engine, const struct alert_policy *policy);
const struct alert_policy *engine_alert_policy_at(const struct engine *engine, size_t index);
const struct alert_route *engine_alert_route(const struct engine *engine, const char *id_or_name);
const struct alert_route *engine_alert_route_at(const struct engine *engine,
						size_t index); /* in order */
const struct silence *engine_silence(const struct engine *engine, const char *id_or_name);
const struct silence *engine_silence_at(const struct engine *engine, size_t index);
/* Why the policy is off although it is held and no operator vetoed it; "" = it is not so. */
const char *engine_blocked(const struct engine *engine, const char *policy);
/* Bytes that a capture of the policy may have now, by the levels that hold it; 0 = no limit. */
uint64_t engine_budget(const struct engine *engine, const char *policy);
const struct hold *engine_hold_at(const struct engine *engine, const char *policy, size_t index);
const struct open_alert *engine_open_alert(const struct engine *engine, const char *fingerprint);

/* A source delivered something, perhaps nothing of interest: it is not silent. */
void engine_on_heard(struct engine *engine, const char *source, struct instant now,
		     struct actions *actions);
/* One alert arrived. */
void engine_on_alert(struct engine *engine, const struct alert *alert, struct instant now,
		     struct actions *actions);

/* A push of ACTION_PUSH was given up: it does not count (EPC-10). Who is told instead (`fallback`,
 * "" = nobody) is told of the end as well. */
struct dead_push {
	const char *push, *endpoint, *fingerprint, *fallback; /* ids */
};
void engine_on_push_dead(struct engine *engine, const struct dead_push *dead, struct instant now,
			 struct actions *actions);

/* An operator's switch: on = a hold (for at most `span`, 0 = the policy's max_on), off = a veto
 * (for `span`, 0 = until cleared), automatic = neither any more. */
enum operator_switch {
	OPERATOR_ON,
	OPERATOR_OFF,
	OPERATOR_AUTOMATIC,
};
void engine_on_switch(struct engine *engine, const char *policy, enum operator_switch what,
		      dur_t span, dur_t lookback, const char *note, struct instant now,
		      struct actions *actions);

/* An operator ends one capture: all holds of its policy are released. */
void engine_on_capture_stop(struct engine *engine, const char *capture, struct instant now,
			    struct actions *actions);

/* The recorder reported. `reason` = "<code>: text". */
void engine_on_capture_started(struct engine *engine, const char *capture, struct instant now,
			       struct actions *actions);
void engine_on_capture_failed(struct engine *engine, const char *capture, const char *reason,
			      struct instant now, struct actions *actions);
/* The capture's own limit (budget) ended it. */
void engine_on_capture_limit(struct engine *engine, const char *capture, struct instant now,
			     struct actions *actions);

/* Settings were changed by an operator (already validated). Deleting a policy that captures stops
 * its capture with the reason "policy_deleted"; its holds go. */
void engine_on_policy_put(struct engine *engine, const struct pcap_policy *policy,
			  struct instant now, struct actions *actions);
void engine_on_policy_delete(struct engine *engine, const char *policy, struct instant now,
			     struct actions *actions);
void engine_on_endpoint_put(struct engine *engine, const struct endpoint *endpoint,
			    struct instant now, struct actions *actions);
void engine_on_endpoint_delete(struct engine *engine, const char *endpoint, struct instant now,
			       struct actions *actions);
void engine_on_source_put(struct engine *engine, const struct source *source, struct instant now,
			  struct actions *actions);
void engine_on_source_delete(struct engine *engine, const char *source, struct instant now,
			     struct actions *actions);
/* These apply to the next event; id of a delete may be unknown. */
void engine_on_alert_policy_put(struct engine *engine, const struct alert_policy *policy);
void engine_on_alert_policy_delete(struct engine *engine, const char *policy);
void engine_on_alert_route_put(struct engine *engine, const struct alert_route *route);
void engine_on_alert_route_delete(struct engine *engine, const char *route);
void engine_on_silence_put(struct engine *engine, const struct silence *silence);
void engine_on_silence_delete(struct engine *engine, const char *silence);

/* When engine_on_time next has something to do; false = never. */
bool engine_next_time(const struct engine *engine, mono_t *ret);
/* Whatever is due: ends of holds, vetoes, lingers, alerts, captures; retries; timetables. */
void engine_on_time(struct engine *engine, struct instant now, struct actions *actions);
