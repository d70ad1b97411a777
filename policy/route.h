/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of an alert: alert policies, routes, silences. Plain data, with one validating reader
 * each, and what they say about one alert. Pure.
 *
 * An alert goes to
 *   1. the endpoints of its alert policy, if it has one (APL-01);
 *   2. the endpoints of each route that matches, in order of position, up to the first that matches
 *      and does not `go on` (APL-09);
 *   3. the endpoints marked as default, if neither an alert policy named endpoints nor a route
 *      ended the way (APL-07).
 * An endpoint's own lists (sources, alert_policies) narrow what it takes, whoever sends it there.
 * A silence keeps matching alerts from being pushed and, only if asked, from switching captures. */
#pragma once

#include "policy/schedule.h"
#include "policy/settings.h"

#define ALERT_POLICY_NAME_MAX 128
#define ROUTE_LIST_MAX	      16
#define ROUTE_POSITION_MAX    1000000

/* Every list that is not empty must have something that fits. */
struct matcher {
	char *sources[ROUTE_LIST_MAX + 1];  /* NULL-terminated names */
	char *policies[ROUTE_LIST_MAX + 1]; /* ids or names, * as wildcard */
	char *objects[ROUTE_LIST_MAX + 1];  /* the same */
	level_set levels;		    /* 0 = all */
	json_t *labels; /* object: label → text with *; never changed in place; all must fit */
};

/* How all three begin, so that what is common is done once. */
struct setting_head {
	char id[IDENT_SIZE];
	int64_t version;
	char *name;
	wall_t created_at, updated_at;
};

/* The sender's rule as an object of ours (APL). It stands for alerts whose policy id is
 * sender_id or, if that is "", whose policy name or id is its name. */
struct alert_policy {
	char id[IDENT_SIZE];
	int64_t version;
	char *name; /* 1–128 bytes, unique */
	wall_t created_at, updated_at;
	char *sender_id;
	char *team;
	char *tags[ROUTE_LIST_MAX + 1];
	int level;			     /* 0 low, 1 medium, 2 high */
	bool enabled;			     /* off: its alerts are stored and do nothing */
	char *sources[ROUTE_LIST_MAX + 1];   /* only alerts of these; none = all */
	char *endpoints[ROUTE_LIST_MAX + 1]; /* ids */
};

struct alert_route {
	char id[IDENT_SIZE];
	int64_t version;
	char *name; /* unique */
	wall_t created_at, updated_at;
	bool enabled;
	int64_t position; /* smaller is earlier; equal ones by age */
	bool goes_on;	  /* later routes and the default ones are asked too; default yes */
	struct matcher match;
	char *endpoints[ROUTE_LIST_MAX + 1]; /* ids; none: what matches goes nowhere */
};

struct silence {
	char id[IDENT_SIZE];
	int64_t version;
	char *name; /* unique */
	wall_t created_at, updated_at;
	char *comment;
	bool enabled;
	bool captures; /* mutes the switching on of captures too */
	struct matcher match;
	wall_t starts_at, ends_at; /* 0 = at once, 0 = until it is removed */
	struct schedule schedule;  /* and within these windows only */
};

/* As in settings.h. */
void alert_policy_default(struct alert_policy *policy);
int alert_policy_read(struct alert_policy *policy, const json_t *object, struct error *err);
json_t *alert_policy_format(const struct alert_policy *policy);
struct alert_policy *alert_policy_copy(const struct alert_policy *policy);
void alert_policy_fini(struct alert_policy *policy);

void alert_route_default(struct alert_route *route);
int alert_route_read(struct alert_route *route, const json_t *object, struct error *err);
json_t *alert_route_format(const struct alert_route *route);
struct alert_route *alert_route_copy(const struct alert_route *route);
void alert_route_fini(struct alert_route *route);

void silence_default(struct silence *silence);
int silence_read(struct silence *silence, const json_t *object, struct error *err);
json_t *silence_format(const struct silence *silence);
struct silence *silence_copy(const struct silence *silence);
void silence_fini(struct silence *silence);

/* What the alert policy is found by: sender_id, or the name. */
const char *alert_policy_key(const struct alert_policy *policy);
bool alert_policy_takes(const struct alert_policy *policy, const struct alert *alert);
bool matcher_fits(const struct matcher *matcher, const struct alert *alert);
bool silence_is_active(const struct silence *silence, wall_t now);
bool endpoint_takes(const struct endpoint *endpoint, const struct alert *alert);
