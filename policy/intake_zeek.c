/* SPDX-License-Identifier: Apache-2.0 */
/* Zeek's notice.log in JSON. A notice has no level of its own: the source's table maps its note,
 * and what is in no table has the default. No recovery. */
#include "policy/intake_internal.h"

static const struct intake_map map = {
	.wants = "/note",
	.fields =
		{
			INTAKE_FIELD(policy_id, "/note"),
			INTAKE_FIELD(object_id,
				     "{/src}>{/dst}:{/p};{/identifier}|{/src}>{/dst}:{/p}|"
				     "{/src}>{/dst}|{/id.orig_h}>{/id.resp_h}:{/id.resp_p}|/src|"
				     "/identifier|/sub"),
			INTAKE_FIELD(title, "/msg|/note"),
			INTAKE_FIELD(text, "/sub"),
		},
	.level = "/severity.name|/note",
	.starts_at = "/ts",
	.event_at = "/ts",
	.hints = {{ALERT_HINT_ADDRESS, "/src|/id.orig_h"},
		  {ALERT_HINT_PORT, "/id.orig_p"},
		  {ALERT_HINT_PEER_ADDRESS, "/dst|/id.resp_h"},
		  {ALERT_HINT_PEER_PORT, "/p|/id.resp_p"},
		  {ALERT_HINT_PROTOCOL, "/proto"}},
};

static int zeek_parse(const struct intake_element *element, struct alert *alert, struct error *err)
{
	const char *uid = json_string_value(json_object_get(element->object, "uid"));

	(void)err;
	json_object_del(alert->annotations, "ringbell_level"); /* a note is no level */
	if (uid)
		intake_set_label(alert->labels, "uid", uid);
	return 0;
}

const struct intake_kind intake_zeek_kind = {
	.name = "zeek",
	.map = &map,
	.parse = zeek_parse,
	.single = true,
	.lines = true,
	.hold = 10 * DUR_MIN,
};
