/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints: where alerts go. Kind pcap names a policy, kind http a URL. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/push_message.h"
#include "dispatch/serve/setting_row.h"

static const struct endpoint *endpoint_find(struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct endpoint *endpoint = engine_endpoint(exchange->control->engine, name);

	if (!endpoint)
		exchange_refuse(exchange, 404, "unknown_endpoint",
				"there is no endpoint \"%.100s\"", name);
	return endpoint;
}

static json_t *endpoint_view(const struct control *control, const struct endpoint *endpoint)
{
	json_t *view = endpoint_format(endpoint);
	json_t *problem = json_object_get(control->endpoint_problems, endpoint->id);
	const struct pcap_policy *policy =
		endpoint->kind == ENDPOINT_PCAP ? engine_policy(control->engine, endpoint->policy)
						: NULL;
	json_t *last = json_object_get(control->courier.results, endpoint->id);

	json_object_set_new(view, "users", api_routing_users(control, endpoint->id));
	json_object_set_new(view, "problem", problem ? json_incref(problem) : json_null());
	json_object_set_new(view, "last_result", last ? json_incref(last) : json_null());
	json_object_set_new(view, "circuit",
			    json_string(courier_link_circuit(&control->courier, endpoint->id)));
	if (policy)
		json_object_set_new(view, "policy_name", json_string(policy->name));
	return view;
}

void api_endpoints_list(struct exchange *exchange)
{
	struct control *control = exchange->control;
	const struct endpoint *endpoint;
	json_t *items = json_array();

	for (size_t i = 0; (endpoint = engine_endpoint_at(control->engine, i)); i++)
		json_array_append_new(items, endpoint_view(control, endpoint));
	exchange_reply(exchange, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

static void reply_endpoint(struct exchange *exchange, int status, const char *id)
{
	const struct control *control = exchange->control;
	const struct endpoint *endpoint = control->engine ? engine_endpoint(control->engine, id)
							  : NULL;

	if (!endpoint) {
		exchange_reply_empty(exchange, 204);
		return;
	}
	exchange_set_version(exchange, endpoint->version);
	exchange_reply(exchange, status, endpoint_view(control, endpoint));
}

void api_endpoint_get(struct exchange *exchange)
{
	const struct endpoint *endpoint = endpoint_find(exchange);

	if (endpoint)
		reply_endpoint(exchange, 200, endpoint->id);
}

/* ---- create and edit ---- */

/* A policy may be named by its name: the setting keeps its id, so that it can be renamed. */
static void resolve_policy(const struct control *control, json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "policy"));
	const struct pcap_policy *policy = name ? engine_policy(control->engine, name) : NULL;

	if (policy)
		json_object_set_new(object, "policy", json_string(policy->id));
}

static bool endpoint_is_valid(struct exchange *exchange, const struct endpoint *endpoint,
			      const json_t *object)
{
	const struct engine *engine = exchange->control->engine;
	const struct endpoint *other = engine_endpoint(engine, endpoint->name);
	const struct pcap_policy *named = engine_policy(engine, endpoint->policy);
	const char *policy = json_string_value(json_object_get(object, "policy"));
	struct error err;

	if (other && strcmp(other->id, endpoint->id)) {
		exchange_refuse(exchange, 409, "name_taken",
				"/name: there is an endpoint named \"%s\" already", endpoint->name);
		return false;
	}
	if (endpoint->kind != ENDPOINT_PCAP || (named && !named->once))
		return true;
	error_set(&err, "unknown_policy", "/policy",
		  "\"%.100s\": the id or name of an existing PCAP policy expected",
		  policy ? policy : endpoint->policy);
	exchange_refuse_error(exchange, 422, &err);
	return false;
}

/* Templates are compiled and tried when they are saved (TPL-06), also the note of a pcap endpoint.
 */
static int check_templates(const struct endpoint *endpoint, struct error *err)
{
	struct content_order order = push_message_order(endpoint);

	return content_check(&order, err);
}

struct endpoint_reply {
	struct exchange *exchange;
	int status;
	char id[IDENT_SIZE];
};

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct endpoint_reply *reply = owner;
	char location[96];

	(void)decision;
	if (result < 0) {
		exchange_refuse_store(reply->exchange, result);
	} else {
		snprintf(location, sizeof(location), "/api/v1/endpoints/%s", reply->id);
		if (reply->status == 201)
			exchange_set_header(reply->exchange, "Location", location);
		reply_endpoint(reply->exchange, reply->status, reply->id);
	}
	free(reply);
}

