/* SPDX-License-Identifier: Apache-2.0 */
/* Alertmanager's webhook, version 4, and the bare array of its API v2. A foreign format: unknown
 * keys are tolerated, the types of known ones are checked.
 *
 * Identity: policy = label alertname; object = the labels that name a thing, else all labels; rule
 * = the labels that are in neither, so that two alerts of one machine (two mount points, say) are
 * two. Alertmanager itself tells alerts apart by all labels; we leave out the severity, because a
 * rule's tiers are one alert whose level changes.
 *
 * Stamps: a recovery happened at endsAt. A firing element carries no stamp of its own: repeats have
 * the startsAt of the first, so they are ordered by when they arrive (event_at 0 here). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/intake_internal.h"
#include "policy/utf8.h"

#define DELAY_MAX (24 * DUR_HOUR)

static const char *const thing_labels[] = {"instance", "host",	 "node",    "namespace",
					   "pod",      "device", "service", NULL};
/* namespace alone names no thing */
static const char *const thing_labels_no_pod[] = {"instance", "host",	 "node",
						  "device",   "service", NULL};

/* severities are the usual words */
static const struct intake_map map = {0};

/* ---- level and status ---- */

static enum level level_of(const struct intake_element *element, struct alert *alert)
{
	const char *name = intake_label(alert, "alertname");
	enum level level = intake_map_level(&map, element, alert, intake_label(alert, "severity"));

	if (!strcmp(name, "DatasourceNoData"))
		return LEVEL_NO_DATA;
	return strcmp(name, "DatasourceError") ? level : LEVEL_ERROR;
}

/* API v2 has no status: an alert that ended is over. */
static int read_status(const struct intake_element *element, struct alert *alert, struct error *err)
{
	char field[INTAKE_POINTER_MAX];
	const char *word = NULL;
	bool ended = wall_known(alert->ends_at) &&
		     wall_sub(element->intake->now, alert->ends_at) >= 0;
	int r = json_read_text(element->object, element->pointer, "status", 0, JSON_BYTES_MAX,
			       &word, err);

	if (r < 0)
		return r;
	if (word ? !strcmp(word, "resolved") : ended) {
		alert->status = ALERT_RECOVERED;
		return 0;
	}
	alert->status = ALERT_FIRING;
	if (!word || !strcmp(word, "firing"))
		return 0;
	snprintf(field, sizeof(field), "%s/status", element->pointer);
	return error_set(err, "invalid_value", field, "\"%.100s\": firing or resolved expected",
			 word);
}

static int read_state(const struct intake_element *element, struct alert *alert, struct error *err)
{
	int r = json_read_wall(element->object, element->pointer, "startsAt", &alert->starts_at,
			       err);

	if (r >= 0)
		r = json_read_wall(element->object, element->pointer, "endsAt", &alert->ends_at,
				   err);
	if (r >= 0)
		r = read_status(element, alert, err);
	if (r < 0)
		return r;
	intake_set(&alert->source_level, intake_label(alert, "severity"), ALERT_NAME_MAX);
	if (alert->status == ALERT_RECOVERED) {
		alert->level = LEVEL_RECOVERY;
		alert->event_at = alert->ends_at;
		return 0;
	}
	alert->ends_at = (wall_t){0}; /* when it would be taken for over without news */
	alert->level = level_of(element, alert);
	intake_map_settle(alert);
	return 0;
}

/* ---- identity ---- */

static void set_policy(struct alert *alert)
{
	const char *name = intake_label(alert, "alertname");

	intake_set(&alert->policy_name, *name ? name : "unnamed", ALERT_NAME_MAX);
	free(alert->policy_id);
	alert->policy_id = strlen(name) > ALERT_NAME_MAX
				   ? intake_format_members(alert->labels,
							   (const char *const[]){"alertname", NULL})
				   : utf8_copy(alert->policy_name, ALERT_NAME_MAX);
}

/* The values alone, for people. */
static void set_object_name(struct alert *alert, const char *const things[])
{
	CLEANUP_BUF struct buf name = BUF_INIT;

	for (; *things; things++)
		if (*intake_label(alert, *things))
			buf_printf(&name, "%s%s", name.len ? " " : "",
				   intake_label(alert, *things));
	if (name.len)
		intake_set(&alert->object_name, name.data, ALERT_NAME_MAX);
}

