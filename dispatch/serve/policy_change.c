/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/policy_change.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/setting_row.h"

#define LINKTYPE_ETHERNET 1
#define POLICIES_MAX	  1000 /* POL-17 */

void policy_change_free(struct policy_change *change)
{
	pcap_policy_fini(&change->policy);
	free(change);
}

static void add_link_type(struct policy_change *change, uint32_t link_type)
{
	for (size_t i = 0; i < change->link_type_count; i++)
		if (change->link_types[i] == link_type)
			return;
	if (change->link_type_count < ARRAY_SIZE(change->link_types))
		change->link_types[change->link_type_count++] = link_type;
}

static bool policy_names_nic(const struct pcap_policy *policy, const char *nic)
{
	for (size_t i = 0; i < POLICY_NICS_MAX && policy->nics[i]; i++)
		if (!strcmp(policy->nics[i], nic))
			return true;
	return !policy->nics[0];
}

static void find_link_types(struct policy_change *change)
{
	struct ring_view ring;

	for (uint32_t i = 0; control_ring(change->exchange->control, i, &ring); i++)
		if (ring.state != NIC_ABSENT && policy_names_nic(&change->policy, ring.nic))
			add_link_type(change, ring.link_type);
	if (!change->link_type_count)
		add_link_type(change, LINKTYPE_ETHERNET);
}

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct policy_change *change = owner;
	struct exchange *exchange = change->exchange;

	(void)decision;
	if (result < 0)
		exchange_refuse_store(exchange, result);
	else
		change->reply(change);
	policy_change_free(change);
}

static bool has_room(struct exchange *exchange)
{
	if (!engine_policy_at(exchange->control->engine, POLICIES_MAX - 1))
		return true;
	exchange_refuse(exchange, 409, "too_many_policies",
			"there are %d PCAP policies already, as many as there can be",
			POLICIES_MAX);
	return false;
}

/* May it still be saved? Other requests came while the filter was compiled. */
static bool change_is_valid(struct policy_change *change)
{
	struct exchange *exchange = change->exchange;
	const struct engine *engine = exchange->control->engine;
	const struct pcap_policy *other, *present;

	if (!engine) {
		exchange_refuse(exchange, 503, "starting", "the state is being loaded, try again");
		return false;
	}
	other = engine_policy(engine, change->policy.name);
	if (other && strcmp(other->id, change->policy.id)) {
		exchange_refuse(exchange, 409, "name_taken",
				"/name: there is a policy named \"%s\" already",
				change->policy.name);
		return false;
	}
	if (change->creating)
		return has_room(exchange);
	present = engine_policy(engine, change->policy.id);
	if (!present) {
		exchange_refuse(exchange, 404, "unknown_policy",
				"the policy was deleted meanwhile");
		return false;
	}
	if (present->version + 1 != change->policy.version) {
		exchange_refuse(exchange, 412, "changed_meanwhile",
				"the policy was changed by another request meanwhile");
		return false;
	}
	return true;
}

static void change_commit(struct policy_change *change)
{
	struct control *control = change->exchange->control;
	struct decision *decision;

	if (!change_is_valid(change)) {
		policy_change_free(change);
		return;
	}
	decision = decision_new(control);
	change->policy.updated_at = decision->now.wall;
	if (change->creating)
		change->policy.created_at = decision->now.wall;
	fact_add_setting(&decision->facts, "policy", change->policy.id,
			 setting_row_format_policy(&change->policy));
	fact_add_note(&decision->facts, decision->now.wall, "policy", change->policy.id, "",
		      "%s, version %" PRId64, change->creating ? "created" : "edited",
		      change->policy.version);
	engine_on_policy_put(control->engine, &change->policy, decision->now, &decision->actions);
	if (change->decide)
		change->decide(change, decision);
	decision_commit(decision, on_committed, change);
}

static void change_compile(struct policy_change *change);

static void on_compiled(void *owner, const struct program *program)
{
	struct policy_change *change = owner;

	if (program->state != PROGRAM_READY) {
		exchange_reply_problem(change->exchange, 422, program_format_problem(program));
		policy_change_free(change);
		return;
	}
	change->compiled++;
	change_compile(change);
}

static void change_compile(struct policy_change *change)
{
	struct program_cache *programs = &change->exchange->control->programs;

	if (change->compiled == change->link_type_count)
		change_commit(change);
	else
		program_wait(programs, change->link_types[change->compiled], change->policy.filter,
			     on_compiled, change);
}

void policy_change_start(struct policy_change *change)
{
	find_link_types(change);
	change_compile(change);
}
