/* SPDX-License-Identifier: Apache-2.0 */
/* PagerDuty's Events API v2, as a receiver: whoever can page can switch a capture. The dedup_key
 * pairs trigger and resolve, which carries nothing else, so it alone identifies. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

static const struct intake_map map = {
	.wants = "/event_action",
	.fields =
		{
			INTAKE_FIELD(object_id, "/dedup_key"),
			INTAKE_FIELD(object_name, "/payload/source"),
			INTAKE_FIELD(object_kind, "/payload/component"),
			INTAKE_FIELD(policy_name, "/payload/class|/payload/group"),
			INTAKE_FIELD(policy_type, "/payload/group"),
			INTAKE_FIELD(title, "/payload/summary"),
			INTAKE_FIELD(user, "/client"),
			INTAKE_FIELD(link, "/client_url|/links/0/href"),
		},
	.level = "/payload/severity",
	.status = "/event_action",
	.firing = "trigger",
	.recovered = "resolve",
	.ignored = "acknowledge",
	.starts_at = "/payload/timestamp",
	.labels = "/payload/custom_details",
};

/* Without a key each trigger is an alert of its own, as PagerDuty has it. */
static void set_key(const struct intake_element *element, struct alert *alert)
{
	CLEANUP_FREE char *body = json_format(element->object);
	char hash[SHA256_HEX_SIZE];

	if (!*alert->object_id)
		intake_set(&alert->object_id, sha256_text(body, strlen(body), hash),
			   ALERT_NAME_MAX);
}

static int pagerduty_events_parse(const struct intake_element *element, struct alert *alert,
				  struct error *err)
{
	CLEANUP_FREE char *stamp = value_read(element->object, "/payload/timestamp", 64);

	if (alert->status == ALERT_RECOVERED && !*alert->object_id)
		return error_set(err, "missing_field", "/dedup_key",
				 "a resolve needs the dedup_key of its trigger");
	set_key(element, alert);
	intake_set(&alert->policy_id, "pagerduty", ALERT_NAME_MAX);
	if (stamp)
		alert->event_at = alert->starts_at;
	return 0;
}

const struct intake_kind intake_pagerduty_events_kind = {
	.name = "pagerduty_events",
	.map = &map,
	.parse = pagerduty_events_parse,
	.single = true,
};
