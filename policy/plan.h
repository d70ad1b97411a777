/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert would do, decided in full before anything is changed: the engine carries out the
 * same plan that a dry run shows. Everything is borrowed from the engine and the alert, valid until
 * either changes. */
#pragma once

#include "policy/engine.h"

struct plan_push {
	const struct endpoint *endpoint;
	const char *suppress; /* NULL = it is pushed; level, cycle, frequency, silence, disabled,
				 policy_disabled, not_told, tier */
	const char *why;      /* of a push: see action_push */
	uint32_t sends;	      /* pushes of the incident, this one included */
	uint32_t held_back;   /* firing alerts of the pair since the last push */
	bool in_cycle;
	bool new_window; /* the frequency window begins with it */
};

enum switch_kind {
	SWITCH_HOLD,
	SWITCH_RELEASE,
	SWITCH_LITERAL, /* releases what all alerts hold */
	SWITCH_REFUSE,	/* would hold, but `reason` */
};

const char *switch_kind_name(enum switch_kind kind);

struct engine_policy;
struct plan_switch {
	const struct endpoint *endpoint; /* NULL: it is gone, its hold is released */
	struct engine_policy *live;	 /* the engine's */
	const struct pcap_policy *policy;
	enum switch_kind kind;
	const char *reason; /* of REFUSE: silence, policy_disabled, source_policy, source_holds */
};

struct plan {
	enum alert_outcome outcome;
	bool acts;			   /* false: the event is stored, and that is all */
	const struct alert_policy *policy; /* the alert's, if there is one; it may be off */
	bool by_default;		   /* the default endpoints are asked */
	const struct silence *silence;	   /* an active one that matches */
	struct plan_push *pushes;
	size_t push_count;
	struct plan_switch *switches;
	size_t switch_count;
	/* capacities; the arrays are kept from one alert to the next */
	size_t push_capacity, switch_capacity;
};

void plan_fini(struct plan *plan);

/* Fills plan (zeroed, or used before) for this alert at this moment; changes nothing else. */
void engine_plan(const struct engine *engine, const struct alert *alert, struct instant now,
		 struct plan *plan);
/* Route `index` of those that match the alert and lie on its way; NULL = no more. */
const struct alert_route *engine_plan_route(const struct engine *engine, const struct alert *alert,
					    size_t index);
/* Start of the window that a capture begun now for this alert would ask for. */
wall_t engine_plan_from(const struct engine *engine, const struct alert *alert, const char *policy,
			struct instant now);
/* Would the policy capture if it were held? NULL = yes, else: veto, disabled, schedule,
 * budget_captures. */
const char *engine_plan_obstacle(const struct engine *engine, const char *policy,
				 struct instant now);
