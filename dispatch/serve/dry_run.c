/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/dry_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "policy/match_bpf.h"
#include "policy/plan.h"

#define LINKTYPE_ETHERNET 1
#define PROGRAMS_SHOWN	  32 /* compiled for one answer; a delivery may have 1000 alerts */

static json_t *named(const char *id, const char *name)
{
	return json_pack("{s:s, s:s}", "id", id, "name", name);
}

static json_t *push_view(const struct plan_push *push)
{
	return json_pack("{s:o, s:b, s:s, s:I}", "endpoint",
			 named(push->endpoint->id, push->endpoint->name), "push", !push->suppress,
			 "reason", push->suppress ? push->suppress : push->why, "count",
			 (json_int_t)push->held_back + 1);
}

/* ---- the filters of a capture ---- */

/* Of the policy's first NIC that has a ring. */
static uint32_t link_type_of(const struct control *control, const struct pcap_policy *policy)
{
	struct ring_view ring;

	for (uint32_t i = 0; control_ring(control, i, &ring); i++)
		if (!policy->nics[0] || !strcmp(policy->nics[0], ring.nic))
			return ring.link_type;
	return LINKTYPE_ETHERNET;
}

/* text NULL: there is nothing to compile, `note` says why. */
static void add_program(json_t *list, json_t *programs, const char *of, const char *text,
			uint32_t link_type, const char *note)
{
	json_t *view = json_pack("{s:s, s:s?, s:I, s:n, s:s}", "of", of, "bpf", text, "link_type",
				 (json_int_t)link_type, "instructions", "note", note);

	json_array_append_new(list, view);
	if (!text)
		return;
	if (json_array_size(programs) < PROGRAMS_SHOWN)
		json_array_append(programs, view);
	else
		json_object_set_new(view, "note", json_string("not compiled: one of too many"));
}

static void add_match(json_t *list, json_t *programs, const char *of, const struct match *match,
		      uint32_t link_type)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	int r = match_bpf_format(match, link_type, COMPILE_TEXT_MAX - 1, &text);

	add_program(list, programs, of, r ? NULL : text.data, link_type,
		    r == MATCH_BPF_NEVER ? "no packet of this link type can match"
		    : r			 ? "too long for BPF; captures do not need it as BPF"
					 : "");
}

/* As narrow.c decides it. */
static void add_narrow(json_t *list, json_t *programs, const struct pcap_policy *policy,
		       const struct alert *alert, uint32_t link_type)
{
	static const struct match everything;
	struct match match = {0};
	const char *problem = NULL;
	char note[160];

	match_from_hints(&match, &alert->hints, policy->narrow);
	if (match_equal(&match, &everything))
		problem = "the alert names nothing to narrow the policy's filter to";
	else if (policy->match && match_excludes(policy->match, &match))
		problem = "what the alert is about lies outside of the policy's filter";
	snprintf(note, sizeof(note), "%s: %s", problem ? problem : "",
		 policy->narrow_only ? "no packet is kept" : "the policy's own filter counts");
	if (problem)
		add_program(list, programs, "alert", NULL, link_type, note);
	else
		add_match(list, programs, "alert", &match, link_type);
	match_fini(&match);
}

/* A packet has to pass all of them; none = every packet does. */
static json_t *programs_view(const struct control *control, const struct alert *alert,
			     const struct plan_switch *item, json_t *programs)
{
	const struct pcap_policy *policy = item->policy;
	uint32_t link_type = link_type_of(control, policy);
	json_t *list = json_array();

	if (item->kind != SWITCH_HOLD)
		return list;
	if (*policy->filter)
		add_program(list, programs, "filter", policy->filter, link_type, "");
	if (policy->match)
		add_match(list, programs, "match", policy->match, link_type);
	if (policy->narrow)
		add_narrow(list, programs, policy, alert, link_type);
	return list;
}

/* ---- an alert ---- */

