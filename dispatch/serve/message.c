/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/message.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/courier.h"
#include "dispatch/serve/control_state.h"

#define MESSAGE_VERSION	  1
#define REQUEST_BYTES_MAX (COURIER_URL_SIZE + COURIER_HEADERS_SIZE + 2 * COURIER_BODY_SIZE)

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

static json_t *body_format(const struct decision *decision, const struct action *action,
			   const struct endpoint *endpoint)
{
	const struct control *control = decision->control;
	const struct alert *alert = action->alert;
	size_t index = (size_t)(alert - decision->alerts.alerts);
	const char *outcome = alert_outcome_name(decision_outcome(decision, index));
	struct captures set = {0};
	json_t *captures = json_array();
	char event[48];

	captures_find(decision, alert, &set);
	for (size_t i = 0; i < set.count; i++)
		json_array_append_new(captures, capture_format(control, set.items[i]));
	snprintf(event, sizeof(event), "alert.%s", outcome);
	return json_pack("{s:i, s:s, s:s, s:o, s:{s:s, s:s}, s:o, s:{s:s, s:s}}", "version",
			 MESSAGE_VERSION, "event", event, "outcome", outcome, "alert",
			 alert_format(alert), "endpoint", "id", endpoint->id, "name",
			 endpoint->name, "captures", captures, "probe", "name", control->probe,
			 "url", control->base_url);
}

/* The body's text, within what the courier carries: labels and annotations are the only parts of an
 * alert that can be that long. */
static char *body_text(json_t *body)
{
	char *text = json_format(body);
	json_t *alert = json_object_get(body, "alert");

	if (strlen(text) <= COURIER_BODY_SIZE)
		return text;
	free(text);
	json_object_set_new(alert, "labels", json_object());
	json_object_set_new(alert, "annotations", json_object());
	json_object_set_new(body, "truncated", json_true());
	return json_format(body);
}

char *message_format(const struct decision *decision, const struct action *action)
{
	const struct endpoint *endpoint =
		engine_endpoint(decision->control->engine, action->push.endpoint);
	CLEANUP_JSON json_t *body = NULL, *request = NULL;
	CLEANUP_FREE char *text = NULL;

	bug_on(!endpoint);
	body = body_format(decision, action, endpoint);
	text = body_text(body);
	request = json_pack("{s:s, s:s, s:O?, s:I, s:s}", "url", endpoint->url, "method",
			    endpoint->method, "headers", endpoint->headers, "timeout_ms",
			    (json_int_t)(endpoint->timeout / DUR_MS), "body", text);
	bug_on(!request);
	return json_format(request);
}

static int header_append(struct courier_push *push, const char *name, const char *value)
{
	size_t len = strlen(push->headers);
	int n = snprintf(push->headers + len, sizeof(push->headers) - len, "%s: %s\n", name, value);

	if (strpbrk(name, "\r\n:") || strpbrk(value, "\r\n"))
		return -EINVAL;
	return n < 0 || (size_t)n >= sizeof(push->headers) - len ? -EINVAL : 0;
}

/* The endpoint's own headers; the courier adds what every push has. */
static int headers_parse(const json_t *headers, struct courier_push *ret)
{
	size_t i;
	json_t *pair;
	int r = 0;

	json_array_foreach (headers, i, pair) {
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (!r)
			r = name && value ? header_append(ret, name, value) : -EINVAL;
	}
	return r;
}

static int text_parse(const json_t *request, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(request, key));

	if (!text || strlen(text) >= size)
		return -EINVAL;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

int message_parse(const char *request, const char *push, struct courier_push *ret)
{
	CLEANUP_JSON json_t *json = NULL;
	const json_t *body;
	struct error err;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->push, sizeof(ret->push), "%s", push);
	ret->kind = ENDPOINT_HTTP;
	if (json_parse(request, strlen(request), REQUEST_BYTES_MAX, &json, &err) < 0)
		return -EINVAL;
	body = json_object_get(json, "body");
	if (!json_is_string(body) || json_string_length(body) > sizeof(ret->body) ||
	    text_parse(json, "url", ret->url, sizeof(ret->url)) ||
	    text_parse(json, "method", ret->method, sizeof(ret->method)) ||
	    headers_parse(json_object_get(json, "headers"), ret))
		return -EINVAL;
	ret->timeout_ms = (uint32_t)json_integer_value(json_object_get(json, "timeout_ms"));
	ret->body_size = (uint32_t)json_string_length(body);
	memcpy(ret->body, json_string_value(body), ret->body_size);
	return 0;
}
