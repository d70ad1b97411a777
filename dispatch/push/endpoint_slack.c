/* SPDX-License-Identifier: Apache-2.0 */
/* Slack: incoming webhook (a text answer "ok"), or chat.postMessage with a bot's token (always 200,
 * look at "ok"). */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/text.h"
#include "dispatch/push/vendor.h"
#include "policy/level.h"

#define TEXT_MAX   3000 /* characters of a section */
#define TITLE_MAX  500
#define FIELD_MAX  300
#define FIELDS_MAX 10

static bool is_bot(const struct courier_push *push)
{
	return *courier_push_get(push, COURIER_SECRET);
}

static const char *colour_of(const struct courier_push *push)
{
	if (push->event == COURIER_RECOVERED)
		return "good";
	return push->level == LEVEL_CRITICAL || push->level == LEVEL_ERROR ? "danger" : "warning";
}

static json_t *escaped(const char *text, size_t max)
{
	CLEANUP_BUF struct buf cut = BUF_INIT, b = BUF_INIT;

	text_append_chars(&cut, text, max);
	text_append_slack(&b, cut.data ? cut.data : "");
	return text_json(b.data ? b.data : "");
}

static json_t *fields_of(const struct courier_push *push)
{
	const char *cursor = courier_push_get(push, COURIER_FACTS);
	json_t *fields = json_array();
	struct text_fact fact;

	while (json_array_size(fields) < FIELDS_MAX && text_next_fact(&cursor, &fact)) {
		CLEANUP_FREE char *name = xasprintf("%.*s", (int)fact.name_len, fact.name);
		CLEANUP_FREE char *value = xasprintf("%.*s", (int)fact.value_len, fact.value);

		json_array_append_new(fields, json_pack("{s:o, s:o, s:b}", "title",
							escaped(name, FIELD_MAX), "value",
							escaped(value, FIELD_MAX), "short", 1));
	}
	return fields;
}

/* A body was escaped when it was rendered, but for a digest's. */
static json_t *body_of(const struct courier_push *push)
{
	const char *text = courier_push_get(push, COURIER_BODY);
	CLEANUP_BUF struct buf body = BUF_INIT;

	if (push->event == COURIER_DIGEST)
		return escaped(text, TEXT_MAX);
	text_append_chars(&body, text, TEXT_MAX);
	return text_json(body.data ? body.data : "");
}

static json_t *attachment_of(const struct courier_push *push)
{
	const char *link = courier_push_get(push, COURIER_LINK);
	json_t *attachment;

	attachment = json_pack("{s:s, s:o, s:o, s:o, s:I}", "color", colour_of(push), "fallback",
			       escaped(courier_push_get(push, COURIER_TITLE), TITLE_MAX), "text",
			       body_of(push), "fields", fields_of(push), "ts",
			       (json_int_t)(push->at / DUR_S));
	if (*link) {
		json_object_set_new(attachment, "title", json_string("Ringbell"));
		json_object_set_new(attachment, "title_link", text_json(link));
	}
	return attachment;
}

static json_t *message_of(const struct courier_push *push)
{
	const char *channel = courier_push_get(push, COURIER_TO);
	const char *thread = strchr(courier_push_get(push, COURIER_REFERENCE), ' ');
	json_t *message = json_object();

	if (*channel)
		json_object_set_new(message, "channel", text_json(channel));
	if (push->event == COURIER_TEST) {
		json_object_set_new(message, "text",
				    escaped(courier_push_get(push, COURIER_BODY), TEXT_MAX));
		return message;
	}
	json_object_set_new(message, "text",
			    escaped(courier_push_get(push, COURIER_TITLE), TITLE_MAX));
	json_object_set_new(message, "attachments", json_pack("[o]", attachment_of(push)));
	if (is_bot(push) && thread)
		json_object_set_new(message, "thread_ts", text_json(thread + 1));
	return message;
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	CLEANUP_JSON json_t *message = message_of(push);
	CLEANUP_BUF struct buf headers = BUF_INIT;

	(void)stage;
	(void)err;
	buf_append_text(&headers, "Content-Type: application/json; charset=utf-8\n");
	if (is_bot(push))
		buf_printf(&headers, "Authorization: Bearer %s\n",
			   courier_push_get(push, COURIER_SECRET));
	ret->headers = buf_take(&headers);
	ret->body = json_format(message);
	return 0;
}

static const char *const auth_errors[] = {"invalid_token",    "invalid_auth",  "not_authed",
					  "account_inactive", "token_revoked", "token_expired",
					  "no_service",	      "no_team"};

static bool is_auth_error(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(auth_errors); i++)
		if (!strcmp(text, auth_errors[i]))
			return true;
	return false;
}

/* Slack's 410 is one channel's (channel_is_archived), not the webhook's end: permanent, SLK-09. */
static void judge_webhook(const struct courier_push *push, const struct http_answer *answer,
			  wall_t now, struct courier_result *result)
{
	vendor_judge_status(push, answer, now, result);
	if (result->verdict == VERDICT_DISABLE)
		result->verdict = VERDICT_PERMANENT;
	if (result->verdict == VERDICT_DELIVERED &&
	    (answer->status != 200 || strcmp(answer->body, "ok"))) {
		vendor_judge_unreadable(push, answer, result);
		if (!strncmp(answer->body, "invalid_", 8))
			result->verdict = VERDICT_PERMANENT;
	}
	if (is_auth_error(answer->body))
		result->step = COURIER_STEP_AUTH;
}

static void judge_bot(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		      struct courier_result *result)
{
	CLEANUP_JSON json_t *reply = NULL;
	const char *error, *channel, *ts;
	struct error err;

	vendor_judge_status(push, answer, now, result);
	if (result->verdict != VERDICT_DELIVERED)
		return;
	if (json_parse(answer->body, answer->body_len, HTTP_ANSWER_MAX, &reply, &err) < 0 ||
	    !json_is_boolean(json_object_get(reply, "ok"))) {
		vendor_judge_unreadable(push, answer, result);
		return;
	}
	error = json_string_value(json_object_get(reply, "error"));
	channel = json_string_value(json_object_get(reply, "channel"));
	ts = json_string_value(json_object_get(reply, "ts"));
	if (json_is_true(json_object_get(reply, "ok"))) {
		if (channel && ts)
			snprintf(result->reference, sizeof(result->reference), "%s %s", channel,
				 ts);
		return;
	}
	error = error ? error : "";
	result->verdict = !strcmp(error, "ratelimited") || !strcmp(error, "rate_limited") ||
					  !strcmp(error, "internal_error") ||
					  !strcmp(error, "service_unavailable")
				  ? VERDICT_RETRY
				  : VERDICT_PERMANENT;
	result->step = is_auth_error(error) ? COURIER_STEP_AUTH : COURIER_STEP_REMOTE;
	result->retry_after_ms = verdict_parse_retry_after(answer->retry_after, now);
}

static void judge(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		  struct courier_result *result)
{
	(is_bot(push) ? judge_bot : judge_webhook)(push, answer, now, result);
}

const struct vendor vendor_slack = {.encode = encode, .judge = judge};
