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

#include "policy/machine.h"
#include "policy/settings.h"

struct engine;

enum hold_kind {
	HOLD_ALERT,    /* key = fingerprint */
	HOLD_OPERATOR, /* key = "operator" */
	HOLD_ALWAYS,   /* key = "always" */
};

const char *hold_kind_name(enum hold_kind kind);
int hold_kind_parse(const char *text, enum hold_kind *ret);

/* One reason why a policy is on. */
struct hold {
	char policy[IDENT_SIZE];
	enum hold_kind kind;
	char key[SHA256_HEX_SIZE];
	char endpoint[IDENT_SIZE]; /* the pcap endpoint that made it; "" for operators */
	enum level level;	   /* 0 for operators */
	char note[128];		   /* who or what: alert title, operator's comment */
	wall_t since;
	wall_t until; /* released then; 0 = never */
};

/* Per policy, durable beside the settings. */
struct policy_run {
	char policy[IDENT_SIZE];
	enum policy_state state;
	char capture[IDENT_SIZE]; /* "" when OFF */
	wall_t capture_from;	  /* requested start of the capture's window */
	wall_t capture_began;	  /* when it was decided */
	wall_t linger_until;	  /* 0 unless LINGER */
	wall_t retry_at;	  /* 0 unless ABNORMAL */
	bool veto;		  /* operator's off */
	wall_t veto_until;	  /* 0 = until cleared */
	char reason[160];	  /* why ABNORMAL: first cause, "<code>: text"; else "" */
};

/* An alert that is open, or was: the last known state of its fingerprint. */
struct open_alert {
	char fingerprint[SHA256_HEX_SIZE];
	char alert[IDENT_SIZE]; /* event that opened it */
	bool open;
	enum level level;     /* of the last firing event */
	level_set levels;     /* every level it had since it opened */
	wall_t starts_at;     /* newest start told since it opened; 0 = not told */
	wall_t last_event_at; /* newest stamp of the sender applied; 0 = none. Older are stale
				 (ALR-10) */
	uint64_t count;	      /* firing events since it opened */
};

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
	/* visible effects: after the commit */
	ACTION_START, /* recorder: start .capture on its policy's rings */
	ACTION_STOP,  /* recorder: stop .capture at .capture.until; `reason` */
	ACTION_EDIT,  /* recorder: policy .capture.policy has a new filter or slice */
};

enum alert_outcome {
	OUTCOME_OPENED,
	OUTCOME_REPEATED, /* already open: refreshed */
	OUTCOME_CHANGED,  /* open, level changed */
	OUTCOME_CLOSED,
	OUTCOME_ORPHAN,	   /* recovery without an open alert: audit only */
	OUTCOME_STALE,	   /* older than what was applied: audit only */
	OUTCOME_DUPLICATE, /* same delivery again: acknowledged, acts once */
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
	char reason[160];
};

struct actions {
	struct action *items;
	size_t count;
};

void actions_fini(struct actions *actions);

/* Life cycle and settings. `put` settings are copied; ids must be set. */
struct engine *engine_new(void);
struct engine *engine_free(struct engine *engine);

/* Loading from the store: no actions come of it. Order: settings, then runs, holds, open alerts. */
void engine_load_policy(struct engine *engine, const struct pcap_policy *policy);
void engine_load_endpoint(struct engine *engine, const struct endpoint *endpoint);
void engine_load_source(struct engine *engine, const struct source *source);
void engine_load_run(struct engine *engine, const struct policy_run *run);
void engine_load_hold(struct engine *engine, const struct hold *hold);
void engine_load_open_alert(struct engine *engine, const struct open_alert *alert);
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
const struct hold *engine_hold_at(const struct engine *engine, const char *policy, size_t index);
const struct open_alert *engine_open_alert(const struct engine *engine, const char *fingerprint);

/* One alert arrived. */
void engine_on_alert(struct engine *engine, const struct alert *alert, struct instant now,
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
void engine_on_source_put(struct engine *engine, const struct source *source);
void engine_on_source_delete(struct engine *engine, const char *source);

/* When engine_on_time next has something to do; false = never. */
bool engine_next_time(const struct engine *engine, mono_t *ret);
/* Timers: linger, retry, hold and veto ends. */
void engine_on_time(struct engine *engine, struct instant now, struct actions *actions);
