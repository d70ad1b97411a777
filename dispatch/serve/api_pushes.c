/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox as an operator sees it: what waits, what is dead, and dead letters that go again. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/query_job.h"
#include "storage/outbox.h"

static const char *const states[] = {"pending", "leased", "delivered", "dead", "suppressed"};

static int list_run(struct db *db, struct query_job *job)
{
	json_t *items = NULL;
	int r = outbox_list_state(db, states[job->state], job->id, job->limit, &items);

	if (r < 0)
		return r;
	job->json = json_pack("{s:o, s:n}", "items", items, "next");
	return 0;
}

/* -1 after having answered. */
static int read_state(struct exchange *exchange)
{
	const char *text = exchange_query(exchange, "state");

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(text ? text : "dead", states[i]))
			return (int)i;
	exchange_refuse(exchange, 400, "invalid_value",
			"state: \"%.40s\": pending, leased, delivered, dead or suppressed expected",
			text);
	return -1;
}

void api_pushes_list(struct exchange *exchange)
{
	static const char *const allowed[] = {"limit", "state", "endpoint", NULL};
	const char *name = exchange_query(exchange, "endpoint");
	const struct endpoint *endpoint = name ? engine_endpoint(exchange->control->engine, name)
					       : NULL;
	struct query_job *job;
	int limit = 50, state;

	if (!exchange_check_query(exchange, allowed) ||
	    !exchange_read_number(exchange, "limit", 1, 200, &limit))
		return;
	if (name && !endpoint) {
		exchange_refuse(exchange, 404, "unknown_endpoint",
				"there is no endpoint \"%.100s\"", name);
		return;
	}
	state = read_state(exchange);
	if (state < 0)
		return;
	job = query_job_new(exchange, list_run);
	job->limit = limit;
	job->state = state;
	snprintf(job->id, sizeof(job->id), "%s", endpoint ? endpoint->id : "");
	query_job_post(job);
}

/* ---- replay ---- */

struct replay {
	struct exchange *exchange;
	char id[IDENT_SIZE + 1];
	bool of_endpoint;
	int result;
};

static int replay_run(struct db *db, void *arg)
{
	struct replay *replay = arg;

	replay->result = replay->of_endpoint ? outbox_replay_endpoint(db, replay->id, wall_now())
					     : outbox_replay(db, replay->id, wall_now());
	return replay->result < 0 ? replay->result : 0;
}

static void reply_one(struct replay *replay)
{
	switch (replay->result) {
	case OUTBOX_NOT_DEAD:
		exchange_refuse(replay->exchange, 404, "not_found",
				"there is no dead push \"%.100s\"", replay->id);
		break;
	case OUTBOX_SUPERSEDED:
		exchange_refuse(replay->exchange, 409, "superseded",
				"a newer push of the same alert went out since: sending this one "
				"would say what is no longer so");
		break;
	default:
		exchange_reply(replay->exchange, 200, json_pack("{s:i}", "replayed", 1));
	}
}

static void replay_done(void *arg, int result)
{
	struct replay *replay = arg;
	struct control *control = replay->exchange->control;

	if (result < 0)
		exchange_refuse_store(replay->exchange, result);
	else if (replay->of_endpoint)
		exchange_reply(replay->exchange, 200,
			       json_pack("{s:i}", "replayed", replay->result));
	else
		reply_one(replay);
	courier_link_kick(&control->courier);
	free(replay);
}

static void replay_post(struct exchange *exchange, const char *id, bool of_endpoint)
{
	struct replay *replay = xcalloc(1, sizeof(*replay));

	replay->exchange = exchange;
	replay->of_endpoint = of_endpoint;
	snprintf(replay->id, sizeof(replay->id), "%s", id);
	commit_post(&exchange->control->commits, replay_run, replay_done, replay);
}

void api_push_replay(struct exchange *exchange)
{
	replay_post(exchange, exchange_param(exchange, 0), false);
}

void api_endpoint_replay(struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct endpoint *endpoint = engine_endpoint(exchange->control->engine, name);

	if (endpoint)
		replay_post(exchange, endpoint->id, true);
	else
		exchange_refuse(exchange, 404, "unknown_endpoint",
				"there is no endpoint \"%.100s\"", name);
}
