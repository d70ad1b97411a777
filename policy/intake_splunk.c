/* SPDX-License-Identifier: Apache-2.0 */
/* Splunk's webhook action: the first row of a saved search's result. It can send no header, no
 * signature and no recovery. The level is the field "severity" of the row, if the search sets one.
 */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/search_name|/sid",
	.fields =
		{
			INTAKE_FIELD(policy_id, "{/app}/{/search_name}|/search_name|/sid"),
			INTAKE_FIELD(policy_name, "/search_name"),
			INTAKE_FIELD(policy_type, "/app"),
			INTAKE_FIELD(object_id,
				     "/result/object|/result/host|/result/dest_ip|/result/dest|"
				     "/result/src_ip|/result/src|/search_name"),
			INTAKE_FIELD(title, "/search_name"),
			INTAKE_FIELD(text, "/result/_raw"),
			INTAKE_FIELD(link, "/results_link"),
			INTAKE_FIELD(user, "/owner"),
			INTAKE_FIELD(delivery_id, "/sid"),
		},
	.level = "/result/severity|/result/urgency",
	.starts_at = "/result/_time",
	.labels = "/result",
};

const struct intake_kind intake_splunk_kind = {
	.name = "splunk",
	.map = &map,
	.single = true,
	.hold = 10 * DUR_MIN,
};
