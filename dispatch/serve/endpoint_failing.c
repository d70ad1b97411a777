/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/endpoint_failing.h"

#include <stdlib.h>

#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/self.h"
#include "dispatch/serve/setting_row.h"

static const struct endpoint *find(const struct control *control, const char *id)
{
	return control->engine ? engine_endpoint(control->engine, id) : NULL;
}

void endpoint_failing_tell(struct control *control, const char *id, bool failing, const char *text)
{
	const struct endpoint *endpoint = find(control, id);

	if (endpoint)
		self_raise(control, &(struct self_alert){.policy = "endpoint_failing",
							 .object = endpoint->name,
							 .text = text,
							 .level = LEVEL_ERROR,
							 .over = !failing});
}

static void decide_off(struct control *control, const struct endpoint *endpoint, const char *reason)
{
	struct decision *decision = decision_new(control);
	struct endpoint *off = endpoint_copy(endpoint);

	off->enabled = false;
	off->version++;
	off->updated_at = decision->now.wall;
	fact_add_setting(&decision->facts, "endpoint", off->id, setting_row_format_endpoint(off));
	fact_add_setting(&decision->facts, "endpoint_problem", off->id,
			 setting_row_format_problem(reason));
	fact_add_kill(&decision->facts, off->id, reason);
	fact_add_note(&decision->facts, decision->now.wall, "endpoint", off->id, "", "%s", reason);
	json_object_set_new(control->endpoint_problems, off->id, json_string(reason));
	engine_on_endpoint_put(control->engine, off, decision->now, &decision->actions);
	endpoint_fini(off);
	free(off);
	decision_commit(decision, NULL, NULL);
}

void endpoint_failing_disable(struct control *control, const char *id, const char *text)
{
	const struct endpoint *endpoint = find(control, id);
	char reason[300];

	if (!endpoint || !endpoint->enabled)
		return;
	snprintf(reason, sizeof(reason), "remote_gone: the remote answered 410: %.200s", text);
	log_warning("push", "endpoint \"%s\" is switched off: %s", endpoint->name, reason);
	decide_off(control, endpoint, reason);
}
