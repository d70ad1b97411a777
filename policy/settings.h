/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator configures: PCAP policies, endpoints, sources. Plain data, with one validating
 * reader each for API, file and store, and one writer. Pure. */
#pragma once

#include "base/error.h"
#include "policy/content.h"
#include "policy/intake.h"
#include "policy/match.h"
#include "policy/schedule.h"

#define SETTING_NAME_MAX     64
#define POLICY_FILTER_MAX    1000
#define POLICY_NICS_MAX	     16
#define ENDPOINT_TITLE_MAX   1000
#define ENDPOINT_CONTENT_MAX 16384

/* Ids are UUIDv7 texts, versions count edits (ETag). Texts are owned, never NULL. */
struct pcap_policy {
	char id[IDENT_SIZE];
	int64_t version;
	char *name;			 /* 1–64 bytes, unique */
	char *nics[POLICY_NICS_MAX + 1]; /* NULL-terminated; none = all rings */
	char *filter;			 /* BPF text, "" = everything */
	struct match *match;		 /* structured filter, NULL = everything; both apply */
	unsigned narrow;		 /* hints that narrow: bits 1u << enum alert_hint */
	bool narrow_only;		 /* an alert without such hints adds no packets */
	bool headers_only;		 /* slice: headers + slice_bytes of payload */
	uint32_t slice_bytes;		 /* 0 with !headers_only = whole packets */
	dur_t margin;			 /* added to the look-back; default 30 s */
	dur_t lookback_max;		 /* never reach back further; default 1 h */
	dur_t linger;			 /* keep recording after the last hold; default 0 */
	dur_t max_on;			 /* cap for one hold; default 24 h */
	uint64_t rotate_bytes;		 /* default 64 MiB */
	dur_t rotate;			 /* default 300 s */
	uint64_t budget_bytes;		 /* per capture, 0 = none */
	/* settings_limits.c */
	char *description;
	char *team;		  /* "" = everybody's */
	char *location;		  /* where in the network the NICs are, for people */
	bool enabled;		  /* off: records nothing, whatever holds it */
	bool always;		  /* records without an alert */
	struct schedule schedule; /* records within it only */
	dur_t max_duration;	  /* of one capture, 0 = none */
	uint64_t max_packets;	  /* of one capture, 0 = none */
	uint32_t sampling;	  /* one packet of so many */
	uint64_t budget_levels[LEVEL_INFO + 1]; /* instead of budget_bytes while an alert
						   of that level holds; 0 = not said */
	uint32_t captures_max;			/* captures begun in captures_span, 0 = no
						   limit */
	dur_t captures_span;
	dur_t retention;   /* of its captures, 0 = as all others */
	uint32_t priority; /* 0–100, default 50: the lowest gives way first */
	bool once;	   /* made for one capture, goes when that ends; no client can set it */
	wall_t created_at, updated_at;
};

enum endpoint_kind {
	ENDPOINT_PCAP, /* switches a PCAP policy; all others push */
	ENDPOINT_HTTP,
	ENDPOINT_EMAIL,
	ENDPOINT_KAFKA,
	ENDPOINT_SYSLOG,
	ENDPOINT_SLACK,
	ENDPOINT_PAGERDUTY,
	ENDPOINT_WECOM_APP,
	ENDPOINT_WECOM_ROBOT,
	ENDPOINT_DINGTALK,
};

const char *endpoint_kind_name(enum endpoint_kind kind);
/* 0, or -1 if there is no such kind. */
int endpoint_kind_parse(const char *text, enum endpoint_kind *ret);

/* What passes within a push cycle, although the pair was pushed already. A pair is an alert
 * policy and an object. */
enum cycle_mode {
	CYCLE_ESCALATION, /* a level more severe than any pushed in the cycle; the recovery */
	CYCLE_LITERAL,	  /* the recovery */
	CYCLE_STRICT,	  /* nothing */
};

struct endpoint {
	char id[IDENT_SIZE];
	int64_t version;
	/* all kinds */
	char *name; /* unique */
	enum endpoint_kind kind;
	bool enabled;
	char *team;		  /* "" = everybody's */
	bool is_default;	  /* takes what no route and no alert policy sends elsewhere */
	char *sources[17];	  /* takes these alone: NULL-terminated names; none = all */
	char *alert_policies[17]; /* names or ids with * wildcards; none = all */
	char *content; /* Jinja template, "" = the kind's own (EPC-06); kind pcap: a note */
	char *title;   /* the same for the title, where the kind has one */
	enum content_language language;
	/* all kinds that push; kind pcap has them too, but they never hold back a switch (PEP-09)
	 */
	dur_t cycle; /* one push of a pair within it (EPC-07), 0 = no limit; default 5 min */
	enum cycle_mode cycle_mode;
	uint32_t frequency;	/* pushes of a pair until it recovers (EPC-11), 0 = no limit */
	dur_t frequency_window; /* … or within this span, 0 = until it recovers */
	/* the kinds that push; recovery in it is "send_resolved" */
	level_set levels; /* EPC-04 */
	/* kind pcap */
	char policy[IDENT_SIZE];  /* id, or a name that fits */
	level_set enable_levels;  /* PEP-02 */
	level_set disable_levels; /* PEP-03 */
	bool literal;		  /* any disable-level event releases every hold (PEP-11) */
	/* the kinds that push: what only the kind has, by the tables of policy/settings_kind.h;
	 * never changed in place */
	json_t *settings;
	wall_t created_at, updated_at;
};

#define SOURCE_NETWORKS_MAX 32
#define SOURCE_POLICIES_MAX 16
#define SOURCE_SECRETS_MAX  2 /* of one kind: old and new during a rotation */

