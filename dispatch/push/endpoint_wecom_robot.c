/* SPDX-License-Identifier: Apache-2.0 */
/* A robot of a WeCom group. Limits are in bytes; the address has the key. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/chat.h"
#include "dispatch/push/text.h"
#include "dispatch/push/vendor.h"

#define TEXT_MAX     2048
#define MARKDOWN_MAX 4096

static bool is_text(const struct courier_push *push)
{
	return push->numbers[COURIER_MESSAGE] == COURIER_PLAINTEXT || push->event == COURIER_TEST;
}

static json_t *text_message(const struct courier_push *push)
{
	CLEANUP_BUF struct buf content = BUF_INIT;
	json_t *mentions = chat_mentions(push);

	chat_append(&content, push, CHAT_TEXT);
	text_cut(&content, TEXT_MAX);
	if (push->numbers[COURIER_ALL] && push->event != COURIER_TEST)
		json_array_append_new(mentions, json_string("@all"));
	return json_pack("{s:s, s:{s:o, s:o}}", "msgtype", "text", "text", "content",
			 text_json(content.data), "mentioned_list", mentions);
}

/* Mentions come first, so that they are not cut off. */
static json_t *markdown_message(const struct courier_push *push)
{
	CLEANUP_JSON json_t *mentions = chat_mentions(push);
	CLEANUP_BUF struct buf content = BUF_INIT;
	json_t *mention;
	size_t i;

	json_array_foreach (mentions, i, mention)
		buf_printf(&content, "<@%s>", json_string_value(mention));
	if (push->numbers[COURIER_ALL])
		buf_append_text(&content, "<@all>");
	if (content.len)
		buf_append_text(&content, "\n");
	chat_append(&content, push, CHAT_MARKDOWN);
	text_cut(&content, MARKDOWN_MAX);
	return json_pack("{s:s, s:{s:o}}", "msgtype", "markdown", "markdown", "content",
			 text_json(content.data));
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	CLEANUP_JSON json_t *message = is_text(push) ? text_message(push) : markdown_message(push);

	(void)stage;
	(void)err;
	ret->headers = xstrdup("Content-Type: application/json; charset=utf-8\n");
	ret->body = json_format(message);
	return 0;
}

static void judge(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		  struct courier_result *result)
{
	static const struct vendor_code codes[] = {
		{-1, VERDICT_RETRY, COURIER_STEP_REMOTE, 0, "busy"},
		{45009, VERDICT_RETRY, COURIER_STEP_REMOTE, 60000,
		 "more than 20 messages a minute"},
		{93000, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the key in the address is wrong"},
		{0}};

	vendor_judge_errcode(push, answer, now, codes, result);
	if (vendor_errcode(answer) == -1 && push->attempt >= 3)
		result->verdict = VERDICT_PERMANENT;
}

const struct vendor vendor_wecom_robot = {.encode = encode, .judge = judge};
