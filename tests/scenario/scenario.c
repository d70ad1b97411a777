/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one scenario file (README.md) twice: as it is written, and with a restart before every
 * command, which must change nothing that the file expects. A file whose subject lives in memory
 * only (the span in which an unstamped event counts as a duplicate, the growing retry time) says so
 * with the line "in-memory" and is run once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum mode {
	MODE_PLAIN,
	MODE_RESTARTS,
};

struct scenario {
	struct world world;
	enum mode mode;
	bool in_memory;
};

static enum operator_switch switch_of(const struct line *line)
{
	static const char *const words[] = {
		[OPERATOR_ON] = "on", [OPERATOR_OFF] = "off", [OPERATOR_AUTOMATIC] = "automatic"};

	for (enum operator_switch what = OPERATOR_ON; what <= OPERATOR_AUTOMATIC; what++)
		if (!strcmp(line_word(line, 1), words[what]))
			return what;
	line_fail(line, "on, off or automatic expected");
}

static void run_switch(struct world *world, struct line *line)
{
	const char *note = line_value(line, "note");
	dur_t span = line_span(line, "for", 0), lookback = line_span(line, "lookback", 0);

	engine_on_switch(world->engine, world_run(world, line, line_word(line, 2))->policy,
			 switch_of(line), span, lookback, note ? note : "", world->now,
			 &world->actions);
}

/* capture started|failed|limit|stop POLICY ["reason"] */
static void run_capture(struct world *world, const struct line *line)
{
	const char *what = line_word(line, 1);
	const char *capture = world_run(world, line, line_word(line, 2))->capture;

	if (!strcmp(what, "started"))
		engine_on_capture_started(world->engine, capture, world->now, &world->actions);
	else if (!strcmp(what, "failed"))
		engine_on_capture_failed(world->engine, capture, line_word(line, 3), world->now,
					 &world->actions);
	else if (!strcmp(what, "limit"))
		engine_on_capture_limit(world->engine, capture, world->now, &world->actions);
	else if (!strcmp(what, "stop"))
		engine_on_capture_stop(world->engine, capture, world->now, &world->actions);
	else
		line_fail(line, "started, failed, limit or stop expected");
}

static bool is_setting(const char *verb)
{
	static const char *const kinds[] = {"policy",	    "endpoint", "source",
					    "alert-policy", "route",	"silence"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(verb, kinds[i]))
			return true;
	return false;
}

static void run_command(struct world *world, struct line *line)
{
	const char *verb = line_word(line, 0);

	if (is_setting(verb))
		world_put(world, line, verb, line_word(line, 1));
	else if (!strcmp(verb, "delete"))
		world_delete(world, line, line_word(line, 1), line_word(line, 2));
	else if (!strcmp(verb, "alert"))
		world_alert(world, line);
	else if (!strcmp(verb, "deliver"))
		world_deliver(world, line);
	else if (!strcmp(verb, "switch"))
		run_switch(world, line);
	else if (!strcmp(verb, "capture"))
		run_capture(world, line);
	else if (!strcmp(verb, "heard"))
		engine_on_heard(world->engine, line_word(line, 1), world->now, &world->actions);
	else if (!strcmp(verb, "push-dead"))
		world_push_dead(world, line, line_word(line, 1));
	else if (!strcmp(verb, "wall-step"))
		world->now.wall =
			wall_add(world->now.wall, line_parse_span(line, line_word(line, 1)));
	else if (!strcmp(verb, "restart"))
		world_restart(world, line_span(line, "down", 0));
	else
		line_fail(line, "unknown command \"%s\"", verb);
	line_check_used(line);
	world_apply(world, line);
}

/* A restart that the scenario does not mention. A step of the clock is known to nobody before the
 * engine has seen it, so it gets a look first. */
static void restart_quietly(struct world *world, const struct line *line)
{
	engine_on_time(world->engine, world->now, &world->actions);
	world_apply(world, line);
	expect_nothing_left(world, line);
	world_restart(world, 0);
	world_apply(world, line);
	expect_only_resumes(world, line);
	world_check(world, line);
}

/* "at SPAN command…" is the command at that time. */
static void strip_time(struct scenario *scenario, struct line *line)
{
	if (strcmp(line->words[0], "at"))
		return;
	world_advance(&scenario->world, line, line_parse_span(line, line_word(line, 1)));
	line->count -= 2;
	memmove(line->words, line->words + 2, (line->count + 1) * sizeof(line->words[0]));
}

static void run_line(struct scenario *scenario, struct line *line)
{
	struct world *world = &scenario->world;

	if (!line->count)
		return;
	if (!strcmp(line->words[0], "expect")) {
		expect_check(world, line);
		return;
	}
	if (!strcmp(line->words[0], "in-memory")) {
		scenario->in_memory = true;
		return;
	}
	expect_nothing_left(world, line);
	if (scenario->mode == MODE_RESTARTS)
		restart_quietly(world, line);
	strip_time(scenario, line);
	if (line->count && !strcmp(line->words[0], "expect"))
		expect_check(world, line);
	else if (line->count)
		run_command(world, line);
	world_check(world, line);
}

/* Returns whether the file is about memory only. */
static bool run_file(const char *path, enum mode mode)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	struct line line = {.file = path};
	FILE *file = fopen(path, "re");
	char text[1024];
	bool in_memory;

	if (!file || !scenario)
		line_fail(&line, "cannot be read");
	scenario->mode = mode;
	world_init(&scenario->world);
	while (fgets(text, sizeof(text), file)) {
		line.number++;
		line_parse(&line, text);
		run_line(scenario, &line);
	}
	expect_nothing_left(&scenario->world, &line);
	if (!line.number)
		line_fail(&line, "is empty");
	fclose(file);
	world_fini(&scenario->world);
	in_memory = scenario->in_memory;
	free(scenario);
	return in_memory;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: scenario FILE…\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (run_file(argv[i], MODE_PLAIN))
			continue;
		fprintf(stderr, "%s: again, with a restart before every command\n", argv[i]);
		run_file(argv[i], MODE_RESTARTS);
	}
	return 0;
}
