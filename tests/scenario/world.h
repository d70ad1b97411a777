/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in virtual time, and the store it would have: everything the actions made durable, and
 * nothing else. A restart builds a new engine from that store; after every command the live engine
 * must equal what a restart would find. */
#pragma once

#include "line.h"
#include "policy/engine.h"

#define WORLD_MAX 256 /* of anything */

/* What an action did that somebody outside sees, until an expectation takes it. */
struct effect {
	enum action_kind kind;		    /* ALERT, UNHOLD, PUSH, SUPPRESS, START, STOP, EDIT */
	char subject[SETTING_NAME_MAX + 1]; /* name of the policy or endpoint */
	char policy[IDENT_SIZE];
	char capture[IDENT_SIZE];
	enum alert_outcome outcome;
	enum level level;
	wall_t from, until, trigger;
	bool resume;
	bool over;	 /* SIGNAL */
	uint32_t count;	 /* PUSH */
	const char *why; /* PUSH */
	char reason[160];
};

struct world {
	struct instant now, zero;
	struct engine *engine;
	struct actions actions; /* of the call just made */
	struct effect effects[WORLD_MAX];
	size_t effect_count;

	/* settings, as the store has them */
	struct pcap_policy *policies[WORLD_MAX];
	struct endpoint *endpoints[WORLD_MAX];
	struct source *sources[WORLD_MAX];
	struct alert_policy *alert_policies[WORLD_MAX];
	struct alert_route *routes[WORLD_MAX];
	struct silence *silences[WORLD_MAX];
	size_t policy_count, endpoint_count, source_count;
	size_t alert_policy_count, route_count, silence_count;
	/* names of everything that ever was: an id's last digits are its place here */
	char names[WORLD_MAX][SETTING_NAME_MAX + 1];
	size_t name_count;

	/* what the actions made durable */
	struct policy_run runs[WORLD_MAX];
	struct hold holds[WORLD_MAX];
	struct open_alert alerts[WORLD_MAX];
	struct {
		char *source, *id;
	} deliveries[WORLD_MAX];
	struct push_memory memories[WORLD_MAX];
	struct {
		char fingerprint[SHA256_HEX_SIZE], endpoint[IDENT_SIZE];
	} told[WORLD_MAX];
	struct alert *recoveries[WORLD_MAX]; /* events with outcome "confirming" */
	size_t run_count, hold_count, alert_count, delivery_count;
	size_t memory_count, told_count, recovery_count;

	/* the last push of each endpoint, for "push ENDPOINT dead" */
	struct action_push pushes[WORLD_MAX];
	size_t push_count;
};

void world_init(struct world *world);
void world_fini(struct world *world);

/* Runs the timers until `span` after the beginning, which is the new now. */
void world_advance(struct world *world, const struct line *line, dur_t span);
/* A new engine from the store, `down` later. */
void world_restart(struct world *world, dur_t down);
/* Carries out the actions of the call just made: into the store, or as effects. */
void world_apply(struct world *world, const struct line *line);
/* Fails unless the live engine is what a restart would find, and every state's invariant holds. */
void world_check(const struct world *world, const struct line *line);

/* Settings: made, edited (the pairs of the line are read as JSON by the product's reader), gone. */
void world_put(struct world *world, struct line *line, const char *kind, const char *name);
void world_delete(struct world *world, const struct line *line, const char *kind, const char *name);

/* The courier gives up the last push to an endpoint. */
void world_push_dead(struct world *world, struct line *line, const char *endpoint);

/* Deliveries through the product's parsers. */
void world_alert(struct world *world, struct line *line);
void world_deliver(struct world *world, struct line *line);

/* The live run of a policy by name, or the program ends. */
const struct policy_run *world_run(const struct world *world, const struct line *line,
				   const char *policy);
