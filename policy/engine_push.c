/* SPDX-License-Identifier: Apache-2.0 */
/* What endpoints are told, and what they were told already.
 *
 * Decided once, when the alert is accepted, on the monotonic clock; durable with the outbox row.
 *
 * Cycle (EPC-07 to EPC-10). It begins with a push of a firing alert or a notice, and belongs to one
 * endpoint and one pair of alert policy and object. Within it nothing of the pair is pushed but, by
 * the endpoint's mode, what is more severe than all that was, and the end. A push that is given up
 * takes its cycle with it.
 *
 * Frequency (EPC-11, EPC-12, A-03). Pushes of firing alerts in one incident of the pair. An alert
 * that ends and comes back within the cycle is the same incident: the count goes on.
 *
 * The end is pushed exactly to those who were told that this very alert is open, and
 * once; neither a silence nor a frequency holds it back: what an endpoint was told is open must not
 * stay open there for ever. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/engine_internal.h"

/* ---- pairs ---- */

void engine_pair_format(const struct alert *alert, char ret[SHA256_HEX_SIZE])
{
	if (alert->rule[0])
		alert_fingerprint(alert->source, alert->policy_id, alert->object_id, "", ret);
	else
		memcpy(ret, alert->fingerprint, SHA256_HEX_SIZE);
}

struct engine_pair *engine_get_pair(struct engine *engine, const char *key)
{
	struct engine_pair *pair = table_find(&engine->pairs, key);

	if (pair)
		return pair;
	pair = xcalloc(1, sizeof(*pair));
	memcpy(pair->key, key, sizeof(pair->key));
	table_add(&engine->pairs, pair);
	return pair;
}

struct engine_memory *engine_find_memory(const struct engine_pair *pair, const char *endpoint)
{
	for (size_t i = 0; pair && i < pair->count; i++)
		if (!strcmp(pair->memories[i].memory.endpoint, endpoint))
			return &pair->memories[i];
	return NULL;
}

static struct engine_memory *get_memory(struct engine_pair *pair, const char *endpoint)
{
	struct engine_memory *memory = engine_find_memory(pair, endpoint);

	if (memory)
		return memory;
	pair->memories = xreallocarray(pair->memories, pair->count + 1, sizeof(*memory));
	memory = &pair->memories[pair->count++];
	*memory = (struct engine_memory){0};
	memcpy(memory->memory.pair, pair->key, sizeof(memory->memory.pair));
	memcpy(memory->memory.endpoint, endpoint, sizeof(memory->memory.endpoint));
	return memory;
}

static void save_memory(struct turn *turn, const struct engine_memory *memory)
{
	actions_add(turn->actions, ACTION_MEMORY)->memory = memory->memory;
}

/* When a memory says nothing any more, given that nothing of the pair is open. */
static mono_t end_of(const struct engine *engine, const struct engine_memory *memory)
{
	const struct engine_endpoint *live =
		index_find(&engine->endpoints, memory->memory.endpoint);
	mono_t end = memory->pushed_at;

	if (!live || !wall_known(memory->memory.pushed_at))
		return (mono_t){0};
	end = mono_add(end, live->settings->cycle);
	if (live->settings->frequency_window && wall_known(memory->memory.window_at)) {
		mono_t window = mono_add(memory->window_at, live->settings->frequency_window);

		end = mono_sub(window, end) > 0 ? window : end;
	}
	return end;
}

static void free_pair(struct engine *engine, struct engine_pair *pair)
{
	deadline_clear(&engine->due, &pair->ends);
	table_take(&engine->pairs, pair->key);
	free(pair->memories);
	free(pair);
}

void engine_review_pair(struct turn *turn, struct engine_pair *pair)
{
	struct engine *engine = turn->engine;
	mono_t end = {0};

	for (size_t i = 0; i < pair->count; i++) {
		mono_t other = end_of(engine, &pair->memories[i]);

		end = mono_sub(other, end) > 0 ? other : end;
	}
	if (pair->open)
		deadline_clear(&engine->due, &pair->ends);
	else if (pair->count && mono_sub(end, turn->now.mono) > 0)
		deadline_set(&engine->due, &pair->ends, DUE_PAIR, end);
	if (pair->open || deadline_is_set(&pair->ends))
		return;
	if (pair->count)
		memcpy(actions_add(turn->actions, ACTION_FORGET)->memory.pair, pair->key,
		       sizeof(pair->key));
	pair->count = 0;
	if (!pair->alerts)
		free_pair(engine, pair);
}

/* ---- who knows ---- */

