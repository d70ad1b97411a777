/* SPDX-License-Identifier: Apache-2.0 */
/* Falco's http_output, or Falcosidekick's webhook. No recovery: a hold timer ends them. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/rule",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/rule"),
			INTAKE_FIELD(policy_type, "/source"),
			INTAKE_FIELD(object_id,
				     "{/hostname}/{/output_fields/container.id}|/hostname"),
			INTAKE_FIELD(object_name, "/output_fields/k8s.pod.name|/hostname"),
			INTAKE_FIELD(title, "/rule"),
			INTAKE_FIELD(text, "/output"),
			INTAKE_FIELD(delivery_id, "/uuid"),
		},
	.level = "/priority",
	.levels = {[LEVEL_CRITICAL] = "emergency,alert,critical",
		   [LEVEL_ERROR] = "error",
		   [LEVEL_WARNING] = "warning,notice",
		   [LEVEL_INFO] = "informational,info,debug"},
	.starts_at = "/time",
	.event_at = "/time",
	.labels = "/output_fields",
	.annotations = "/tags",
	.hints = {{ALERT_HINT_ADDRESS, "/output_fields/fd.cip"},
		  {ALERT_HINT_PORT, "/output_fields/fd.cport"},
		  {ALERT_HINT_PEER_ADDRESS, "/output_fields/fd.sip"},
		  {ALERT_HINT_PEER_PORT, "/output_fields/fd.sport"},
		  {ALERT_HINT_PROTOCOL, "/output_fields/fd.l4proto"}},
};

const struct intake_kind intake_falco_kind = {
	.name = "falco",
	.map = &map,
	.single = true,
	.lines = true,
	.hold = 10 * DUR_MIN,
};
