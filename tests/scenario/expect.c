/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const effect_names[] = {
	[ACTION_ALERT] = "outcome", [ACTION_UNHOLD] = "release",    [ACTION_PUSH] = "push",
	[ACTION_START] = "start",   [ACTION_SUPPRESS] = "suppress", [ACTION_STOP] = "stop",
	[ACTION_EDIT] = "edit",	    [ACTION_REFUSE] = "refuse",	    [ACTION_SIGNAL] = "signal",
};

static void print_effect(const struct world *world, const struct effect *effect)
{
	char from[DUR_TEXT_SIZE], until[DUR_TEXT_SIZE];

	fprintf(stderr, "  %s %s", effect_names[effect->kind], effect->subject);
	if (effect->kind == ACTION_ALERT)
		fprintf(stderr, "%s", alert_outcome_name(effect->outcome));
	if (effect->kind == ACTION_START)
		fprintf(stderr, " from=-%s%s",
			dur_format(wall_sub(world->now.wall, effect->from), from),
			effect->resume ? " resume" : "");
	if (effect->kind == ACTION_STOP)
		fprintf(stderr, " until=-%s",
			dur_format(wall_sub(world->now.wall, effect->until), until));
	fprintf(stderr, " %s\n", effect->reason);
}

static void print_effects(const struct world *world)
{
	fprintf(stderr, "what happened and is not expected yet:\n");
	for (size_t i = 0; i < world->effect_count; i++)
		print_effect(world, &world->effects[i]);
}

/* ---- effects ---- */

static bool time_fits(const struct world *world, struct line *line, const char *key, wall_t t)
{
	return !line_value(line, key) || wall_sub(t, world->now.wall) == line_span(line, key, 0);
}

static bool word_fits(struct line *line, const char *key, const char *text)
{
	const char *value = line_value(line, key);

	return !value || !strcmp(value, text);
}

static bool flag_fits(const struct line *line, const char *word, bool flag)
{
	bool wanted = false;

	for (size_t i = 3; i < line->count; i++)
		wanted = wanted || !strcmp(line->words[i], word);
	return wanted == flag;
}

static bool number_fits(struct line *line, const char *key, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, number);
	return word_fits(line, key, text);
}

static bool effect_fits(const struct world *world, struct line *line, const struct effect *effect)
{
	const char *subject = line_word(line, 2);

	if (strcmp(effect_names[effect->kind], line->words[1]))
		return false;
	if (effect->kind == ACTION_ALERT)
		return !strcmp(alert_outcome_name(effect->outcome), subject);
	if ((effect->kind == ACTION_SUPPRESS || effect->kind == ACTION_REFUSE) &&
	    strcmp(line_word(line, 3), effect->reason))
		return false;
	return !strcmp(effect->subject, subject) && time_fits(world, line, "from", effect->from) &&
	       time_fits(world, line, "until", effect->until) &&
	       time_fits(world, line, "trigger", effect->trigger) &&
	       word_fits(line, "reason", effect->reason) &&
	       word_fits(line, "level", level_name(effect->level)) &&
	       word_fits(line, "why", effect->why) && number_fits(line, "count", effect->count) &&
	       (effect->kind != ACTION_SIGNAL || flag_fits(line, "over", effect->over)) &&
	       (effect->kind != ACTION_START || flag_fits(line, "resume", effect->resume));
}

static void take_effect(struct world *world, struct line *line)
{
	for (size_t i = 0; i < world->effect_count; i++) {
		if (!effect_fits(world, line, &world->effects[i]))
			continue;
		world->effect_count--;
		memmove(&world->effects[i], &world->effects[i + 1],
			(world->effect_count - i) * sizeof(world->effects[0]));
		return;
	}
	print_effects(world);
	line_fail(line, "this did not happen");
}

static bool is_visible(const struct effect *effect)
{
	return effect->kind != ACTION_ALERT && effect->kind != ACTION_UNHOLD &&
	       effect->kind != ACTION_SIGNAL;
}

void expect_nothing_left(struct world *world, const struct line *line)
{
	for (size_t i = 0; i < world->effect_count; i++) {
		if (!is_visible(&world->effects[i]))
			continue;
		print_effects(world);
		line_fail(line, "more happened before this line than was expected");
	}
	world->effect_count = 0;
}

