/* SPDX-License-Identifier: Apache-2.0 */
/* Between intake.c and the parsers of the source kinds. A kind is a const struct: most of it is
 * data (struct intake_map), what data cannot say is its parse function. */
#pragma once

#include <stdbool.h>

#include "policy/intake.h"

#define INTAKE_LABELS_MAX  256
#define INTAKE_POINTER_MAX 96

#define INTAKE_SKIP                                                                                \
	1 /* a parser's outcome: the element is no alert (a flow record, a paused rule) */

/* One element of a delivery on its way to an alert. */
struct intake_element {
	const struct intake *intake;
	const json_t *body; /* the whole delivery; for a list of bodies or lines, the object */
	const json_t *object;
	char pointer[INTAKE_POINTER_MAX]; /* JSON pointer to object, "" = the whole body */
};

typedef int (*intake_parser)(const struct intake_element *element, struct alert *alert,
			     struct error *err);

/* ---- kinds ---- */

/* A text of the alert from the sender's object. */
struct intake_field {
	size_t field;	   /* offsetof in struct alert */
	const char *value; /* expression (policy/value.h); NULL ends a list */
};

/* A value that is what `kind` says, or nothing: anything else is passed over. */
struct intake_hint {
	enum alert_hint kind;
	const char *value; /* expression; NULL ends a list */
};

#define INTAKE_HINTS_MAX 16

#define INTAKE_FIELD(name, expression)                                                             \
	{                                                                                          \
		offsetof(struct alert, name), expression                                           \
	}
#define INTAKE_FIELDS_MAX 40

/* Expressions read the element's object. NULL = the sender tells no such thing. Lists of words are
 * separated by commas and read in any case. */
struct intake_map {
	const char *wants; /* an object that gives nothing here is none of this kind's */
	struct intake_field fields[INTAKE_FIELDS_MAX];
	const char *level;
	const char *levels[LEVEL_INFO + 1]; /* the kind's own words per level */
	const char *status;
	const char *firing; /* words; NULL = every word that is in no other list */
	const char *recovered;
	const char *test;
	const char *ignored;
	const char *starts_at, *ends_at, *event_at;
	/* pointers, separated by '|', to objects, "k=v" lists and texts: all of them are taken */
	const char *labels, *annotations;
	struct intake_hint hints[INTAKE_HINTS_MAX];
};

struct intake_kind {
	const char *name;
	const struct intake_map *map;		/* NULL: parse does it all */
	intake_parser parse;			/* after the map; NULL: the map does it all */
	void (*merge)(struct alert_list *list); /* after all elements; may be NULL */
	const char *list;	  /* JSON pointer to the list of alerts; NULL = none */
	bool single;		  /* a bare alert object is a delivery too */
	bool lines;		  /* one JSON text per line is a delivery too */
	const char *needle;	  /* a line without it is no alert; NULL = look closely */
	bool strict;		  /* our own format: unknown keys and bad UTF-8 are refused */
	bool quarantine;	  /* senders must not be told that a delivery was no good */
	enum level default_level; /* 0 = warning */
	dur_t hold;		  /* 0: recoveries end its alerts */
	int zone_minutes;
};

/* Each in its own policy/intake_<kind>.c */
extern const struct intake_kind intake_native_kind, intake_alertmanager_kind, intake_aws_sns_kind,
	intake_datadog_kind, intake_generic_kind, intake_deepflow_kind, intake_emqx_kind,
	intake_emqx_broker_kind, intake_falco_kind, intake_grafana_kind, intake_grafana_legacy_kind,
	intake_kibana_kind, intake_nightingale_kind, intake_pagerduty_events_kind,
	intake_pagerduty_v3_kind, intake_rancher_kind, intake_splunk_kind, intake_suricata_kind,
	intake_tencent_kind, intake_wazuh_kind, intake_zabbix_kind, intake_zeek_kind;

