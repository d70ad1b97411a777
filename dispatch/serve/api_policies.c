/* SPDX-License-Identifier: Apache-2.0 */
/* PCAP policies: list, create, edit, switch, delete. A filter is compiled before it is saved. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/policy_change.h"
#include "dispatch/serve/policy_view.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/setting_row.h"

#define LOOKBACK_MAX (24 * DUR_HOUR)
#define SPAN_MAX     (30 * 24 * DUR_HOUR)

/* The policy named in the path; NULL after having answered 404. */
static const struct pcap_policy *policy_find(struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct pcap_policy *policy = engine_policy(exchange->control->engine, name);

	if (!policy)
		exchange_refuse(exchange, 404, "unknown_policy", "there is no policy \"%.100s\"",
				name);
	return policy;
}

void api_policies_list(struct exchange *exchange)
{
	struct control *control = exchange->control;
	const struct pcap_policy *policy;
	json_t *items = json_array();

	for (size_t i = 0; (policy = engine_policy_at(control->engine, i)); i++)
		json_array_append_new(items, policy_view(control, policy));
	exchange_reply(exchange, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

static void reply_policy(struct exchange *exchange, int status, const char *id)
{
	const struct pcap_policy *policy = engine_policy(exchange->control->engine, id);

	if (!policy) { /* deleted by a later request that was quicker */
		exchange_reply_empty(exchange, 204);
		return;
	}
	exchange_set_version(exchange, policy->version);
	exchange_reply(exchange, status, policy_view(exchange->control, policy));
}

void api_policy_get(struct exchange *exchange)
{
	const struct pcap_policy *policy = policy_find(exchange);

	if (policy)
		reply_policy(exchange, 200, policy->id);
}

/* ---- create and edit ---- */

static void reply_saved(struct policy_change *change)
{
	struct exchange *exchange = change->exchange;
	char location[96];

	if (!exchange->control->engine) { /* it is being loaded again */
		exchange_reply_empty(exchange, 204);
		return;
	}
	snprintf(location, sizeof(location), "/api/v1/policies/%s", change->policy.id);
	if (change->creating)
		exchange_set_header(exchange, "Location", location);
	reply_policy(exchange, change->creating ? 201 : 200, change->policy.id);
}

/* policy is put. */
static void change_start(struct exchange *exchange, struct pcap_policy *policy, bool creating)
{
	CLEANUP_JSON json_t *object = NULL;
	struct policy_change *change;
	struct error err = {0};

	if (!exchange_read_object(exchange, &object)) {
		pcap_policy_fini(policy);
		return;
	}
	if (pcap_policy_read(policy, object, &err) < 0) {
		pcap_policy_fini(policy);
		exchange_refuse_error(exchange, 422, &err);
		return;
	}
	change = xcalloc(1, sizeof(*change));
	change->exchange = exchange;
	change->policy = *policy;
	change->creating = creating;
	change->reply = reply_saved;
	policy_change_start(change);
}

void api_policies_post(struct exchange *exchange)
{
	struct pcap_policy policy;

	pcap_policy_default(&policy);
	ident_new(wall_now(), policy.id);
	policy.version = 1;
	change_start(exchange, &policy, true);
}

void api_policy_put(struct exchange *exchange)
{
	const struct pcap_policy *present = policy_find(exchange);
	struct pcap_policy policy;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	pcap_policy_default(&policy);
	memcpy(policy.id, present->id, sizeof(policy.id));
	policy.version = present->version + 1;
	policy.created_at = present->created_at;
	policy.once = present->once;
	change_start(exchange, &policy, false);
}

void api_policy_patch(struct exchange *exchange)
{
	const struct pcap_policy *present = policy_find(exchange);
	CLEANUP_FREE struct pcap_policy *policy = NULL;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	policy = pcap_policy_copy(present);
	policy->version++;
	change_start(exchange, policy, false);
}

/* ---- delete ---- */

struct policy_reply {
	struct exchange *exchange;
	char id[IDENT_SIZE];
};

static struct policy_reply *policy_reply_new(struct exchange *exchange, const char *id)
{
	struct policy_reply *reply = xcalloc(1, sizeof(*reply));

	reply->exchange = exchange;
	memcpy(reply->id, id, sizeof(reply->id));
	return reply;
}

/* The pcap endpoints that name the policy, and its running capture. */
static json_t *policy_users(const struct control *control, const struct pcap_policy *policy)
{
	const struct policy_run *run = engine_run(control->engine, policy->id);
	json_t *users = json_array();
	const struct endpoint *endpoint;

	for (size_t i = 0; (endpoint = engine_endpoint_at(control->engine, i)); i++)
		if (endpoint->kind == ENDPOINT_PCAP && !strcmp(endpoint->policy, policy->id))
			json_array_append_new(users, json_pack("{s:s, s:s, s:s}", "object",
							       "endpoint", "id", endpoint->id,
							       "name", endpoint->name));
	if (run && run->capture[0])
		json_array_append_new(
			users, json_pack("{s:s, s:s}", "object", "capture", "id", run->capture));
	return users;
}

static void refuse_delete(struct exchange *exchange, const struct pcap_policy *policy,
			  json_t *users)
{
	char detail[256];
	json_t *problem;

	snprintf(detail, sizeof(detail),
		 "policy \"%s\" is in use; delete with ?force=true ends its capture and switches "
		 "its endpoints off",
		 policy->name);
	problem = problem_format(409, "policy_in_use", detail);
	json_object_set(problem, "users", users);
	exchange_reply_problem(exchange, 409, problem);
}

/* An endpoint whose policy goes is switched off, with the reason. */
static void orphan_endpoints(struct decision *decision, const char *policy, const char *name)
{
	struct control *control = decision->control;
	const struct endpoint *endpoint;
	char reason[160];

	snprintf(reason, sizeof(reason), "policy_deleted: its policy \"%s\" was deleted", name);
	for (size_t i = 0; (endpoint = engine_endpoint_at(control->engine, i)); i++) {
		struct endpoint *off;

		if (endpoint->kind != ENDPOINT_PCAP || strcmp(endpoint->policy, policy))
			continue;
		off = endpoint_copy(endpoint);
		off->enabled = false;
		off->version++;
		off->updated_at = decision->now.wall;
		fact_add_setting(&decision->facts, "endpoint", off->id,
				 setting_row_format_endpoint(off));
		fact_add_setting(&decision->facts, "endpoint_problem", off->id,
				 setting_row_format_problem(reason));
		json_object_set_new(control->endpoint_problems, off->id, json_string(reason));
		engine_on_endpoint_put(control->engine, off, decision->now, &decision->actions);
		endpoint_fini(off);
		free(off);
	}
}

static void policy_delete(struct exchange *exchange, const struct pcap_policy *policy)
{
	struct control *control = exchange->control;
	struct decision *decision = decision_new(control);
	char id[IDENT_SIZE], name[SETTING_NAME_MAX + 1];

	memcpy(id, policy->id, sizeof(id));
	snprintf(name, sizeof(name), "%s", policy->name);
	/* the policy first: its capture ends for this reason, not for want of endpoints */
	engine_on_policy_delete(control->engine, id, decision->now, &decision->actions);
	orphan_endpoints(decision, id, name);
	fact_add_setting(&decision->facts, "policy", id, NULL);
	fact_add_remove_run(&decision->facts, id);
	fact_add_note(&decision->facts, decision->now.wall, "policy", id, "", "deleted");
	decision_commit(decision, decision_reply_empty, exchange);
}

void api_policy_delete(struct exchange *exchange)
{
	static const char *const allowed[] = {"force", NULL};
	const struct pcap_policy *policy = policy_find(exchange);
	CLEANUP_JSON json_t *users = NULL;
	const char *force = exchange_query(exchange, "force");

	if (!policy || !exchange_check_query(exchange, allowed) ||
	    !exchange_check_version(exchange, policy->version))
		return;
	users = policy_users(exchange->control, policy);
	if (json_array_size(users) && (!force || strcmp(force, "true")))
		refuse_delete(exchange, policy, users);
	else
		policy_delete(exchange, policy);
}

/* ---- the operator's switch ---- */

struct switch_request {
	dur_t span;
	dur_t lookback;
	const char *note; /* borrowed from the object */
};

static bool switch_read(struct exchange *exchange, const json_t *object, struct switch_request *ret)
{
	static const char *const allowed[] = {"for", "lookback", "note", NULL};
	struct error err;

	if (json_check_keys(object, "", allowed, &err) >= 0 &&
	    json_read_dur(object, "", "for", 0, SPAN_MAX, &ret->span, &err) >= 0 &&
	    json_read_dur(object, "", "lookback", 0, LOOKBACK_MAX, &ret->lookback, &err) >= 0 &&
	    json_read_text(object, "", "note", 0, 120, &ret->note, &err) >= 0)
		return true;
	exchange_refuse_error(exchange, 422, &err);
	return false;
}

static void on_switched(void *owner, struct decision *decision, int result)
{
	struct policy_reply *reply = owner;

	(void)decision;
	if (result < 0)
		exchange_refuse_store(reply->exchange, result);
	else if (!reply->exchange->control->engine)
		exchange_reply_empty(reply->exchange, 204);
	else
		reply_policy(reply->exchange, 200, reply->id);
	free(reply);
}

static void policy_switch(struct exchange *exchange, enum operator_switch what)
{
	static const char *const words[] = {"on", "off", "automatic"};
	struct control *control = exchange->control;
	const struct pcap_policy *policy = policy_find(exchange);
	struct switch_request request = {.note = ""};
	CLEANUP_JSON json_t *object = NULL;
	struct decision *decision;

	if (!policy || !exchange_read_object(exchange, &object) ||
	    !switch_read(exchange, object, &request))
		return;
	decision = decision_new(control);
	log_info("policy", "%s: operator switches \"%s\" %s", policy->id, policy->name,
		 words[what]);
	fact_add_note(&decision->facts, decision->now.wall, "policy", policy->id, "",
		      "operator: %s%s%s", words[what], request.note[0] ? ": " : "", request.note);
	engine_on_switch(control->engine, policy->id, what, request.span, request.lookback,
			 request.note, decision->now, &decision->actions);
	decision_commit(decision, on_switched, policy_reply_new(exchange, policy->id));
}

void api_policy_enable(struct exchange *exchange)
{
	policy_switch(exchange, OPERATOR_ON);
}

void api_policy_disable(struct exchange *exchange)
{
	policy_switch(exchange, OPERATOR_OFF);
}

void api_policy_automatic(struct exchange *exchange)
{
	policy_switch(exchange, OPERATOR_AUTOMATIC);
}