void expect_only_resumes(struct world *world, const struct line *line)
{
	for (size_t i = 0; i < world->effect_count; i++) {
		const struct effect *effect = &world->effects[i];
		const struct policy_run *run = world_run(world, line, effect->subject);

		if (effect->kind == ACTION_START && effect->resume &&
		    !strcmp(effect->capture, run->capture))
			continue;
		print_effects(world);
		line_fail(line, "a restart before this line changes something");
	}
	world->effect_count = 0;
}

/* ---- states ---- */

static void expect_state(const struct world *world, const struct line *line)
{
	const struct policy_run *run = world_run(world, line, line_word(line, 2));
	const char *state = policy_state_name(run->state);

	if (strcasecmp(state, line_word(line, 3)))
		line_fail(line, "the state is %s", state);
	if (!flag_fits(line, "veto", run->veto))
		line_fail(line, "there is %s veto", run->veto ? "a" : "no");
}

static void expect_reason(const struct world *world, const struct line *line)
{
	const struct policy_run *run = world_run(world, line, line_word(line, 2));

	if (strcmp(run->reason, line_word(line, 3)))
		line_fail(line, "the reason is \"%s\"", run->reason);
}

static void expect_holds(const struct world *world, const struct line *line)
{
	const char *policy = world_run(world, line, line_word(line, 2))->policy;
	char count[24];
	size_t n = 0;

	while (engine_hold_at(world->engine, policy, n))
		n++;
	snprintf(count, sizeof(count), "%zu", n);
	if (strcmp(count, line_word(line, 3)))
		line_fail(line, "there are %zu holds", n);
}

static void expect_hold(const struct world *world, struct line *line)
{
	const char *policy = world_run(world, line, line_word(line, 2))->policy;
	const struct hold *hold;
	char ends[DUR_TEXT_SIZE];

	for (size_t i = 0; (hold = engine_hold_at(world->engine, policy, i)); i++)
		if (time_fits(world, line, "ends", hold->until) &&
		    word_fits(line, "kind", hold_kind_name(hold->kind)) &&
		    word_fits(line, "level", level_name(hold->level)) &&
		    word_fits(line, "note", hold->note))
			return;
	for (size_t i = 0; (hold = engine_hold_at(world->engine, policy, i)); i++)
		fprintf(stderr, "  kind=%s level=%s ends=%s note=\"%s\"\n",
			hold_kind_name(hold->kind), level_name(hold->level),
			dur_format(wall_sub(hold->until, world->now.wall), ends), hold->note);
	line_fail(line, "there is no such hold");
}

static void expect_open(const struct world *world, const struct line *line)
{
	size_t open = 0;
	char count[24];

	for (size_t i = 0; i < world->alert_count; i++)
		open += world->alerts[i].open;
	snprintf(count, sizeof(count), "%zu", open);
	if (strcmp(count, line_word(line, 2)))
		line_fail(line, "%zu alerts are open", open);
}

/* The next timer: "expect timer 10s", "expect timer none". */
static void expect_timer(const struct world *world, const struct line *line)
{
	const char *wanted = line_word(line, 2);
	mono_t next = {0};
	bool set = engine_next_time(world->engine, &next);
	char text[DUR_TEXT_SIZE];

	if (!strcmp(wanted, "none")
		    ? !set
		    : set && mono_sub(next, world->now.mono) == line_parse_span(line, wanted))
		return;
	line_fail(line, "the next timer is %s",
		  set ? dur_format(mono_sub(next, world->now.mono), text) : "none");
}

void expect_check(struct world *world, struct line *line)
{
	const char *what = line_word(line, 1);

	if (!strcmp(what, "state"))
		expect_state(world, line);
	else if (!strcmp(what, "reason"))
		expect_reason(world, line);
	else if (!strcmp(what, "holds"))
		expect_holds(world, line);
	else if (!strcmp(what, "hold"))
		expect_hold(world, line);
	else if (!strcmp(what, "open"))
		expect_open(world, line);
	else if (!strcmp(what, "timer"))
		expect_timer(world, line);
	else if (!strcmp(what, "nothing"))
		expect_nothing_left(world, line);
	else
		take_effect(world, line);
	/* pairs of an effect are asked for only if the words fit: a typo must not pass */
	line_check_used(line);
}
