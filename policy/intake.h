/* SPDX-License-Identifier: Apache-2.0 */
/* A sender's bytes → alerts. One parser per source kind, each a pure function. */
#pragma once

#include "base/error.h"
#include "policy/alert.h"

enum source_kind {
	SOURCE_NATIVE,
	SOURCE_ALERTMANAGER, /* webhook version 4 */
	SOURCE_KIND_COUNT,
};

const char *source_kind_name(enum source_kind kind);
int source_kind_parse(const char *text, enum source_kind *ret);

struct intake {
	enum source_kind kind;
	const char *source;	  /* configured name, for alert.source and the fingerprint */
	enum level default_level; /* where the sender names none */
	wall_t now;
};

/* Fills list (initialised, empty) with the alerts of one delivery, all or none, each with id,
 * fingerprint, received_at and event_at. An empty delivery is fine: no alerts.
 * Returns 0, or -EINVAL with err naming field, value and what is allowed. */
int intake_parse(const struct intake *intake, const char *body, size_t len, struct alert_list *list,
		 struct error *err);
