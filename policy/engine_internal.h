/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: its live state, and what its files offer each other.
 *
 *   engine.c          life cycle, loading
 *   engine_view.c     names, and what the API looks at
 *   engine_plan.c     what would become of an alert, and what it would do
 *   engine_alert_route.c    who hears of an alert
 *   engine_alert.c    an alert arrives: its plan is carried out; alerts that end by themselves
 *   engine_push.c     what endpoints were told: cycles, frequencies, ends
 *   engine_hold.c     holds: put, renewed, released
 *   engine_run.c      the policy's state: the only place that assigns it
 *   engine_operator.c operators and the recorder: switches, stops, reports
 *   engine_settings.c settings that change while alerts are open
 *   engine_source.c   sources: limits, silence
 *   engine_time.c     timers, restart, steps of the wall clock
 *
 * Durable structs carry wall-clock times; what decides is the monotonic time kept beside each. A
 * step of the wall clock therefore moves no deadline: the durable times are rewritten to say the
 * same moment on the new clock.
 *
 * Cost. An alert looks at its own fingerprint, its pair and the endpoints that hear of it, and at
 * nothing that grows with the number of open alerts: everything is found by hash, whatever is due
 * comes from one heap, and whom an alert concerns is remembered with it until settings change. */
#pragma once

#include "policy/deadline.h"
#include "policy/delivery.h"
#include "policy/engine.h"
#include "policy/index.h"
#include "policy/plan.h"
#include "policy/table.h"

#define HOLD_MAX (24 * DUR_HOUR) /* no hold lasts longer, whatever renews it (PEP-13) */

/* What a deadline is for, and so what it is a member of. */
enum due {
	DUE_HOLD,   /* engine_hold.ends */
	DUE_LINGER, /* engine_policy.… */
	DUE_RETRY,
	DUE_VETO,
	DUE_DURATION,
	DUE_BLOCK,
	DUE_ALERT,   /* engine_alert.ends */
	DUE_CONFIRM, /* engine_alert.confirms */
	DUE_PAIR,    /* engine_pair.ends */
	DUE_SILENT,  /* engine_source.silent */
};

struct engine_policy;

struct engine_hold {
	struct hold hold; /* .key is the key */
	struct engine_policy *policy;
	mono_t since;
	struct deadline ends; /* set if hold.until is known */
};

struct engine_policy {
	struct policy_run run; /* .policy is the key */
	struct pcap_policy *settings;
	struct table holds;
	uint32_t held_levels[LEVEL_INFO + 1]; /* holds by level, 0 = of no alert */
	struct deadline linger, retry, veto;  /* set if the wall time beside is known */
	struct deadline duration;	      /* of the capture */
	struct deadline block;		      /* when what blocks it may change */
	mono_t span_from;		      /* valid if run.span_from is known */
	const char *blocked;		      /* why it is off although held; NULL */
	uint64_t budget;		      /* that the recorder was told of */
	unsigned failures;		      /* in a row, for the retry time */
	bool told;	      /* the recorder was told to run the capture, by this engine */
	bool changed;	      /* run differs from the last ACTION_RUN */
	bool touched;	      /* by what is at hand: must be settled */
	bool fresh;	      /* a hold was added since the policy settled last */
	const char *due;      /* reason of what was due */
	char stop_reason[64]; /* why it lingers; "" after a restart */
};

struct engine_endpoint {
	char id[IDENT_SIZE]; /* the key */
	struct endpoint *settings;
};

/* An endpoint that hears of an alert, with the policy it switches (kind pcap). */
struct target {
	const struct endpoint *endpoint;
	struct engine_policy *policy;
};

/* Whom an alert concerns, as long as no setting changes and the alert asks the same way. */
struct choice {
	struct target *targets;
	size_t count, capacity;
	const struct alert_policy *policy;
	bool by_default;
	uint64_t generation;
	uint64_t names; /* hash of what may change between two events of a fingerprint */
	enum level level;
};

