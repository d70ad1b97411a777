/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/message.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/push_message.h"
#include "policy/utf8.h"

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

/* An operator sees that a template failed, and for which alert; the default goes out instead. */
static void note_problem(struct decision *decision, const struct endpoint *endpoint,
			 const struct alert *alert, const struct error *problem)
{
	if (!problem->code[0])
		return;
	log_warning("dispatch", "endpoint %s: %s: %s, sending the default instead, alert %s",
		    endpoint->id, problem->field, problem->text, alert->id);
	fact_add_note(&decision->facts, decision->now.wall, "endpoint", endpoint->id, alert->id,
		      "%s: %s", problem->field, problem->text);
}

/* The stored request; of kind pcap, which sends nothing, the text. */
static char *render(struct decision *decision, const struct endpoint *endpoint,
		    const struct alert *alert, unsigned count)
{
	const struct control *control = decision->control;
	struct content_order order = push_message_order(endpoint);
	CLEANUP_JSON json_t *captures = captures_format(decision, alert), *variables = NULL;
	struct content_facts facts = {
		.alert = alert,
		.outcome = alert_outcome_name(decision_outcome(decision, alert)),
		.captures = captures,
		.endpoint_id = endpoint->id,
		.endpoint_name = endpoint->name,
		.probe = control->probe,
		.base_url = control->base_url,
		.count = count,
		.language = endpoint->language};
	struct content content;
	char *text;

	variables = content_variables(&facts);
	content_render(&order, variables, &content);
	note_problem(decision, endpoint, alert, &content.problem);
	if (endpoint->kind == ENDPOINT_PCAP)
		text = xstrdup(content.body);
	else
		text = push_message_format(endpoint, &content, &facts);
	content_fini(&content);
	return text;
}

char *message_format(struct decision *decision, const struct action *action)
{
	const struct endpoint *endpoint =
		engine_endpoint(decision->control->engine, action->push.endpoint);

	bug_on(!endpoint);
	return render(decision, endpoint, action->alert, action->push.count);
}

char *message_note(struct decision *decision, const char *endpoint, const struct alert *alert)
{
	const struct endpoint *found = engine_endpoint(decision->control->engine, endpoint);
	char *note;

	if (!found || !*found->content)
		return NULL;
	note = render(decision, found, alert, 1);
	for (char *c = note; *c; c++)
		if ((unsigned char)*c < 0x20)
			*c = ' ';
	utf8_put(note, MESSAGE_NOTE_MAX, note);
	return note;
}
