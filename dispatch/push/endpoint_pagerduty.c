/* SPDX-License-Identifier: Apache-2.0 */
/* PagerDuty, Events API v2. A test triggers and resolves its own incident (PGD-11). */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/text.h"
#include "dispatch/push/vendor.h"
#include "policy/level.h"

#define SUMMARY_MAX 1024 /* characters */
#define SOURCE_MAX  255
#define DETAIL_MAX  8192

static const char *severity_of(const struct courier_push *push)
{
	static const char *const names[] = {
		[LEVEL_CRITICAL] = "critical", [LEVEL_ERROR] = "error", [LEVEL_WARNING] = "warning",
		[LEVEL_NO_DATA] = "warning",   [LEVEL_INFO] = "info",
	};

	if (push->event == COURIER_TEST || push->level >= ARRAY_SIZE(names) || !names[push->level])
		return "info";
	return names[push->level];
}

static json_t *cut(const char *text, size_t max)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	text_append_chars(&b, text, max);
	return text_json(b.data ? b.data : "");
}

static json_t *details_of(const struct courier_push *push)
{
	const char *cursor = courier_push_get(push, COURIER_FACTS);
	json_t *details = json_object();
	struct text_fact fact;

	while (text_next_fact(&cursor, &fact)) {
		CLEANUP_BUF struct buf name = BUF_INIT, value = BUF_INIT;

		buf_append(&name, fact.name, fact.name_len);
		buf_append(&value, fact.value, fact.value_len);
		json_object_set_new(details, name.data, text_json(value.data ? value.data : ""));
	}
	if (*courier_push_get(push, COURIER_BODY) && push->event != COURIER_TEST)
		json_object_set_new(details, "message",
				    cut(courier_push_get(push, COURIER_BODY), DETAIL_MAX));
	return details;
}

static json_t *payload_of(const struct courier_push *push)
{
	bool test = push->event == COURIER_TEST;
	const char *object = courier_push_get(push, COURIER_OBJECT);
	const char *probe = courier_push_get(push, COURIER_PROBE);
	const char *source = *object ? object : *probe ? probe : "ringbell";
	char at[WALL_TEXT_SIZE];

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "summary",
		cut(courier_push_get(push, test ? COURIER_BODY : COURIER_TITLE), SUMMARY_MAX),
		"source", cut(source, SOURCE_MAX), "severity", severity_of(push), "timestamp",
		wall_format((wall_t){push->at}, at), "component", text_json(probe), "class",
		cut(courier_push_get(push, COURIER_POLICY), SOURCE_MAX), "custom_details",
		details_of(push));
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	const char *key = push->event == COURIER_TEST ? push->push
						      : courier_push_get(push, COURIER_FINGERPRINT);
	bool resolve = push->event == COURIER_RECOVERED || stage->number > 0;
	const char *link = courier_push_get(push, COURIER_LINK);
	CLEANUP_JSON json_t *event = NULL;

	(void)err;
	event = json_pack("{s:o, s:s, s:s}", "routing_key",
			  text_json(courier_push_get(push, COURIER_SECRET)), "event_action",
			  resolve ? "resolve" : "trigger", "dedup_key", key);
	if (!resolve) {
		json_object_set_new(event, "payload", payload_of(push));
		json_object_set_new(event, "client", json_string("Ringbell"));
		if (*link) {
			json_object_set_new(event, "client_url", text_json(link));
			json_object_set_new(event, "links",
					    json_pack("[{s:o, s:s}]", "href", text_json(link),
						      "text", "Capture"));
		}
	}
	ret->headers = xstrdup("Content-Type: application/json; charset=utf-8\n");
	ret->body = json_format(event);
	return 0;
}

static void judge(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		  struct courier_result *result)
{
	vendor_judge_status(push, answer, now, result);
	if (result->verdict == VERDICT_DELIVERED && answer->status != 202)
		vendor_judge_unreadable(push, answer, result);
	if (result->verdict == VERDICT_DISABLE)
		result->verdict = VERDICT_PERMANENT;
	if (answer->status == 400 && strstr(answer->body, "outing"))
		result->step = COURIER_STEP_AUTH; /* "Invalid routing key" */
	if (answer->status == 401 || answer->status == 403)
		result->step = COURIER_STEP_AUTH;
}

static unsigned stages(const struct courier_push *push)
{
	return push->event == COURIER_TEST ? 2 : 1;
}

const struct vendor vendor_pagerduty = {.encode = encode, .judge = judge, .stages = stages};
