/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/policy_view.h"

#include <string.h>

#include "dispatch/serve/control_state.h"

/* A time as text, or null. */
static json_t *wall_json(wall_t t)
{
	char text[WALL_TEXT_SIZE];

	return wall_known(t) ? json_string(wall_format(t, text)) : json_null();
}

static json_t *hold_view(const struct hold *hold)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:o}", "kind", hold_kind_name(hold->kind),
			 "key", hold->key, "endpoint", hold->endpoint, "level",
			 hold->level ? level_name(hold->level) : NULL, "note", hold->note, "since",
			 wall_json(hold->since), "until", wall_json(hold->until));
}

static json_t *holds_view(const struct engine *engine, const char *policy)
{
	json_t *holds = json_array();
	const struct hold *hold;

	for (size_t i = 0; (hold = engine_hold_at(engine, policy, i)); i++)
		json_array_append_new(holds, hold_view(hold));
	return holds;
}

static void add_problem(json_t *problems, const struct pcap_policy *policy, const char *text)
{
	json_array_append_new(problems,
			      json_pack("{s:s, s:s, s:s, s:s}", "object", "policy", "id",
					policy->id, "name", policy->name, "problem", text));
}

static bool nic_present(const struct control *control, const char *nic)
{
	struct ring_view ring;

	for (uint32_t i = 0; control_ring(control, i, &ring); i++)
		if (!strcmp(ring.nic, nic) && ring.state != NIC_ABSENT)
			return true;
	return false;
}

void policy_view_problems(const struct control *control, const struct pcap_policy *policy,
			  json_t *problems)
{
	const struct policy_run *run = engine_run(control->engine, policy->id);
	const struct live_capture *capture;
	char text[128];

	if (run && run->reason[0])
		add_problem(problems, policy, run->reason);
	LIST_FOREACH (capture, &control->live.captures, next)
		if (!strcmp(capture->row.policy, policy->id) && capture->failure[0] &&
		    !capture->failed) /* a failed one is the policy's own reason */
			add_problem(problems, policy, capture->failure);
	for (size_t i = 0; i < POLICY_NICS_MAX && policy->nics[i]; i++) {
		if (nic_present(control, policy->nics[i]))
			continue;
		snprintf(text, sizeof(text), "interface_absent: no such interface \"%s\"",
			 policy->nics[i]);
		add_problem(problems, policy, text);
	}
}

json_t *policy_view(const struct control *control, const struct pcap_policy *policy)
{
	const struct policy_run *run = engine_run(control->engine, policy->id);
	const char *blocked = engine_blocked(control->engine, policy->id);
	json_t *view = pcap_policy_format(policy), *problems = json_array();

	json_object_set_new(view, "state",
			    json_string(policy_state_name(run ? run->state : POLICY_OFF)));
	json_object_set_new(view, "capture",
			    run && run->capture[0] ? json_string(run->capture) : json_null());
	json_object_set_new(view, "reason",
			    run && run->reason[0] ? json_string(run->reason) : json_null());
	json_object_set_new(view, "blocked", *blocked ? json_string(blocked) : json_null());
	json_object_set_new(view, "once", json_boolean(policy->once));
	json_object_set_new(view, "veto", json_boolean(run && run->veto));
	json_object_set_new(view, "veto_until", run ? wall_json(run->veto_until) : json_null());
	json_object_set_new(view, "linger_until", run ? wall_json(run->linger_until) : json_null());
	json_object_set_new(view, "retry_at", run ? wall_json(run->retry_at) : json_null());
	json_object_set_new(view, "holds", holds_view(control->engine, policy->id));
	policy_view_problems(control, policy, problems);
	json_object_set_new(view, "problems", problems);
	return view;
}