struct engine_memory {
	struct push_memory memory;
	mono_t pushed_at, window_at; /* valid if the wall time is known */
	uint32_t held_back; /* firing alerts since the last push; not durable: told, not decided on
			     */
};

/* An alert policy and an object of a source: what a push cycle is about. Lives while an alert or a
 * memory needs it. */
struct engine_pair {
	char key[SHA256_HEX_SIZE];
	struct engine_memory *memories;
	size_t count;
	uint32_t alerts; /* engine_alerts that belong to it … */
	uint32_t open;	 /* … and are open */
	struct deadline ends;
};

struct engine_alert {
	struct open_alert open_alert; /* .fingerprint is the key */
	struct engine_pair *pair;
	char policy[IDENT_SIZE]; /* alert policy of the last event, "" if none or not heard of yet
				  */
	struct engine_policy **held; /* that it holds */
	size_t held_count;
	char (*told)[IDENT_SIZE]; /* endpoints that know it is open */
	size_t told_count;
	struct choice choice;
	struct alert *recovery; /* that waits to be confirmed */
	struct deadline ends, confirms;
	mono_t applied_at; /* the last event that counted, or the restart */
	bool applied;	   /* by this engine: the two below are that event's */
	enum alert_status status;
	wall_t starts_at;
};

struct engine_source {
	char name[SETTING_NAME_MAX + 1]; /* the key */
	struct source *settings;	 /* NULL: only counted */
	uint32_t holds;
	struct deadline silent;
	bool is_silent;
};

struct engine_alert_policy {
	char key[ALERT_NAME_MAX + 1];
	struct alert_policy *settings;
};

