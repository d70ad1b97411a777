/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/message.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/push_message.h"

#define MESSAGE_VERSION 1

/* The captures this event started, ended, or adds to: collected once each. */
struct captures {
	size_t count;
	const struct live_capture *items[8];
};

static void captures_add(struct captures *set, const struct control *control, const char *id)
{
	const struct live_capture *capture = *id ? live_find((struct live *)&control->live, id)
						 : NULL;

	if (!capture || set->count == ARRAY_SIZE(set->items))
		return;
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i] == capture)
			return;
	set->items[set->count++] = capture;
}

static void captures_of_policy(struct captures *set, const struct control *control,
			       const char *policy)
{
	const struct live_capture *capture;

	LIST_FOREACH (capture, &control->live.captures, next)
		if (!strcmp(capture->row.policy, policy))
			captures_add(set, control, capture->row.id);
}

/* Policies that this alert holds, or held until this event. */
static void captures_find(const struct decision *decision, const struct alert *alert,
			  struct captures *set)
{
	for (size_t i = 0; i < decision->actions.count; i++) {
		const struct action *action = &decision->actions.items[i];

		if ((action->kind == ACTION_HOLD || action->kind == ACTION_UNHOLD) &&
		    !strcmp(action->hold.key, alert->fingerprint))
			captures_of_policy(set, decision->control, action->hold.policy);
		if (action->kind == ACTION_CAPTURE && !strcmp(action->capture.alert, alert->id))
			captures_add(set, decision->control, action->capture.id);
	}
}

static json_t *capture_format(const struct control *control, const struct live_capture *capture)
{
	char from[WALL_TEXT_SIZE], until[WALL_TEXT_SIZE], url[512], coverage[160];
	const struct capture_row *row = &capture->row;

	wall_format(row->requested_from, from);
	wall_format(row->requested_until, until);
	snprintf(url, sizeof(url), "%s/api/v1/captures/%s", control->base_url, row->id);
	snprintf(coverage, sizeof(coverage), "requested from %s until %s", from,
		 *until ? until : "the alert is over");
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", row->id, "policy", row->policy_name,
			 "state", capture_state_name(row->state), "url", url, "coverage", coverage);
}

static json_t *captures_format(const struct decision *decision, const struct alert *alert)
{
	struct captures set = {0};
	json_t *captures = json_array();

	captures_find(decision, alert, &set);
	for (size_t i = 0; i < set.count; i++)
		json_array_append_new(captures, capture_format(decision->control, set.items[i]));
	return captures;
}

static json_t *body_format(const struct content_facts *facts)
{
	char event[48];

	snprintf(event, sizeof(event), "alert.%s", facts->outcome);
	return json_pack("{s:i, s:s, s:s, s:o, s:{s:s, s:s}, s:O, s:{s:s, s:s}}", "version",
			 MESSAGE_VERSION, "event", event, "outcome", facts->outcome, "alert",
			 alert_format(facts->alert), "endpoint", "id", facts->endpoint_id, "name",
			 facts->endpoint_name, "captures", facts->captures, "probe", "name",
			 facts->probe, "url", facts->base_url);
}

/* The body's text, within what the courier carries: labels and annotations are the only parts of an
 * alert that can be that long. */
static char *body_text(json_t *body)
{
	char *text = json_format(body);
	json_t *alert = json_object_get(body, "alert");

	if (strlen(text) <= COURIER_BODY_SIZE / 2)
		return text;
	free(text);
	json_object_set_new(alert, "labels", json_object());
	json_object_set_new(alert, "annotations", json_object());
	json_object_set_new(body, "truncated", json_true());
	return json_format(body);
}

char *message_format(const struct decision *decision, const struct action *action)
{
	const struct control *control = decision->control;
	const struct endpoint *endpoint = engine_endpoint(control->engine, action->push.endpoint);
	CLEANUP_JSON json_t *captures = captures_format(decision, action->alert), *body = NULL;
	size_t index = (size_t)(action->alert - decision->alerts.alerts);
	struct content_facts facts = {
		.alert = action->alert,
		.outcome = alert_outcome_name(decision_outcome(decision, index)),
		.captures = captures,
		.probe = control->probe,
		.base_url = control->base_url,
		.count = 1};
	struct content content = {0};
	char *request;

	bug_on(!endpoint);
	facts.endpoint_id = endpoint->id;
	facts.endpoint_name = endpoint->name;
	body = body_format(&facts);
	content.title = action->alert->title[0] ? action->alert->title : action->alert->policy_name;
	content.body = body_text(body);
	request = push_message_format(endpoint, &content, &facts);
	free(content.body);
	return request;
}