static void set_object_and_rule(struct alert *alert)
{
	/* the namespace comes first: without a pod it belongs to the rest */
	static const char *const not_rest[] = {
		"namespace", "alertname", "severity", "instance", "host", "ringbell_delay",
		"node",	     "pod",	  "device",   "service",  NULL};
	static const char *const not_all[] = {"alertname", "severity", "ringbell_delay", NULL};
	bool pod = *intake_label(alert, "pod");
	const char *const *things = pod ? thing_labels : thing_labels_no_pod;
	CLEANUP_FREE char *object = intake_format_members(alert->labels, things);

	free(alert->object_id);
	free(alert->rule);
	if (*object) {
		alert->object_id = take_ptr(object);
		alert->rule = intake_format_labels(alert->labels, not_rest + !pod);
		set_object_name(alert, things);
	} else {
		alert->object_id = intake_format_labels(alert->labels, not_all);
		alert->rule = xstrdup("");
	}
	if (!*alert->object_id)
		intake_set(&alert->object_id, "unnamed", ALERT_NAME_MAX);
}

/* ---- the rest ---- */

/* A rule's author wrote it: a wrong one costs the longer look-back, not the alert. */
static void read_delay(struct alert *alert)
{
	const char *text = json_string_value(json_object_get(alert->annotations, "ringbell_delay"));
	dur_t delay;

	if (!text)
		text = intake_label(alert, "ringbell_delay");
	if (!*text)
		return;
	if (!dur_parse(text, &delay) && delay >= 0 && delay <= DELAY_MAX)
		alert->delay = delay;
	else
		json_object_set_new(alert->annotations, "ringbell_problem",
				    json_string("ringbell_delay is no duration from 0s to 24h "
						"like \"30s\" or \"5m\", ignored"));
}

static void set_from(struct alert *alert, char **field, const char *const keys[])
{
	for (; *keys && !**field; keys++) {
		const char *text = json_string_value(json_object_get(alert->annotations, *keys));

		if (text)
			intake_set(field, text, ALERT_TEXT_MAX);
	}
}

static void set_texts(struct alert *alert)
{
	set_from(alert, &alert->title, (const char *const[]){"summary", "title", NULL});
	set_from(alert, &alert->text, (const char *const[]){"description", "message", NULL});
	if (!*alert->title)
		intake_set(&alert->title, alert->policy_name, ALERT_TEXT_MAX);
}

/* The sender's own fingerprint stays visible but identifies nothing: severity is inside it. */
static int keep_fingerprint(const struct intake_element *element, struct alert *alert,
			    struct error *err)
{
	const char *text;
	int r = json_read_text(element->object, element->pointer, "fingerprint", 0, ALERT_NAME_MAX,
			       &text, err);

	if (!r)
		json_object_set_new(alert->annotations, "alertmanager_fingerprint",
				    json_string(text));
	return r < 0 ? r : 0;
}

int intake_alertmanager_parse(const struct intake_element *element, struct alert *alert,
			      struct error *err)
{
	int r = intake_read_labels(element, "labels", alert->labels, err);

	if (!r)
		r = intake_read_labels(element, "annotations", alert->annotations, err);
	if (!r)
		r = read_state(element, alert, err);
	if (!r)
		r = intake_read_text(element, "generatorURL", &alert->link, err);
	if (r >= 0)
		r = keep_fingerprint(element, alert, err);
	if (r)
		return r;
	set_policy(alert);
	set_object_and_rule(alert);
	read_delay(alert);
	set_texts(alert);
	return 0;
}

/* ---- tiers ---- */

static bool over(const struct alert *alert)
{
	return alert->status == ALERT_RECOVERED;
}

/* Which of two events of one alert speaks for it: a firing one, the more severe, the later. */
static bool outranks(const struct alert *a, const struct alert *b)
{
	if (over(a) != over(b))
		return over(b);
	if (!over(a))
		return a->level < b->level;
	return wall_sub(a->ends_at, b->ends_at) > 0;
}

/* A delivery is the state of a group. Where it has a rule's warning tier still firing beside its
 * critical tier resolved, the alert goes on as a warning, in whichever order they are listed. */
void intake_alertmanager_merge(struct alert_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		size_t j = i + 1;

		while (j < list->count) {
			struct alert *a = &list->alerts[i], *b = &list->alerts[j];

			if (strcmp(a->fingerprint, b->fingerprint)) {
				j++;
				continue;
			}
			if (outranks(b, a)) {
				struct alert swap = *a;

				*a = *b;
				*b = swap;
			}
			alert_list_remove(list, j);
		}
	}
}

const struct intake_kind intake_alertmanager_kind = {
	.name = "alertmanager",
	.parse = intake_alertmanager_parse,
	.merge = intake_alertmanager_merge,
	.list = "/alerts",
};