/* Where a sender may carry its token: bits of source.token_places. */
enum source_token_place {
	SOURCE_TOKEN_URL = 1,	 /* /in/<source>/<token> */
	SOURCE_TOKEN_BEARER = 2, /* Authorization: Bearer <token> */
	SOURCE_TOKEN_BASIC = 4,	 /* Authorization: Basic, the token is the password */
	SOURCE_TOKEN_HEADER = 8, /* X-Ringbell-Token: <token> */
};
#define SOURCE_TOKEN_ANYWHERE 15u

/* A signature over the raw bytes, demanded beside the token. */
struct source_hmac {
	char *header;		/* that has it, "" = no signature is demanded */
	char *timestamp_header; /* "" = the body alone is signed, else "<its value>:<body>" */
	char *prefix;		/* before the digits, "v1=" */
	bool base64;		/* else hexadecimal */
	char *secrets[SOURCE_SECRETS_MAX + 1];
};

/* A topic whose records are a source's deliveries. */
struct source_kafka {
	struct endpoint *cluster; /* kind kafka: how it is reached, and the topic; NULL = none */
	char *group;		  /* consumer group; NULL without a cluster */
	bool earliest;		  /* a group that is new begins with what the topic has */
	bool offered;		  /* only to keep secrets: gone unless the object read names it */
};

struct source {
	char id[IDENT_SIZE];
	int64_t version;
	char *name; /* 1–64 of [a-z0-9_-], unique; part of the URL */
	enum source_kind kind;
	char token_sha256[SHA256_HEX_SIZE];
	char old_token_sha256[SHA256_HEX_SIZE]; /* also taken until old_token_until; "" = none */
	wall_t old_token_until;
	unsigned token_places;
	struct source_hmac hmac;
	char *networks[SOURCE_NETWORKS_MAX + 1]; /* CIDRs of senders; none = from anywhere */
	enum level default_level;
	char *file; /* followed as it grows (kinds with lines), absolute; "" = none */
	struct source_kafka kafka;
	json_t *mapping; /* kind generic (policy/intake_generic.h); never changed in place */
	struct intake_patterns *patterns; /* of mapping */
	char *certificates; /* kind aws_sns: PEM; "" = its signature is not demanded */
	json_t *levels; /* object: the sender's word → our level's name; never changed in place */
	int zone_minutes; /* of times without zone, east of UTC */
	dur_t delay;	  /* alerts of this source start this long after the trouble began */
	dur_t hold;	 /* its alerts are over after that long without news; 0 = recoveries tell */
	dur_t confirm;	 /* a recovery counts only after no firing came for so long; 0 = at once */
	dur_t heartbeat; /* told nothing for so long is an alert of its own; 0 = never */
	uint32_t rate;	 /* deliveries per second, bursts of ten seconds' worth; 0 = no limit */
	uint32_t holds_max;			 /* open holds its alerts may have; 0 = no limit */
	char *policies[SOURCE_POLICIES_MAX + 1]; /* ids or names of the PCAP policies that its
						    alerts may switch; none = all */
	wall_t created_at, updated_at;
};

/* Readers: `object` is what a client sent; on PATCH the struct holds the present values and absent
 * keys keep them, so callers start from *_default or the stored one. Unknown keys, wrong types and
 * out-of-range values are -EINVAL with err. What only the API shows (id, version, state, …) is
 * ignored, so that the answer to GET can be sent back. Cross-references (does the policy exist, is
 * the name free) are the caller's. Nothing changes on failure.
 *
 * *_copy gives a heap struct: *_fini, then free. */
void pcap_policy_default(struct pcap_policy *policy);
int pcap_policy_read(struct pcap_policy *policy, const json_t *object, struct error *err);
json_t *pcap_policy_format(const struct pcap_policy *policy);
struct pcap_policy *pcap_policy_copy(const struct pcap_policy *policy);
void pcap_policy_fini(struct pcap_policy *policy);

void endpoint_default(struct endpoint *endpoint);
/* A secret that is "***" or "" keeps what the endpoint has (EPC-17), null clears it. */
int endpoint_read(struct endpoint *endpoint, const json_t *object, struct error *err);
/* Secrets are "***". */
json_t *endpoint_format(const struct endpoint *endpoint);
/* The same with the secrets, for the store alone. */
json_t *endpoint_format_full(const struct endpoint *endpoint);
struct endpoint *endpoint_copy(const struct endpoint *endpoint);
void endpoint_fini(struct endpoint *endpoint);

/* A field of endpoint->settings: a text ("" if there is none); a number, 0 or 1, a word's index, or
 * ns. */
const char *endpoint_text(const struct endpoint *endpoint, const char *key);
int64_t endpoint_number(const struct endpoint *endpoint, const char *key);

/* What is told to it: kind kafka may have catalogue records of captures beside alerts, or instead.
 */
bool endpoint_takes_alerts(const struct endpoint *endpoint);
bool endpoint_takes_captures(const struct endpoint *endpoint);

void source_default(struct source *source);
/* Makes a copy of another source's member its own: its secrets are kept if the object that is read
 * next has the member, and else it is gone. */
void source_kafka_offer(struct source_kafka *kafka);
int source_read(struct source *source, const json_t *object, struct error *err);
/* Without the tokens' hashes; secrets are "***". */
json_t *source_format(const struct source *source);
/* The same with the secrets, for the store alone. */
json_t *source_format_full(const struct source *source);
/* How to read its deliveries; borrows from source. */
struct intake source_intake(const struct source *source, wall_t now);
struct source *source_copy(const struct source *source);
void source_fini(struct source *source);
