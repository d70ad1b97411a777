/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/query_job.h"

#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"

struct query_job *query_job_new(struct exchange *exchange, query_run run)
{
	struct query_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->run = run;
	job->status = 200;
	return job;
}

void query_job_abort(struct query_job *job)
{
	json_decref(job->json);
	json_decref(job->filter);
	free(job);
}

static int job_run(struct db *db, void *arg)
{
	struct query_job *job = arg;

	return job->run(db, job);
}

static void job_done(void *arg, int result)
{
	struct query_job *job = arg;
	struct exchange *exchange = job->exchange;

	if (result < 0) {
		exchange_refuse_store(exchange, result);
	} else if (job->absent) {
		exchange_refuse(exchange, 404, "not_found", "there is no object with id \"%s\"",
				job->id);
	} else if (job->reply) {
		job->reply(job);
	} else {
		if (job->finish)
			job->finish(job);
		exchange_reply(exchange, job->status, json_incref(job->json));
	}
	query_job_abort(job);
}

void query_job_post(struct query_job *job)
{
	store_post(job->exchange->control->store, STORE_READ, job_run, job_done, job);
}

bool query_job_read_id(struct query_job *job, const char *name, char ret[IDENT_SIZE])
{
	const char *text = exchange_query(job->exchange, name);

	if (!text)
		return true;
	if (ident_valid(text)) {
		memcpy(ret, text, IDENT_SIZE);
		return true;
	}
	exchange_refuse(job->exchange, 400, "invalid_value",
			"parameter %s: \"%.60s\" is no id (UUID in lower case)", name, text);
	return false;
}

json_t *query_job_page(json_t *items, int limit)
{
	size_t count = json_array_size(items);
	json_t *last = count >= (size_t)limit ? json_array_get(items, count - 1) : NULL;
	json_t *id = last ? json_incref(json_object_get(last, "id")) : json_null();

	return json_pack("{s:o, s:o}", "items", items, "next", id);
}
