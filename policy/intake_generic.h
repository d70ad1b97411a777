/* SPDX-License-Identifier: Apache-2.0 */
/* The mapping of a source of kind generic: where in a sender's JSON an alert's fields are, as its
 * operator wrote it.
 *
 *   {"list": "/alerts",                            where the alerts are; "" = the body is one
 *    "fields": {"policy_id": "/rule", "object_id": ["/host", "{/ip}:{/port}"], …},
 *    "level": "/severity", "status": "/state",     words: source.levels, and
 *    "firing": "open", "recovered": "closed,ok", "test": "", "ignored": "pending",
 *    "starts_at": "/since", "ends_at": …, "event_at": …,
 *    "labels": ["/tags"], "annotations": [],
 *    "hints": {"address": ["/src"], "peer_address": …, "port", "peer_port", "protocol", "vlan"},
 *    "extract": [{"from": "/message", "pattern": "from (?<address>\\S+) port (?<port>\\d+)"}]}
 *
 * Expressions are those of policy/value.h; a list is its alternatives. A pattern is a regular
 * expression (PCRE2) whose named groups are fields or hints; it is matched within limits. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* Checks what an operator wrote and gives it normalised (new reference), every member present.
 * Returns 0 or -EINVAL with err (field "/mapping/…"). */
int intake_generic_read(const json_t *mapping, json_t **ret, struct error *err);

/* The patterns of a normalised mapping, compiled; NULL if it has none. Counted: those who `use` it
 * `drop` it (returns NULL; takes NULL). One thread at a time. */
struct intake_patterns;
struct intake_patterns *intake_patterns_new(const json_t *mapping);
struct intake_patterns *intake_patterns_use(struct intake_patterns *patterns);
struct intake_patterns *intake_patterns_drop(struct intake_patterns *patterns);
