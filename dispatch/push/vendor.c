/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/vendor.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "dispatch/push/excerpt.h"

#define UNREADABLE_TRIES 3

void vendor_request_fini(struct vendor_request *request)
{
	free(request->url);
	free(request->headers);
	free(request->body);
}

void vendor_set_text(const struct http_answer *answer, struct courier_result *result)
{
	int n = snprintf(result->text, sizeof(result->text),
			 answer->body_len ? "HTTP %u: " : "HTTP %u", answer->status);

	excerpt_format(answer->body, answer->body_len, result->text + n,
		       sizeof(result->text) - (size_t)n);
}

static void set_verdict(struct courier_result *result, struct verdict v)
{
	result->verdict = v.verdict;
	result->step = v.step;
	result->retry_after_ms = v.retry_after_ms;
}

void vendor_judge_status(const struct courier_push *push, const struct http_answer *answer,
			 wall_t now, struct courier_result *result)
{
	(void)push;
	set_verdict(result, verdict_on_status(answer->status, answer->retry_after, now));
	vendor_set_text(answer, result);
}

void vendor_judge_unreadable(const struct courier_push *push, const struct http_answer *answer,
			     struct courier_result *result)
{
	result->verdict = push->attempt < UNREADABLE_TRIES ? VERDICT_RETRY : VERDICT_PERMANENT;
	result->step = COURIER_STEP_PROTOCOL;
	vendor_set_text(answer, result);
}

int64_t vendor_errcode(const struct http_answer *answer)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *code;
	struct error err;

	if (json_parse(answer->body, answer->body_len, HTTP_ANSWER_MAX, &reply, &err) < 0)
		return INT64_MIN;
	code = json_object_get(reply, "errcode");
	return json_is_integer(code) ? json_integer_value(code) : INT64_MIN;
}

static const struct vendor_code *find_code(const struct vendor_code codes[], int64_t code)
{
	for (; codes->code; codes++)
		if (codes->code == code)
			return codes;
	return NULL;
}

void vendor_judge_errcode(const struct courier_push *push, const struct http_answer *answer,
			  wall_t now, const struct vendor_code codes[],
			  struct courier_result *result)
{
	const struct vendor_code *known;
	int64_t code;
	size_t len;

	if (answer->status != 200) {
		vendor_judge_status(push, answer, now, result);
		if (result->verdict == VERDICT_DELIVERED) /* 2xx, but not the API's */
			vendor_judge_unreadable(push, answer, result);
		return;
	}
	code = vendor_errcode(answer);
	if (code == INT64_MIN) {
		vendor_judge_unreadable(push, answer, result);
		return;
	}
	vendor_set_text(answer, result);
	known = code ? find_code(codes, code) : NULL;
	result->verdict = !code ? VERDICT_DELIVERED : known ? known->verdict : VERDICT_PERMANENT;
	result->step = !code ? COURIER_STEP_NONE : known ? known->step : COURIER_STEP_REMOTE;
	result->retry_after_ms = known ? known->retry_after_ms : 0;
	len = strlen(result->text);
	if (known && known->hint)
		snprintf(result->text + len, sizeof(result->text) - len, " (%s)", known->hint);
}