static void endpoint_commit(struct exchange *exchange, struct endpoint *endpoint, int status)
{
	struct control *control = exchange->control;
	struct decision *decision = decision_new(control);
	struct endpoint_reply *reply = xcalloc(1, sizeof(*reply));

	reply->exchange = exchange;
	reply->status = status;
	memcpy(reply->id, endpoint->id, sizeof(reply->id));
	endpoint->updated_at = decision->now.wall;
	if (status == 201)
		endpoint->created_at = decision->now.wall;
	fact_add_setting(&decision->facts, "endpoint", endpoint->id,
			 setting_row_format_endpoint(endpoint));
	/* an operator looked at it: what was wrong is taken as mended */
	fact_add_setting(&decision->facts, "endpoint_problem", endpoint->id, NULL);
	json_object_del(control->endpoint_problems, endpoint->id);
	fact_add_note(&decision->facts, decision->now.wall, "endpoint", endpoint->id, "",
		      "%s, version %" PRId64, status == 201 ? "created" : "edited",
		      endpoint->version);
	engine_on_endpoint_put(control->engine, endpoint, decision->now, &decision->actions);
	decision_commit(decision, on_committed, reply);
}

void api_endpoint_create(struct exchange *exchange, struct endpoint *endpoint)
{
	CLEANUP_JSON json_t *nothing = json_object();

	if (endpoint_is_valid(exchange, endpoint, nothing))
		endpoint_commit(exchange, endpoint, 201);
}

static void endpoint_change(struct exchange *exchange, struct endpoint *endpoint, int status)
{
	CLEANUP_JSON json_t *object = NULL;
	struct error err = {0};

	if (!exchange_read_object(exchange, &object))
		return;
	resolve_policy(exchange->control, object);
	if (endpoint_read(endpoint, object, &err) < 0 || check_templates(endpoint, &err) < 0)
		exchange_refuse_error(exchange, 422, &err);
	else if (endpoint_is_valid(exchange, endpoint, object))
		endpoint_commit(exchange, endpoint, status);
}

void api_endpoints_post(struct exchange *exchange)
{
	struct endpoint endpoint;

	endpoint_default(&endpoint);
	ident_new(wall_now(), endpoint.id);
	endpoint.version = 1;
	endpoint_change(exchange, &endpoint, 201);
	endpoint_fini(&endpoint);
}

void api_endpoint_put(struct exchange *exchange)
{
	const struct endpoint *present = endpoint_find(exchange);
	struct endpoint endpoint;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	endpoint_default(&endpoint);
	memcpy(endpoint.id, present->id, sizeof(endpoint.id));
	endpoint.version = present->version + 1;
	endpoint.created_at = present->created_at;
	endpoint_change(exchange, &endpoint, 200);
	endpoint_fini(&endpoint);
}

void api_endpoint_patch(struct exchange *exchange)
{
	const struct endpoint *present = endpoint_find(exchange);
	CLEANUP_FREE struct endpoint *endpoint = NULL;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	endpoint = endpoint_copy(present);
	endpoint->version++;
	endpoint_change(exchange, endpoint, 200);
	endpoint_fini(endpoint);
}

/* ---- delete ---- */

/* users is put. */
static void refuse_delete(struct exchange *exchange, const struct endpoint *endpoint, json_t *users)
{
	char detail[256];
	json_t *problem;

	snprintf(detail, sizeof(detail),
		 "endpoint \"%s\" is in use; delete with ?force=true takes it out of what names it",
		 endpoint->name);
	problem = problem_format(409, "endpoint_in_use", detail);
	json_object_set_new(problem, "users", users);
	exchange_reply_problem(exchange, 409, problem);
}

void api_endpoint_delete(struct exchange *exchange)
{
	static const char *const allowed[] = {"force", NULL};
	struct control *control = exchange->control;
	const struct endpoint *endpoint = endpoint_find(exchange);
	const char *force = exchange_query(exchange, "force");
	struct decision *decision;
	json_t *users;
	char id[IDENT_SIZE];

	if (!endpoint || !exchange_check_query(exchange, allowed) ||
	    !exchange_check_version(exchange, endpoint->version))
		return;
	users = api_routing_users(control, endpoint->id);
	if (json_array_size(users) && (!force || strcmp(force, "true"))) {
		refuse_delete(exchange, endpoint, users);
		return;
	}
	json_decref(users);
	memcpy(id, endpoint->id, sizeof(id));
	decision = decision_new(control);
	fact_add_setting(&decision->facts, "endpoint", id, NULL);
	fact_add_setting(&decision->facts, "endpoint_problem", id, NULL);
	json_object_del(control->endpoint_problems, id);
	fact_add_kill(&decision->facts, id, "endpoint_deleted");
	api_routing_detach(decision, id);
	fact_add_note(&decision->facts, decision->now.wall, "endpoint", id, "", "deleted");
	engine_on_endpoint_delete(control->engine, id, decision->now, &decision->actions);
	decision_commit(decision, decision_reply_empty, exchange);
}
