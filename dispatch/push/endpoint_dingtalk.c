/* SPDX-License-Identifier: Apache-2.0 */
/* A robot of a DingTalk group. The signature is made anew for each attempt (it lives for an hour),
 * on the address as it is configured. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/chat.h"
#include "dispatch/push/signature.h"
#include "dispatch/push/text.h"
#include "dispatch/push/vendor.h"

#define CONTENT_MAX 18000 /* of a body of 20 000 bytes */
#define TITLE_MAX   200

static bool is_text(const struct courier_push *push)
{
	return push->numbers[COURIER_MESSAGE] == COURIER_PLAINTEXT || push->event == COURIER_TEST;
}

/* The robot's keyword must be in what it says; and only those are mentioned whose number is in the
 * text too. Both come behind the cut. */
static void append_tail(struct buf *content, const struct courier_push *push,
			const json_t *mentions)
{
	const char *keyword = courier_push_get(push, COURIER_KEYWORD);
	json_t *mention;
	size_t i;

	text_cut(content, CONTENT_MAX);
	json_array_foreach (mentions, i, mention)
		buf_printf(content, "%s@%s", i ? " " : "\n", json_string_value(mention));
	if (*keyword && !strstr(content->data, keyword))
		buf_printf(content, "\n%s", keyword);
}

static json_t *title_of(const struct courier_push *push)
{
	const char *keyword = courier_push_get(push, COURIER_KEYWORD);
	CLEANUP_BUF struct buf title = BUF_INIT;

	text_append_chars(&title, courier_push_get(push, COURIER_TITLE), TITLE_MAX);
	if (*keyword && !strstr(title.data ? title.data : "", keyword))
		buf_printf(&title, " %s", keyword);
	return text_json(title.data ? title.data : "");
}

static json_t *message_of(const struct courier_push *push)
{
	json_t *mentions = chat_mentions(push), *message;
	CLEANUP_BUF struct buf content = BUF_INIT;

	chat_append(&content, push, is_text(push) ? CHAT_TEXT : CHAT_MARKDOWN);
	append_tail(&content, push, mentions);
	if (is_text(push))
		message = json_pack("{s:s, s:{s:o}}", "msgtype", "text", "text", "content",
				    text_json(content.data));
	else
		message = json_pack("{s:s, s:{s:o, s:o}}", "msgtype", "markdown", "markdown",
				    "title", title_of(push), "text", text_json(content.data));
	json_object_set_new(message, "at",
			    json_pack("{s:o, s:b}", "atMobiles", mentions, "isAtAll",
				      push->numbers[COURIER_ALL] && push->event != COURIER_TEST));
	return message;
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	const char *url = courier_push_get(push, COURIER_URL);
	const char *secret = courier_push_get(push, COURIER_SECRET);
	CLEANUP_JSON json_t *message = message_of(push);
	CLEANUP_BUF struct buf signed_url = BUF_INIT;

	(void)err;
	buf_append_text(&signed_url, url);
	if (*secret) {
		buf_append_text(&signed_url, strchr(url, '?') ? "&" : "?");
		signature_append_dingtalk(&signed_url, secret, stage->now.ns / DUR_MS);
	}
	ret->url = buf_take(&signed_url);
	ret->headers = xstrdup("Content-Type: application/json; charset=utf-8\n");
	ret->body = json_format(message);
	return 0;
}

#define HOLD (600 * 1000) /* blocked for about ten minutes */

static void judge(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		  struct courier_result *result)
{
	static const struct vendor_code codes[] = {
		{-1, VERDICT_RETRY, COURIER_STEP_REMOTE, 0, "busy"},
		{130101, VERDICT_RETRY, COURIER_STEP_REMOTE, HOLD,
		 "more than 20 messages a minute"},
		{410100, VERDICT_RETRY, COURIER_STEP_REMOTE, HOLD,
		 "more than 20 messages a minute"},
		{310000, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, NULL},
		{300001, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, NULL},
		{300005, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, NULL},
		{400101, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, NULL},
		{0}};
	size_t len;

	vendor_judge_errcode(push, answer, now, codes, result);
	if (vendor_errcode(answer) == -1 && push->attempt >= 3)
		result->verdict = VERDICT_PERMANENT;
	len = strlen(result->text);
	if (strstr(answer->body, "timestamp"))
		snprintf(result->text + len, sizeof(result->text) - len,
			 " (is this appliance's clock right? the stamp must be within an hour)");
}

const struct vendor vendor_dingtalk = {.encode = encode, .judge = judge};