/* Reads what the map says; then the level and status are known. 0, INTAKE_SKIP or -EINVAL. */
int intake_map_read(const struct intake_map *map, const struct intake_element *element,
		    struct alert *alert, struct error *err);

/* Fills the text at offset `field` of the alert, an identity as such, others cut. */
void intake_map_set(struct alert *alert, size_t field, const char *text);

/* The level the sender's word means: the source's own words, the kind's, the usual ones, else the
 * source's default, flagged in the annotation "ringbell_level". */
enum level intake_map_level(const struct intake_map *map, const struct intake_element *element,
			    struct alert *alert, const char *word);

/* Makes status and level fit: firing with level recovery is recovered, with info a notice. */
void intake_map_settle(struct alert *alert);

/* Alertmanager's shape, which Grafana and Rancher share: labels, annotations, status, times, texts,
 * and Alertmanager's identity. */
int intake_alertmanager_parse(const struct intake_element *element, struct alert *alert,
			      struct error *err);
/* Alerts that differ only in severity become one (see the .c file). */
void intake_alertmanager_merge(struct alert_list *list);

/* ---- helpers ---- */

/* Replaces *field by value, cut at max bytes. */
void intake_set(char **field, const char *value, size_t max);
/* Replaces *field by an owned text. */
void intake_put(char **field, char *text);
/* Replaces *field by an identity: one longer than ALERT_NAME_MAX becomes "sha256:<hash of it>",
 * because a cut one would be another one. */
void intake_set_identity(char **field, const char *value);

/* Reads the object of texts (numbers and booleans become text) at key into *ret, which stays as it
 * was if the key is absent. */
int intake_read_labels(const struct intake_element *element, const char *key, json_t *ret,
		       struct error *err);
/* Adds to ret what can be read as names and values: an object (nested ones with a dot), a list of
 * "k=v" or "k:v" texts or of {key|name|tag, value} objects, a text of such separated by commas or
 * '|'. What is no such thing, or beyond INTAKE_LABELS_MAX, is left out. */
void intake_add_labels(const json_t *value, json_t *ret);

/* Reads an optional text, cut at ALERT_TEXT_MAX. 0, JSON_ABSENT or -EINVAL. */
int intake_read_text(const struct intake_element *element, const char *key, char **ret,
		     struct error *err);

/* "low", "medium", "high" from the word or DeepFlow's 0, 1, 2 (ALR-04); NULL if it is neither. */
const char *intake_policy_level(const char *word);

/* A label's text; "" if there is none. */
const char *intake_label(const struct alert *alert, const char *key);
void intake_set_label(json_t *labels, const char *key, const char *value);

/* A hint from a sender's text. An address may have something behind it: "10.0.0.1:9100",
 * "[::1]:9100", "10.0.0.1#588789", "10.0.0.1(https:443)": the port of an exporter is no hint. */
void intake_add_hint(struct alert *alert, enum alert_hint kind, const char *text);
/* Hints from labels whose names say what they are: src_ip, dest_port, proto, … */
void intake_hint_labels(struct alert *alert);

/* The time an expression gives, in the source's zone; not known if it gives none that can be read.
 */
wall_t intake_time(const struct intake_element *element, const char *expression);

/* "k=v&k2=v2" of the object's members that are not in the NULL-terminated list, by key; %, ;, &
 * and = are percent-encoded. More than ALERT_NAME_MAX bytes become "sha256:<hash of it>". The
 * caller frees it; "" if nothing is left. */
char *intake_format_labels(const json_t *labels, const char *const without[]);
/* The same of the named members alone, in the list's order. */
char *intake_format_members(const json_t *labels, const char *const keys[]);
/* The text with %, ;, & and = percent-encoded; the caller frees it. */
char *intake_encode(const char *text);

/* Parsers fill everything but id, source, received_at, fingerprint, and what intake_finish derives
 * (names from ids, ids from names: ALR-05). event_at stays 0 unless the sender stamped the event.
 */
