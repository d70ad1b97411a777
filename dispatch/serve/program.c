/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "capture/recorder.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/problem.h"

#define COMPILE_TIMEOUT (5 * DUR_S) /* the worker limits itself to far less */

struct program_waiter {
	STAILQ_ENTRY(program_waiter) next;
	program_done done;
	void *owner;
};

void program_cache_init(struct program_cache *cache, struct control *control)
{
	cache->control = control;
	cache->count = 0;
	TAILQ_INIT(&cache->programs);
}

static void program_free(struct program_cache *cache, struct program *program)
{
	struct program_waiter *waiter;

	TAILQ_REMOVE(&cache->programs, program, next);
	cache->count--;
	while ((waiter = STAILQ_FIRST(&program->waiters))) {
		STAILQ_REMOVE_HEAD(&program->waiters, next);
		free(waiter);
	}
	free(program->text);
	free(program->insns);
	free(program);
}

void program_cache_fini(struct program_cache *cache)
{
	while (!TAILQ_EMPTY(&cache->programs))
		program_free(cache, TAILQ_FIRST(&cache->programs));
}

/* Room for one more: the least recently used that nobody waits for goes. */
static void cache_trim(struct program_cache *cache)
{
	struct program *program, *before;

	for (program = TAILQ_LAST(&cache->programs, programs);
	     program && cache->count >= PROGRAMS_MAX; program = before) {
		before = TAILQ_PREV(program, programs, next);
		if (program->state != PROGRAM_COMPILING && !program->kept)
			program_free(cache, program);
	}
}

static void program_fail(struct program *program, const char *message)
{
	program->state = PROGRAM_FAILED;
	snprintf(program->message, sizeof(program->message), "%s", message);
}

static void program_on_reply(struct program *program, const struct ipc_message *message)
{
	struct compile_reply *reply;

	if (!message || !ipc_is(message, struct compile_reply)) {
		program_fail(program, "the filter is too complex to compile");
		return;
	}
	reply = (struct compile_reply *)message->body;
	if (reply->ok && reply->program.count <= REC_INSNS_MAX) {
		program->state = PROGRAM_READY;
		program->count = reply->program.count;
		if (program->count)
			program->insns = xmemdup(reply->program.insns,
						 program->count * sizeof(struct sock_filter));
		return;
	}
	reply->message[sizeof(reply->message) - 1] = '\0';
	program->state = PROGRAM_REFUSED;
	program->position = reply->position;
	snprintf(program->message, sizeof(program->message), "%s", reply->message);
}

static void program_on_compiled(void *owner, const struct ipc_message *message)
{
	struct program *program = owner;
	struct control *control = program->control;
	struct program_waiter *waiter;

	program_on_reply(program, message);
	program->kept = true;
	while ((waiter = STAILQ_FIRST(&program->waiters))) {
		STAILQ_REMOVE_HEAD(&program->waiters, next);
		waiter->done(waiter->owner, program);
		free(waiter);
	}
	recorder_link_reconcile(&control->recorder);
	program->kept = false;
	if (program->state == PROGRAM_FAILED)
		program_free(&control->programs, program);
}

static void program_compile(struct program *program)
{
	struct compile_request *request = xcalloc(1, sizeof(*request));
	struct worker_job job = {.kind = WORKER_COMPILE,
				 .body = request,
				 .size = sizeof(*request),
				 .fd = -1,
				 .timeout = COMPILE_TIMEOUT};

	request->link_type = program->link_type;
	snprintf(request->text, sizeof(request->text), "%s", program->text);
	worker_start(&program->control->workers, &job, program_on_compiled, program);
	free(request);
}

static struct program *program_new(struct program_cache *cache, uint32_t link_type,
				   const char *text)
{
	struct program *program = xcalloc(1, sizeof(*program));

	cache_trim(cache);
	program->control = cache->control;
	program->link_type = link_type;
	program->text = xstrdup(text);
	STAILQ_INIT(&program->waiters);
	TAILQ_INSERT_HEAD(&cache->programs, program, next);
	cache->count++;
	if (!*text)
		program->state = PROGRAM_READY;
	else if (strlen(text) >= COMPILE_TEXT_MAX)
		program_fail(program, "the filter is too long");
	else
		program_compile(program);
	return program;
}

static struct program *program_find(struct program_cache *cache, uint32_t link_type,
				    const char *text)
{
	struct program *program;

	TAILQ_FOREACH (program, &cache->programs, next) {
		if (program->link_type != link_type || strcmp(program->text, text))
			continue;
		TAILQ_REMOVE(&cache->programs, program, next);
		TAILQ_INSERT_HEAD(&cache->programs, program, next);
		return program;
	}
	return program_new(cache, link_type, text);
}

const struct program *program_get(struct program_cache *cache, uint32_t link_type, const char *text)
{
	return program_find(cache, link_type, text);
}

void program_wait(struct program_cache *cache, uint32_t link_type, const char *text,
		  program_done done, void *owner)
{
	struct program *program = program_find(cache, link_type, text);
	struct program_waiter *waiter;

	if (program->state != PROGRAM_COMPILING) {
		done(owner, program);
		return;
	}
	waiter = xcalloc(1, sizeof(*waiter));
	waiter->done = done;
	waiter->owner = owner;
	STAILQ_INSERT_TAIL(&program->waiters, waiter, next);
}

json_t *program_format_problem(const struct program *program)
{
	struct error err;
	json_t *problem;

	error_set(&err, program->state == PROGRAM_REFUSED ? "invalid_filter" : "filter_too_complex",
		  "/filter", "\"%.100s\": %.200s", program->text, program->message);
	problem = problem_format_error(422, &err);
	if (program->state == PROGRAM_REFUSED)
		json_object_set_new(problem, "position", json_integer(program->position));
	return problem;
}

const char *program_format_text(const char *exclusion, const char *filter,
				char text[COMPILE_TEXT_MAX])
{
	if (*exclusion && *filter)
		snprintf(text, COMPILE_TEXT_MAX, "%s and (%s)", exclusion, filter);
	else
		snprintf(text, COMPILE_TEXT_MAX, "%s%s", exclusion, filter);
	return text;
}

void program_fill(const struct program *program, struct rec_program *ret)
{
	ret->count = program->count;
	if (program->count)
		memcpy(ret->insns, program->insns, program->count * sizeof(ret->insns[0]));
}
