/* SPDX-License-Identifier: Apache-2.0 */
/* An app of WeCom. The access token comes from dispatch/push/wecom_token.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/chat.h"
#include "dispatch/push/text.h"
#include "dispatch/push/vendor.h"

#define CONTENT_MAX	   2048
#define DUPLICATE_INTERVAL 1800 /* s in which the same message of ours is shown once */

static const char *recipient_key(const struct courier_push *push)
{
	static const char *const keys[] = {
		[COURIER_PARTY] = "toparty", [COURIER_PERSON] = "touser", [COURIER_TAG] = "totag"};
	uint32_t type = push->numbers[COURIER_RECIPIENT];

	return keys[type < ARRAY_SIZE(keys) ? type : COURIER_PARTY];
}

static json_t *recipients_of(const struct courier_push *push)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	for (const char *list = courier_push_get(push, COURIER_TO); *list;) {
		size_t len = strcspn(list, ",| ");

		if (len && b.len)
			buf_append_text(&b, "|");
		buf_append(&b, list, len);
		list += len;
		list += strspn(list, ",| ");
	}
	return text_json(b.data ? b.data : "");
}

static json_t *message_of(const struct courier_push *push)
{
	bool text = push->numbers[COURIER_MESSAGE] == COURIER_PLAINTEXT ||
		    push->event == COURIER_TEST;
	const char *type = text ? "text" : "markdown";
	CLEANUP_BUF struct buf content = BUF_INIT;

	chat_append(&content, push, text ? CHAT_TEXT : CHAT_MARKDOWN);
	text_cut(&content, CONTENT_MAX);
	return json_pack("{s:o, s:I, s:s, s:{s:o}, s:i, s:i}", recipient_key(push),
			 recipients_of(push), "agentid", (json_int_t)push->numbers[COURIER_AGENT],
			 "msgtype", type, type, "content", text_json(content.data),
			 "enable_duplicate_check", 1, "duplicate_check_interval",
			 DUPLICATE_INTERVAL);
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	CLEANUP_JSON json_t *message = message_of(push);

	(void)err;
	ret->url = xasprintf("%s/cgi-bin/message/send?access_token=%s",
			     courier_push_get(push, COURIER_URL), stage->token);
	ret->headers = xstrdup("Content-Type: application/json; charset=utf-8\n");
	ret->body = json_format(message);
	return 0;
}

static void judge(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		  struct courier_result *result)
{
	static const struct vendor_code codes[] = {
		{-1, VERDICT_RETRY, COURIER_STEP_REMOTE, 0, "busy"},
		{45009, VERDICT_RETRY, COURIER_STEP_REMOTE, 60000, "too many messages"},
		{40014, VERDICT_RETRY, COURIER_STEP_AUTH, 0, "the access token was refused"},
		{42001, VERDICT_RETRY, COURIER_STEP_AUTH, 0, "the access token has expired"},
		{41001, VERDICT_RETRY, COURIER_STEP_AUTH, 0, "the access token was missing"},
		{40001, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the secret is wrong"},
		{40013, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the corp id is wrong"},
		{40056, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the agent id is wrong"},
		{60020, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "our address is not allowed"},
		{81013, VERDICT_PERMANENT, COURIER_STEP_REMOTE, 0, "no recipient is valid"},
		{0}};

	vendor_judge_errcode(push, answer, now, codes, result);
}

const struct vendor vendor_wecom_app = {.encode = encode, .judge = judge};