bool engine_is_told(const struct engine_alert *known, const char *endpoint)
{
	for (size_t i = 0; known && i < known->told_count; i++)
		if (!strcmp(known->told[i], endpoint))
			return true;
	return false;
}

static struct action_push *add_told(struct turn *turn, enum action_kind kind,
				    const struct engine_alert *known, const char *endpoint)
{
	struct action_push *push = &actions_add(turn->actions, kind)->push;

	memcpy(push->fingerprint, known->open_alert.fingerprint, sizeof(push->fingerprint));
	snprintf(push->endpoint, sizeof(push->endpoint), "%s", endpoint);
	return push;
}

static void note_told(struct turn *turn, struct engine_alert *known, const char *endpoint)
{
	if (engine_is_told(known, endpoint))
		return;
	known->told = xreallocarray(known->told, known->told_count + 1, sizeof(known->told[0]));
	memcpy(known->told[known->told_count++], endpoint, IDENT_SIZE);
	add_told(turn, ACTION_TOLD, known, endpoint);
}

static void untell(struct turn *turn, struct engine_alert *known, const char *endpoint)
{
	for (size_t i = known->told_count; i > 0; i--) {
		if (strcmp(known->told[i - 1], endpoint))
			continue;
		memmove(known->told[i - 1], known->told[--known->told_count], IDENT_SIZE);
		add_told(turn, ACTION_UNTOLD, known, endpoint);
	}
}

void engine_untell_all(struct turn *turn, struct engine_alert *known)
{
	if (known->told_count)
		add_told(turn, ACTION_UNTOLD, known, "");
	known->told_count = 0;
}

/* ---- judging ---- */

static const struct engine_memory *memory_of(const struct engine *engine,
					     const struct engine_alert *known,
					     const struct alert *alert, const char *endpoint)
{
	char key[SHA256_HEX_SIZE];

	if (known)
		return engine_find_memory(known->pair, endpoint);
	if (!engine->pairs.count)
		return NULL;
	engine_pair_format(alert, key);
	return engine_find_memory(table_find(&engine->pairs, key), endpoint);
}

static const char *judge_end(const struct endpoint *endpoint, const struct engine_alert *known,
			     const struct alert *alert, const struct plan_push *push)
{
	if (!level_in(endpoint->levels, alert->level))
		return "level";
	if (!engine_is_told(known, endpoint->id))
		return endpoint->levels & known->open_alert.levels ? "not_told" : "level";
	return push->in_cycle && endpoint->cycle_mode == CYCLE_STRICT ? "cycle" : NULL;
}

/* Fills what the memory says of this moment. */
static void recall(const struct endpoint *endpoint, const struct engine_memory *memory,
		   struct instant now, struct plan_push *push)
{
	dur_t window = endpoint->frequency_window;

	push->in_cycle = memory && wall_known(memory->memory.pushed_at) &&
			 mono_sub(now.mono, memory->pushed_at) < endpoint->cycle;
	push->new_window = !memory || !wall_known(memory->memory.window_at) ||
			   (window && mono_sub(now.mono, memory->window_at) >= window);
	if (!window && memory && memory->memory.recovered && !push->in_cycle)
		push->new_window = true;
	push->sends = 1 + (push->new_window ? 0 : memory->memory.sends);
}

static bool is_raised(const struct endpoint *endpoint, const struct engine_memory *memory,
		      const struct alert *alert)
{
	return endpoint->cycle_mode == CYCLE_ESCALATION && alert->level < memory->memory.level;
}

static const char *judge_firing(const struct endpoint *endpoint, const struct engine_memory *memory,
				const struct alert *alert, const struct plan *plan,
				struct plan_push *push)
{
	if (!level_in(endpoint->levels, alert->level))
		return "level";
	if (plan->silence)
		return "silence";
	if (push->in_cycle && !is_raised(endpoint, memory, alert))
		return "cycle";
	return endpoint->frequency && push->sends > endpoint->frequency ? "frequency" : NULL;
}

static const char *why(const struct engine_memory *memory, const struct alert *alert,
		       const struct plan *plan, const struct plan_push *push)
{
	if (plan->outcome == OUTCOME_CLOSED)
		return "recovered";
	if (push->in_cycle)
		return "level_raised";
	if (memory && plan->outcome != OUTCOME_OPENED && alert->status != ALERT_NOTICE)
		return "cycle_elapsed";
	return alert->status == ALERT_NOTICE ? "notice" : "first";
}

void engine_judge_push(const struct engine *engine, const struct engine_alert *known,
		       const struct alert *alert, struct instant now, const struct plan *plan,
		       struct plan_push *push)
{
	const struct endpoint *endpoint = push->endpoint;
	const struct engine_memory *memory = memory_of(engine, known, alert, endpoint->id);