static json_t *from_view(const struct engine *engine, const struct alert *alert,
			 const struct plan_switch *item, struct instant now)
{
	const struct policy_run *run = engine_run(engine, item->policy->id);
	char text[WALL_TEXT_SIZE];

	if (item->kind != SWITCH_HOLD || !run || run->capture[0])
		return json_null();
	return json_string(
		wall_format(engine_plan_from(engine, alert, item->policy->id, now), text));
}

static json_t *switch_view(const struct control *control, const struct alert *alert,
			   const struct plan_switch *item, struct instant now, json_t *programs)
{
	const struct engine *engine = control->engine;
	const char *obstacle = engine_plan_obstacle(engine, item->policy->id, now);
	json_t *endpoint = item->endpoint ? named(item->endpoint->id, item->endpoint->name)
					  : json_null();

	return json_pack("{s:o, s:o, s:s, s:s?, s:s?, s:o, s:s, s:o}", "policy",
			 named(item->policy->id, item->policy->name), "endpoint", endpoint,
			 "action", switch_kind_name(item->kind), "reason",
			 item->reason[0] ? item->reason : NULL, "obstacle",
			 item->kind == SWITCH_HOLD ? obstacle : NULL, "from",
			 from_view(engine, alert, item, now), "filter", item->policy->filter,
			 "programs", programs_view(control, alert, item, programs));
}

static json_t *routes_view(const struct engine *engine, const struct alert *alert)
{
	const struct alert_route *route;
	json_t *list = json_array();

	for (size_t i = 0; (route = engine_plan_route(engine, alert, i)); i++)
		json_array_append_new(list, named(route->id, route->name));
	return list;
}

json_t *dry_run_alert(const struct control *control, const struct alert *alert, struct instant now,
		      json_t *programs)
{
	const struct engine *engine = control->engine;
	json_t *pushes = json_array(), *switches = json_array(), *view;
	struct plan plan = {0};

	engine_plan(engine, alert, now, &plan);
	for (size_t i = 0; i < plan.push_count; i++)
		json_array_append_new(pushes, push_view(&plan.pushes[i]));
	for (size_t i = 0; i < plan.switch_count; i++)
		json_array_append_new(
			switches, switch_view(control, alert, &plan.switches[i], now, programs));
	view = json_pack(
		"{s:o, s:s, s:b, s:o, s:o, s:b, s:o, s:o, s:o}", "alert", alert_format(alert),
		"outcome", alert_outcome_name(plan.outcome), "acts", plan.acts, "alert_policy",
		plan.policy ? named(plan.policy->id, plan.policy->name) : json_null(), "routes",
		routes_view(engine, alert), "default", plan.by_default, "silence",
		plan.silence ? named(plan.silence->id, plan.silence->name) : json_null(), "pushes",
		pushes, "switches", switches);
	plan_fini(&plan);
	return view;
}

/* ---- the answer ---- */

struct dry_run {
	struct exchange *exchange;
	json_t *answer, *programs;
	size_t next;
};

static void go_on(struct dry_run *run);

static void on_compiled(void *owner, const struct program *program)
{
	struct dry_run *run = owner;
	json_t *view = json_array_get(run->programs, run->next++);

	if (program->state == PROGRAM_READY)
		json_object_set_new(view, "instructions", json_integer(program->count));
	else
		json_object_set_new(view, "note", json_string(program->message));
	go_on(run);
}

static void go_on(struct dry_run *run)
{
	const json_t *view = json_array_get(run->programs, run->next);

	if (view) {
		program_wait(&run->exchange->control->programs,
			     (uint32_t)json_integer_value(json_object_get(view, "link_type")),
			     json_string_value(json_object_get(view, "bpf")), on_compiled, run);
		return;
	}
	exchange_reply(run->exchange, 200, run->answer);
	json_decref(run->programs);
	free(run);
}

void dry_run_reply(struct exchange *exchange, json_t *answer, json_t *programs)
{
	struct dry_run *run = xcalloc(1, sizeof(*run));

	*run = (struct dry_run){.exchange = exchange, .answer = answer, .programs = programs};
	go_on(run);
}
