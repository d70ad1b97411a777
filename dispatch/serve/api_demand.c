/* SPDX-License-Identifier: Apache-2.0 */
/* A capture on demand: the last N minutes and the next M, without an alert. It has a PCAP policy of
 * its own, held on by the operator and gone with the capture (struct pcap_policy, once), so that
 * look-back, limits, restarts and coverage are those of any capture. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/connection.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/policy_change.h"

#define SPAN_MAX (24 * DUR_HOUR)

/* ---- what was asked for ---- */

/* Who asks, as far as the probe itself knows. */
static void name_client(const struct exchange *exchange, char ret[80])
{
	const struct peer *peer = &exchange->connection->peer;
	const char *address = NULL;
	uint16_t port;

	if (peer->entrance == ENTRANCE_LOCAL) {
		snprintf(ret, 80, "uid %u on the probe", peer->uid);
		return;
	}
	evhttp_connection_get_peer(exchange->connection->http, (char **)&address, &port);
	snprintf(ret, 80, "the administrator's token from %.45s", address ? address : "?");
}

static int read_spans(struct policy_change *change, const json_t *object, struct error *err)
{
	int last = json_read_dur(object, "", "last", 0, SPAN_MAX, &change->last, err);
	int next = last < 0 ? last
			    : json_read_dur(object, "", "next", 0, SPAN_MAX, &change->next, err);

	if (next < 0)
		return next;
	if (!change->last && !change->next)
		return error_set(err, "missing_field", "/last",
				 "how far back (last), how far on (next), or both expected, as "
				 "in \"5m\"");
	return 0;
}

static int read_reason(struct policy_change *change, const json_t *object, struct error *err)
{
	const char *reason = NULL;
	char client[80];
	int r = json_read_text(object, "", "reason", 1, 120, &reason, err);

	if (r == JSON_ABSENT)
		return error_set(err, "missing_field", "/reason",
				 "why it is captured expected, 1 to 120 bytes: it stays with the "
				 "capture");
	if (r)
		return r;
	name_client(change->exchange, client);
	snprintf(change->why, sizeof(change->why), "%s (%s)", reason, client);
	return 0;
}

static bool has_ring(const struct control *control, const char *nic)
{
	struct ring_view ring;

	for (uint32_t i = 0; control_ring(control, i, &ring); i++)
		if (!strcmp(ring.nic, nic))
			return true;
	return false;
}

/* A policy may wait for a NIC that comes one day; what is asked for now cannot. */
static int check_nics(const struct policy_change *change, struct error *err)
{
	for (size_t i = 0; i < POLICY_NICS_MAX && change->policy.nics[i]; i++)
		if (!has_ring(change->exchange->control, change->policy.nics[i]))
			return error_set(err, "invalid_value", "/nics",
					 "\"%s\" is no NIC this probe records; GET status has them",
					 change->policy.nics[i]);
	return 0;
}

/* The members of a policy that make sense for one capture. */
static int read_policy(struct policy_change *change, const json_t *object, struct error *err)
{
	static const char *const members[] = {"nics",	      "filter",	     "match",
					      "slice",	      "max_packets", "sampling",
					      "budget_bytes", "priority"};
	CLEANUP_JSON json_t *policy = json_object();
	char name[SETTING_NAME_MAX + 1];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		json_object_set(policy, members[i], json_object_get(object, members[i]));
	snprintf(name, sizeof(name), "on-demand-%s", change->policy.id + IDENT_SIZE - 1 - 12);
	json_object_set_new(policy, "name", json_string(name));
	r = pcap_policy_read(&change->policy, policy, err);
	if (r)
		return r;
	change->policy.lookback_max = SPAN_MAX;
	change->policy.once = true;
	return check_nics(change, err);
}

static int read_demand(struct policy_change *change, const json_t *object, struct error *err)
{
	static const char *const allowed[] = {"last",	  "next",	  "reason",   "nics",
					      "filter",	  "match",	  "slice",    "max_packets",
					      "sampling", "budget_bytes", "priority", NULL};
	int r = json_check_keys(object, "", allowed, err);

	if (!r)
		r = read_spans(change, object, err);
	if (!r)
		r = read_reason(change, object, err);
	return r ? r : read_policy(change, object, err);
}

/* ---- it is done ---- */

static void decide(struct policy_change *change, struct decision *decision)
{
	struct engine *engine = decision->control->engine;
	const char *id = change->policy.id;
	const struct policy_run *run;

	/* a hold without a span lasts as long as the policy lets it */
	engine_on_switch(engine, id, OPERATOR_ON, change->next ? change->next : 1, change->last,
			 change->why, decision->now, &decision->actions);
	run = engine_run(engine, id);
	snprintf(change->capture, sizeof(change->capture), "%s", run ? run->capture : "");
	fact_add_note(&decision->facts, decision->now.wall, "capture", change->capture, "",
		      "on demand: %s", change->why);
	log_info("control", "capture %s: on demand: %s", change->capture, change->why);
}

static void reply(struct policy_change *change)
{
	char location[96];

	snprintf(location, sizeof(location), "/api/v1/captures/%s", change->capture);
	exchange_set_header(change->exchange, "Location", location);
	api_capture_reply(change->exchange, 201, change->capture);
}

void api_captures_post(struct exchange *exchange)
{
	CLEANUP_JSON json_t *object = NULL;
	struct policy_change *change;
	struct error err = {0};

	if (!exchange_read_object(exchange, &object))
		return;
	change = xcalloc(1, sizeof(*change));
	change->exchange = exchange;
	change->creating = true;
	change->decide = decide;
	change->reply = reply;
	pcap_policy_default(&change->policy);
	ident_new(wall_now(), change->policy.id);
	change->policy.version = 1;
	if (read_demand(change, object, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		policy_change_free(change);
		return;
	}
	policy_change_start(change);
}
