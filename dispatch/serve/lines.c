/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/lines.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"

void lines_start(struct lines *lines, struct control *control, const struct source *source)
{
	*lines = (struct lines){.decision = decision_new(control), .source = source};
}

bool lines_full(const struct lines *lines)
{
	return lines->decision->alerts.count >= LINES_ALERTS;
}

size_t lines_count(const struct lines *lines)
{
	return lines->decision->alerts.count;
}

/* Moves what a line became to the decision. */
static void take_alerts(struct decision *decision, struct alert_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct alert *alert = alert_list_add(&decision->alerts);
		struct alert empty = *alert;

		*alert = list->alerts[i];
		list->alerts[i] = empty;
	}
}

void lines_add(struct lines *lines, const char *line, size_t len)
{
	struct decision *decision = lines->decision;
	const struct source *source = lines->source;
	struct intake intake = source_intake(source, decision->now.wall);
	struct alert_list list;
	struct error err = {0};

	if (!intake_concerns(source->kind, line, len))
		return;
	alert_list_init(&list);
	if (intake_parse(&intake, line, len, &list, &err)) {
		intake_count_add(&decision->control->intakes, source->name, INTAKE_INVALID);
		log_info("alert", "source %s: line passed over: %s %s", source->name, err.field,
			 err.text);
	} else {
		if (list.count && lines->raw.len + len <= JOURNAL_RAW_MAX)
			buf_append(&lines->raw, line, len);
		take_alerts(decision, &list);
	}
	alert_list_fini(&list);
}

size_t lines_parse(struct lines *lines, const char *text, size_t len, bool *skipping)
{
	size_t done = 0;

	while (done < len && !lines_full(lines)) {
		const char *line = text + done;
		const char *end = memchr(line, '\n', len - done);
		size_t n = end ? (size_t)(end - line) + 1 : 0;

		if (!end && (done || len < LINES_BYTES_MAX))
			break; /* being written, or whole in the next turn */
		if (!end) {
			*skipping = true;
			return len;
		}
		if (!*skipping)
			lines_add(lines, line, n);
		*skipping = false;
		done += n;
	}
	return done;
}

struct lines_owner {
	decision_done done;
	void *owner;
};

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct lines_owner *lines = owner;

	for (size_t i = 0; i < decision->alerts.count; i++)
		intake_count_add(&decision->control->intakes, decision->alerts.alerts[i].source,
				 result < 0 ? INTAKE_FAILED : INTAKE_ACCEPTED);
	lines->done(lines->owner, decision, result);
	free(lines);
}

static void keep_raw(struct lines *lines)
{
	struct decision *decision = lines->decision;

	ident_new(decision->now.wall, decision->delivery.id);
	decision->delivery.source = xstrdup(lines->source->name);
	decision->delivery.received_at = decision->now.wall;
	decision->delivery.raw_size = lines->raw.len;
	decision->delivery.raw = buf_take(&lines->raw);
}

void lines_commit(struct lines *lines, decision_done done, void *owner)
{
	struct decision *decision = lines->decision;
	struct control *control = decision->control;
	struct lines_owner *kept = xcalloc(1, sizeof(*kept));

	*kept = (struct lines_owner){done, owner};
	if (decision->alerts.count)
		keep_raw(lines);
	for (size_t i = 0; i < decision->alerts.count; i++) {
		engine_on_alert(control->engine, &decision->alerts.alerts[i], decision->now,
				&decision->actions);
		watch_self_on_alert(&control->watch, &decision->alerts.alerts[i]);
	}
	buf_fini(&lines->raw);
	decision_commit(decision, on_committed, kept);
}

void lines_abort(struct lines *lines)
{
	buf_fini(&lines->raw);
	decision_abort(lines->decision);
}