struct engine {
	struct index policies;	     /* struct engine_policy by id */
	struct index endpoints;	     /* struct engine_endpoint by id */
	struct index sources;	     /* struct source by id */
	struct index alert_policies; /* struct alert_policy by id */
	struct index silences;	     /* struct silence by id */
	struct alert_route **routes; /* in order */
	size_t route_count;
	struct table by_key;	/* struct engine_alert_policy */
	struct table by_source; /* struct engine_source */
	struct table alerts;	/* struct engine_alert by fingerprint */
	struct table pairs;	/* struct engine_pair */
	struct deadline_heap due;
	struct delivery_log deliveries;
	uint64_t generation;		/* of settings that choose endpoints */
	bool chooses_by_level;		/* some route looks at the level … */
	bool chooses_by_label;		/* … or at labels: choices are not remembered */
	struct choice choice;		/* for alerts not known */
	struct plan plan;		/* of the alert at hand */
	struct engine_policy **touched; /* by what is at hand */
	size_t touched_count;
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
struct action *actions_add(struct actions *actions, enum action_kind kind);
void engine_set_reason(struct action *action, const char *reason);
/* The alert lives as long as the actions that borrow it. */
void actions_own(struct actions *actions, struct alert *alert);
void engine_free_policy(void *item);
void engine_clear_deadlines(struct engine *engine, struct engine_policy *policy);
void engine_free_endpoint(void *item);
void engine_free_alert(struct engine_alert *alert);
/* Begins a turn: notes the step of the wall clock, if any. */
struct turn engine_turn(struct engine *engine, struct instant now, struct actions *actions);
void engine_signal(struct turn *turn, const char *policy, const char *object, bool over,
		   enum level level, const char *text);
/* What was told of `object` is over, if it was told: it is gone, or has another name. */
void engine_end_signal(struct turn *turn, const char *policy, const char *object, const char *text);

/* engine_view.c */
struct engine_policy *engine_find_policy(const struct engine *engine, const char *id_or_name);

/* engine_plan.c */
void engine_make_plan(const struct engine *engine, const struct engine_alert *known,
		      const struct choice *choice, const struct alert *alert, struct instant now,
		      struct plan *plan);
/* The same for a recovery that was accepted before and closes the alert now. */
void engine_plan_end(const struct engine *engine, const struct engine_alert *known,
		     const struct choice *choice, const struct alert *alert, struct instant now,
		     struct plan *plan);

/* engine_alert_route.c */
/* Whom the alert concerns: `known`'s memory of it, or the engine's scratch. */
const struct choice *engine_choose(struct engine *engine, struct engine_alert *known,
				   const struct alert *alert);
/* The same, anew, into choice. */
void engine_fill_choice(const struct engine *engine, const struct alert *alert,
			struct choice *choice);
void engine_forget_choices(struct engine *engine);
void choice_fini(struct choice *choice);
const struct silence *engine_silence_of(const struct engine *engine, const struct alert *alert,
					wall_t now);

/* engine_push.c */
void engine_judge_push(const struct engine *engine, const struct engine_alert *known,
		       const struct alert *alert, struct instant now, const struct plan *plan,
		       struct plan_push *push);
void engine_tell(struct turn *turn, struct engine_alert *known, const struct alert *alert,
		 const struct plan_push *push);
bool engine_is_told(const struct engine_alert *known, const char *endpoint);
void engine_untell_all(struct turn *turn, struct engine_alert *known);
void engine_pair_format(const struct alert *alert, char ret[SHA256_HEX_SIZE]);
/* The pair of that key, made if there is none. */
struct engine_pair *engine_get_pair(struct engine *engine, const char *key);
/* Something of the pair has ended: forgets what need not be remembered, now or later. */
void engine_review_pair(struct turn *turn, struct engine_pair *pair);
struct engine_memory *engine_find_memory(const struct engine_pair *pair, const char *endpoint);

/* engine_hold.c. None of these settles the policy: call engine_settle after the last change. */
struct hold_wish {
	enum hold_kind kind;
	const char *key;
	const char *endpoint;
	const char *source; /* "" = counts against none */
	enum level level;
	const char *note;
	dur_t span; /* 0 = the policy's max_on */
};
void engine_put_hold(struct turn *turn, struct engine_policy *policy, const struct hold_wish *wish);
/* Releases one, if it is there. */
void engine_release(struct turn *turn, struct engine_policy *policy, const char *key,
		    const char *reason);
/* Releases those of a kind; true if there was any. */
bool engine_release_kind(struct turn *turn, struct engine_policy *policy, enum hold_kind kind,
			 const char *reason);
void engine_release_all(struct turn *turn, struct engine_policy *policy, const char *reason);
void engine_free_holds(struct engine_policy *policy);
void engine_set_level(struct engine_policy *policy, struct engine_hold *hold, enum level level);
/* A hold came from the store. */
void engine_link_hold(struct engine *engine, struct engine_hold *hold);

/* engine_run.c */
const char *engine_obstacle(const struct engine_policy *policy, struct instant now);
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
/* The deadline of a capture that may last only so long; what happens then. */
void engine_set_duration(struct turn *turn, struct engine_policy *policy);
void engine_on_duration(struct turn *turn, struct engine_policy *policy);

/* engine_settings.c */
/* The hold of a policy that always records, as its settings say. */
void engine_hold_always(struct turn *turn, struct engine_policy *policy);

/* engine_alert.c */
/* Its source's hold time is over. */
void engine_on_alert_ends(struct turn *turn, struct engine_alert *known);
/* Its recovery has lasted. */
void engine_on_confirmed(struct turn *turn, struct engine_alert *known);

/* engine_source.c */
struct engine_source *engine_find_source(const struct engine *engine, const char *name);
/* Why the source may not hold the policy; NULL = it may. */
const char *engine_source_refuses(const struct engine *engine, const struct alert *alert,
				  const struct pcap_policy *policy);
void engine_count_hold(struct engine *engine, const char *source, int change);
void engine_on_silent(struct turn *turn, struct engine_source *source);
void engine_restore_sources(struct turn *turn);
void engine_listen(struct turn *turn, struct engine_source *source);

/* engine_time.c */
void engine_check_clock(struct turn *turn);
