/* SPDX-License-Identifier: Apache-2.0 */
/* The one alert model (REQUIREMENTS 11.1) that every source's bytes become. Pure.
 *
 * An alert_list owns its alerts and all their texts. Texts are valid UTF-8, bounded by ALERT_*_MAX,
 * never NULL ("" when the source says nothing). */
#pragma once

#include <jansson.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ident.h"
#include "policy/alert_hints.h"
#include "policy/level.h"

#define ALERT_NAME_MAX 256
#define ALERT_TEXT_MAX 4096
#define ALERTS_MAX     1000 /* in one delivery */

enum alert_status {
	ALERT_FIRING,
	ALERT_RECOVERED,
	ALERT_NOTICE, /* opens and closes nothing (level info) */
	ALERT_TEST,   /* delivered to nothing, enables nothing */
};

const char *alert_status_name(enum alert_status status);
int alert_status_parse(const char *text, enum alert_status *ret);

struct alert {
	char id[IDENT_SIZE]; /* ours, a UUIDv7 */
	char *source;	     /* configured name */
	char *source_kind;   /* "alertmanager", … */
	enum alert_status status;
	enum level level;
	enum level tier;    /* of senders whose rules fire at several levels at once: which one this
			       event opens or ends; 0 = not told */
	char *source_level; /* the sender's own word */
	char *policy_id;    /* identity; else "name:" + name (ALR-05) */
	char *policy_name;
	char *policy_type;
	char *policy_level; /* "low", "medium", "high" (ALR-04), or "" */
	char *object_id;
	char *object_name;
	char *object_kind;
	char *rule;
	char *metric;
	char *value; /* as sent; alert_format shows it as a number too where it is one */
	char *unit;
	char *operator;
	char *threshold;
	char *condition; /* the trigger in the sender's words */
	char *title;
	char *text;
	char *suggestion; /* what to do about it (EMQ-08) */
	char *link;
	char *region;
	char *team;
	char *user;
	char *repeat_type;   /* how the sender repeats it */
	char *repeat_period; /* as sent */
	char *delivery_id;   /* the sender's id of this delivery, "" if none: second deliveries act
				once */
	wall_t starts_at;    /* 0 = not told */
	wall_t ends_at;
	wall_t event_at; /* for ordering: the sender's stamp of this event, else received_at */
	wall_t received_at;
	dur_t delay; /* how long before starts_at it really began (hint of the sender), 0 = not told
		      */
	dur_t duration;		  /* told by the sender, 0 = not */
	struct alert_hints hints; /* what it is about, strictly parsed by the source's parser */
	json_t *labels;		  /* object of texts */
	json_t *annotations;
	char fingerprint[SHA256_HEX_SIZE];
};

struct alert_list {
	struct alert *alerts;
	size_t count;
	size_t ignored; /* what was delivered beside them and is no alert */
};

void alert_list_init(struct alert_list *list);
void alert_list_fini(struct alert_list *list);
/* Appends an alert with every text "" and both objects empty; borrowed until the next add. */
struct alert *alert_list_add(struct alert_list *list);

/* Frees alert `index`; later ones move down. */
void alert_list_remove(struct alert_list *list, size_t index);

/* A deep copy, heap-allocated; alert_free accepts NULL, returns NULL. */
struct alert *alert_copy(const struct alert *alert);
struct alert *alert_free(struct alert *alert);

/* SHA-256 over the netstrings "afp1", source, policy, object, rule (REQUIREMENTS 9.9). */
void alert_fingerprint(const char *source, const char *policy, const char *object, const char *rule,
		       char ret[SHA256_HEX_SIZE]);

/* The alert as the API and the default push show it: a new reference. */
json_t *alert_format(const struct alert *alert);
/* Fills an alert as alert_list_add gives it from what alert_format wrote; hints are left out. What
 * is missing stays as it is. */
void alert_parse(const json_t *object, struct alert *alert);
