/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's durable state: what it loads at start, and what its actions write. Plain data. Times
 * are of the wall clock; 0 = none. */
#pragma once

#include "policy/machine.h"
#include "policy/settings.h"

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
	char endpoint[IDENT_SIZE];	   /* the pcap endpoint that made it; "" for operators */
	char source[SETTING_NAME_MAX + 1]; /* of the alert, whose limit it counts against; "" */
	enum level level;		   /* 0 for operators */
	char note[128];			   /* who or what: alert title, operator's comment */
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
	wall_t span_from;	  /* the span in which captures are counted began; 0 = none did */
	uint32_t span_captures;	  /* captures begun in it */
	char reason[160];	  /* why ABNORMAL: first cause, "<code>: text"; else "" */
};

/* An alert that is open, or was: the last known state of its fingerprint. */
struct open_alert {
	char fingerprint[SHA256_HEX_SIZE];
	char pair[SHA256_HEX_SIZE]; /* of source, alert policy and object: what a push cycle is
				       about */
	char alert[IDENT_SIZE];	    /* event that opened it */
	bool open;
	enum level level;     /* of the last firing event; of the highest open tier */
	level_set levels;     /* every level it had since it opened */
	level_set tiers;      /* tiers that are open; 0 = the sender has none */
	wall_t starts_at;     /* newest start told since it opened */
	wall_t last_event_at; /* newest stamp of the sender applied. Older are stale (ALR-10) */
	wall_t until;	      /* over then without news (PEP-13) */
	wall_t confirms_at;   /* a recovery came, and counts then (APL-06) … */
	char recovery[IDENT_SIZE]; /* … this one */
	uint64_t count;		   /* firing events since it opened */
};

/* What an endpoint was told of a pair (EPC-07 to EPC-13). It outlives the alert by the cycle, so
 * that one that comes and goes within it is one incident. */
struct push_memory {
	char pair[SHA256_HEX_SIZE];
	char endpoint[IDENT_SIZE];
	char push[IDENT_SIZE]; /* the last push of a firing or a notice */
	wall_t pushed_at;      /* … its time; 0 = it failed for good, and holds nothing back */
	wall_t window_at;      /* first push of the frequency window */
	uint32_t sends;	       /* pushes in the incident, or in the window */
	enum level level;      /* most severe pushed in the cycle */
	bool recovered;	       /* told of the end */
};
