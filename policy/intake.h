/* SPDX-License-Identifier: Apache-2.0 */
/* A sender's bytes → alerts. One parser per source kind, each a pure function. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "policy/alert.h"

#define INTAKE_BYTES_MAX (1024 * 1024) /* of one delivery */

enum source_kind {
	SOURCE_NATIVE,
	SOURCE_ALERTMANAGER, /* webhook version 4 and API v2 */
	SOURCE_TENCENT,
	SOURCE_DEEPFLOW,
	SOURCE_EMQX, /* EMQX Cloud */
	SOURCE_EMQX_BROKER,
	SOURCE_RANCHER,
	SOURCE_GRAFANA,
	SOURCE_GRAFANA_LEGACY,
	SOURCE_PAGERDUTY_EVENTS, /* Events API v2 */
	SOURCE_PAGERDUTY_V3,	 /* webhooks */
	SOURCE_ZABBIX,
	SOURCE_NIGHTINGALE,
	SOURCE_FALCO,
	SOURCE_WAZUH,
	SOURCE_SPLUNK,
	SOURCE_KIBANA,
	SOURCE_DATADOG,
	SOURCE_SURICATA,
	SOURCE_ZEEK,
	SOURCE_AWS_SNS,
	SOURCE_GENERIC,
	SOURCE_KIND_COUNT,
};

const char *source_kind_name(enum source_kind kind);
int source_kind_parse(const char *text, enum source_kind *ret);
/* "native, alertmanager, …" for a complaint. Returns text. */
const char *source_kind_list(char *text, size_t size);

/* What a source of this kind has unless its operator says otherwise. */
struct source_kind_facts {
	enum level default_level; /* where the sender names none */
	dur_t hold;	  /* its alerts are over after that long without news; 0: recoveries tell */
	int zone_minutes; /* of times without zone, east of UTC */
	bool lines;	  /* one JSON text per line, so it can be followed in a file */
	bool quarantine;  /* a delivery that is no good is kept and answered 200 all the same: its
			     sender would only repeat it, or give up on us */
};
struct source_kind_facts source_kind_get(enum source_kind kind);

struct intake {
	enum source_kind kind;
	const char *source;	  /* configured name, for alert.source and the fingerprint */
	enum level default_level; /* where the sender names none */
	const json_t *levels;	  /* object: the sender's word → our level's name; NULL = none */
	int zone_minutes;	  /* of times without zone */
	const json_t *mapping;	  /* kind generic: as intake_generic_read gives it … */
	struct intake_patterns *patterns; /* … and intake_patterns_new of it */
	wall_t now;
};

/* A quick look whether a line may be an alert at all: most of what Suricata writes is none. */
bool intake_concerns(enum source_kind kind, const char *line, size_t len);

/* Fills list (initialised, empty) with the alerts of one delivery, all or none, each with id,
 * fingerprint, received_at and event_at. An empty delivery is fine: no alerts. list->ignored counts
 * elements that are no alerts by their kind. Bytes that are no UTF-8 become U+FFFD, except in our
 * own format, which is refused (ALR-18).
 * Returns 0, or -EINVAL with err naming field, value and what is allowed. */
int intake_parse(const struct intake *intake, const char *body, size_t len, struct alert_list *list,
		 struct error *err);
