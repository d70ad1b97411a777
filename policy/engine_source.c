/* SPDX-License-Identifier: Apache-2.0 */
/* Sources as the engine sees them: what they may hold (SEC-06), and whether they are heard of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/engine_internal.h"
#include "policy/self_alert.h"

struct engine_source *engine_find_source(const struct engine *engine, const char *name)
{
	return table_find(&engine->by_source, name);
}

static struct engine_source *get_source(struct engine *engine, const char *name)
{
	struct engine_source *live = engine_find_source(engine, name);

	if (live)
		return live;
	live = xcalloc(1, sizeof(*live));
	snprintf(live->name, sizeof(live->name), "%s", name);
	table_add(&engine->by_source, live);
	return live;
}

/* Once nothing is left to know of a source that is gone, it goes. */
static void drop_source(struct engine *engine, struct engine_source *live)
{
	deadline_clear(&engine->due, &live->silent);
	if (live->settings || live->holds)
		return;
	table_take(&engine->by_source, live->name);
	free(live);
}

/* ---- limits ---- */

void engine_count_hold(struct engine *engine, const char *source, int change)
{
	struct engine_source *live;

	if (!*source)
		return;
	live = get_source(engine, source);
	live->holds += (uint32_t)change;
	if (!live->holds && !live->settings)
		drop_source(engine, live);
}

static bool may_switch(const struct source *source, const struct pcap_policy *policy)
{
	for (char *const *item = source->policies; *item; item++)
		if (!strcmp(*item, policy->id) || !strcmp(*item, policy->name))
			return true;
	return !source->policies[0];
}

const char *engine_source_refuses(const struct engine *engine, const struct alert *alert,
				  const struct pcap_policy *policy)
{
	const struct engine_source *live = engine_find_source(engine, alert->source);

	if (!live || !live->settings)
		return NULL;
	if (!may_switch(live->settings, policy))
		return "source_policy";
	if (live->settings->holds_max && live->holds >= live->settings->holds_max)
		return "source_holds";
	return NULL;
}

/* ---- silence ---- */

void engine_listen(struct turn *turn, struct engine_source *source)
{
	dur_t span = source->settings ? source->settings->heartbeat : 0;

	if (span)
		deadline_set(&turn->engine->due, &source->silent, DUE_SILENT,
			     mono_add(turn->now.mono, span));
	else
		deadline_clear(&turn->engine->due, &source->silent);
}

static void tell_silence(struct turn *turn, struct engine_source *source, bool over)
{
	char text[160], span[DUR_TEXT_SIZE];

	source->is_silent = !over;
	snprintf(text, sizeof(text),
		 over ? "heard of again" : "nothing was delivered for %s, its heartbeat",
		 over ? "" : dur_format(source->settings->heartbeat, span));
	engine_signal(turn, "source_silent", source->name, over, LEVEL_ERROR, text);
}

void engine_on_silent(struct turn *turn, struct engine_source *source)
{
	deadline_clear(&turn->engine->due, &source->silent);
	tell_silence(turn, source, false);
}

void engine_on_heard(struct engine *engine, const char *source, struct instant now,
		     struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct engine_source *live = engine_find_source(engine, source);

	if (!live || !live->settings || !live->settings->heartbeat)
		return;
	if (live->is_silent)
		tell_silence(&turn, live, true);
	engine_listen(&turn, live);
}

/* Whether it was silent is known from the alert that said so. */
void engine_restore_sources(struct turn *turn)
{
	struct table *sources = &turn->engine->by_source;

	for (size_t i = 0; i < sources->count; i++) {
		struct engine_source *source = sources->items[i];
		char fingerprint[SHA256_HEX_SIZE];
		const struct open_alert *alert;

		if (!source->settings || !source->settings->heartbeat)
			continue;
		self_alert_fingerprint("source_silent", source->name, fingerprint);
		alert = engine_open_alert(turn->engine, fingerprint);
		source->is_silent = alert && alert->open;
		if (!source->is_silent)
			engine_listen(turn, source);
	}
}

/* ---- settings ---- */

static void free_source(void *item)
{
	source_fini(item);
	free(item);
}

/* The settings by name: a source may be renamed. */
static void unlink_source(struct engine *engine, const struct source *settings)
{
	struct engine_source *live = engine_find_source(engine, settings->name);

	if (!live || live->settings != settings)
		return;
	live->settings = NULL;
	drop_source(engine, live);
}

void engine_load_source(struct engine *engine, const struct source *source)
{
	struct source *old = index_take(&engine->sources, source->id);
	struct source *copy = source_copy(source);

	if (old)
		unlink_source(engine, old);
	index_add(&engine->sources, copy);
	get_source(engine, copy->name)->settings = copy;
	if (old)
		free_source(old);
}

void engine_on_source_put(struct engine *engine, const struct source *source, struct instant now,
			  struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	const struct source *old = index_find(&engine->sources, source->id);
	const struct engine_source *was = old ? engine_find_source(engine, old->name) : NULL;
	bool renamed = old && strcmp(old->name, source->name);
	bool is_silent = was && was->is_silent && !renamed && source->heartbeat;
	struct engine_source *live;

	if (old && !is_silent)
		engine_end_signal(&turn, "source_silent", old->name,
				  renamed ? "the source has another name"
					  : "the source has no heartbeat any more");
	engine_load_source(engine, source);
	live = engine_find_source(engine, source->name);
	live->is_silent = is_silent;
	if (!is_silent)
		engine_listen(&turn, live);
}

void engine_on_source_delete(struct engine *engine, const char *source, struct instant now,
			     struct actions *actions)
{
	struct turn turn = engine_turn(engine, now, actions);
	struct source *settings = index_take(&engine->sources, source);

	if (!settings)
		return;
	engine_end_signal(&turn, "source_silent", settings->name, "the source was removed");
	unlink_source(engine, settings);
	free_source(settings);
}