	recall(endpoint, memory, now, push);
	if (!endpoint->enabled)
		push->suppress = "disabled";
	else if (plan->policy && !plan->policy->enabled && !engine_is_told(known, endpoint->id))
		push->suppress = "policy_disabled";
	else if (plan->outcome == OUTCOME_CLOSED)
		push->suppress = judge_end(endpoint, known, alert, push);
	else
		push->suppress = judge_firing(endpoint, memory, alert, plan, push);
	push->why = push->suppress ? "" : why(memory, alert, plan, push);
	push->held_back = memory ? memory->held_back : 0;
}

/* ---- carrying out ---- */

static struct engine_pair *pair_of(struct turn *turn, const struct engine_alert *known,
				   const struct alert *alert)
{
	char key[SHA256_HEX_SIZE];

	if (known)
		return known->pair;
	engine_pair_format(alert, key);
	return engine_get_pair(turn->engine, key);
}

static void remember_push(struct turn *turn, struct engine_alert *known, const struct alert *alert,
			  const struct plan_push *push, const char *id)
{
	struct engine_pair *pair = pair_of(turn, known, alert);
	struct engine_memory *memory = get_memory(pair, push->endpoint->id);
	struct push_memory *facts = &memory->memory;

	memcpy(facts->push, id, sizeof(facts->push));
	if (!push->in_cycle || alert->level < facts->level)
		facts->level = alert->level;
	if (push->new_window) {
		facts->window_at = turn->now.wall;
		memory->window_at = turn->now.mono;
	}
	facts->pushed_at = turn->now.wall;
	memory->pushed_at = turn->now.mono;
	facts->sends = push->sends;
	facts->recovered = false;
	memory->held_back = 0;
	save_memory(turn, memory);
	if (known && alert->status == ALERT_FIRING)
		note_told(turn, known, push->endpoint->id);
	else
		engine_review_pair(turn, pair);
}

static void remember_end(struct turn *turn, struct engine_alert *known,
			 const struct plan_push *push)
{
	struct engine_memory *memory = engine_find_memory(known->pair, push->endpoint->id);

	untell(turn, known, push->endpoint->id);
	if (!memory)
		return;
	memory->memory.recovered = true;
	memory->held_back = 0;
	save_memory(turn, memory);
}

static void remember_held_back(struct turn *turn, const struct engine_alert *known,
			       const struct alert *alert, const struct plan_push *push)
{
	struct engine_memory *memory = known ? engine_find_memory(known->pair, push->endpoint->id)
					     : NULL;

	(void)turn;
	if (memory && alert->status == ALERT_FIRING && strcmp(push->suppress, "level"))
		memory->held_back++;
}

void engine_tell(struct turn *turn, struct engine_alert *known, const struct alert *alert,
		 const struct plan_push *push)
{
	struct action *action =
		actions_add(turn->actions, push->suppress ? ACTION_SUPPRESS : ACTION_PUSH);
	char id[IDENT_SIZE] = "";

	if (!push->suppress) /* the other's is made when it is written: chance is a system call */
		ident_new(turn->now.wall, id);
	memcpy(action->push.id, id, sizeof(id));
	action->alert = alert;
	memcpy(action->push.endpoint, push->endpoint->id, sizeof(action->push.endpoint));
	memcpy(action->push.fingerprint, alert->fingerprint, sizeof(action->push.fingerprint));
	action->push.why = push->why;
	action->push.count = push->held_back + 1;
	if (push->suppress) {
		engine_set_reason(action, push->suppress);
		remember_held_back(turn, known, alert, push);
	} else if (alert->status == ALERT_RECOVERED) {
		remember_end(turn, known, push);
	} else {
		remember_push(turn, known, alert, push, id);
	}
}

void engine_on_push_dead(struct engine *engine, const struct dead_push *dead, struct instant now,
			 struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_alert *known = table_find(&engine->alerts, dead->fingerprint);
	struct engine_memory *memory = known ? engine_find_memory(known->pair, dead->endpoint)
					     : NULL;

	if (!memory || strcmp(memory->memory.push, dead->push))
		return;
	memory->memory.pushed_at = (wall_t){0};
	memory->memory.sends -= memory->memory.sends > 0;
	save_memory(&turn, memory);
	untell(&turn, known, dead->endpoint);
	if (!known->open_alert.open)
		engine_review_pair(&turn, known->pair);
	else if (*dead->fallback)
		note_told(&turn, known, dead->fallback);
}
