/* SPDX-License-Identifier: Apache-2.0 */
/* What each vendor is sent and how its answers are read, with the defects of other products'
 * senders (REQUIREMENTS 8.2). */
#include <jansson.h>

#include "base/json.h"
#include "dispatch/push/vendor.h"
#include "policy/level.h"
#include "policy/settings.h"
#include "tests/unit/test.h"

#define PUSH_ID "0193a000-0000-7000-8000-000000000001"
#define NOW	((wall_t){1700000000 * DUR_S})

static struct courier_push push;
static struct vendor_request request;

static void begin(enum endpoint_kind kind, enum courier_event event, enum level level)
{
	courier_push_init(&push, PUSH_ID);
	push.kind = kind;
	push.attempt = 1;
	push.event = event;
	push.level = level;
	push.at = NOW.ns;
	courier_push_set(&push, COURIER_TITLE, "disk \"full\" <b> & [x](http://evil) @all <@u>\n");
	courier_push_set(&push, COURIER_BODY, "body");
	courier_push_set(&push, COURIER_FACTS, "Level\tcritical\nObject\thost-1\n");
	courier_push_set(&push, COURIER_FINGERPRINT, "f00d");
	courier_push_set(&push, COURIER_OBJECT, "host-1");
	courier_push_set(&push, COURIER_PROBE, "probe-7");
	courier_push_set(&push, COURIER_LINK, "http://probe/c/1");
}

static json_t *encode(const struct vendor *vendor, unsigned stage)
{
	struct vendor_stage at = {.number = stage, .token = "tok", .now = NOW};
	struct error err = {0};
	json_t *json;

	vendor_request_fini(&request);
	request = (struct vendor_request){0};
	check(!vendor->encode(&push, &at, &request, &err));
	json = json_loads(request.body ? request.body : "null", JSON_DECODE_ANY, NULL);
	check(json);
	return json;
}

static struct courier_result judge(const struct vendor *vendor, unsigned status, const char *body)
{
	struct http_answer answer = {.status = status,
				     .body = body,
				     .body_len = strlen(body),
				     .retry_after = "7",
				     .redirect = "",
				     .error = ""};
	struct courier_result result = {.status = status};

	vendor->judge(&push, &answer, NOW, &result);
	return result;
}

struct row {
	unsigned status;
	const char *body;
	enum courier_verdict verdict;
	enum courier_step step;
};

static void check_rows(const struct vendor *vendor, const struct row *rows)
{
	for (; rows->status; rows++) {
		struct courier_result result = judge(vendor, rows->status, rows->body);

		if (result.verdict != rows->verdict || result.step != rows->step)
			fprintf(stderr, "%u %s: %s %s\n", rows->status, rows->body,
				courier_verdict_name(result.verdict),
				courier_step_name(result.step));
		check_int(result.verdict, rows->verdict);
		check_int(result.step, rows->step);
	}
}

static const char *text_at(const json_t *json, const char *path)
{
	const char *text = "";
	char key[32];

	while (*path && json) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		json = *key >= '0' && *key <= '9' ? json_array_get(json, (size_t)(*key - '0'))
						  : json_object_get(json, key);
		path += len + (path[len] == '.');
	}
	if (json_is_string(json))
		text = json_string_value(json);
	return text;
}

/* ---- Slack ---- */

static void test_slack(void)
{
	static const struct row rows[] = {
		{200, "ok", VERDICT_DELIVERED, COURIER_STEP_NONE},
		{200, "invalid_payload", VERDICT_PERMANENT, COURIER_STEP_PROTOCOL},
		{200, "<html>", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{400, "no_text", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{403, "invalid_token", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{404, "no_service", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{404, "channel_not_found", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{410, "channel_is_archived", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{429, "", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{500, "rollup_error", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{0}};
	json_t *json;

	begin(ENDPOINT_SLACK, COURIER_FIRING, LEVEL_CRITICAL);
	courier_push_set(&push, COURIER_TO, "#noc");
	json = encode(&vendor_slack, 0);
	check_text(text_at(json, "channel"), "#noc");
	check_text(text_at(json, "text"),
		   "disk \"full\" &lt;b&gt; &amp; [x](http://evil) @all &lt;@u&gt;\n");
	check_text(text_at(json, "attachments.0.color"), "danger");
	check_text(text_at(json, "attachments.0.fields.1.value"), "host-1");
	json_decref(json);
	check_rows(&vendor_slack, rows);
	check_int(judge(&vendor_slack, 429, "").retry_after_ms, 7000);
	push.event = COURIER_RECOVERED;
	json = encode(&vendor_slack, 0);
	check_text(text_at(json, "attachments.0.color"), "good");
	json_decref(json);
	begin(ENDPOINT_SLACK, COURIER_TEST, LEVEL_INFO);
	push.offsets[COURIER_BODY] = 0;
	courier_push_set(&push, COURIER_BODY, "Slack setting validated");
	json = encode(&vendor_slack, 0);
	check_text(text_at(json, "text"), "Slack setting validated");
	json_decref(json);
}

/* DEF-16: "HTTP 200 taken as success for WeCom/DingTalk/Slack API" */
static void test_slack_bot(void)
{
	static const struct row rows[] = {{200, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"17.1\"}",
					   VERDICT_DELIVERED, COURIER_STEP_NONE},
					  {200, "{\"ok\":false,\"error\":\"channel_not_found\"}",
					   VERDICT_PERMANENT, COURIER_STEP_REMOTE},
					  {200, "{\"ok\":false,\"error\":\"invalid_auth\"}",
					   VERDICT_PERMANENT, COURIER_STEP_AUTH},
					  {200, "{\"ok\":false,\"error\":\"ratelimited\"}",
					   VERDICT_RETRY, COURIER_STEP_REMOTE},
					  {200, "ok", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
					  {0}};
	json_t *json;

	begin(ENDPOINT_SLACK, COURIER_RECOVERED, LEVEL_RECOVERY);
	courier_push_set(&push, COURIER_SECRET, "xoxb-1");
	courier_push_set(&push, COURIER_TO, "C1");
	courier_push_set(&push, COURIER_REFERENCE, "C1 17.1");
	json = encode(&vendor_slack, 0);
	check_text(text_at(json, "thread_ts"), "17.1");
	check(strstr(request.headers, "Authorization: Bearer xoxb-1\n"));
	json_decref(json);
	check_rows(&vendor_slack, rows);
	check_text(judge(&vendor_slack, 200, rows[0].body).reference, "C1 17.1");
}

/* ---- PagerDuty ---- */

/* EMQ-04 */

static void test_pagerduty(void)
{
	static const struct row rows[] = {
		{202, "{\"status\":\"success\"}", VERDICT_DELIVERED, COURIER_STEP_NONE},
		{200, "{}", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{400, "{\"errors\":[\"summary\"]}", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{400, "{\"errors\":[\"Invalid routing key\"]}", VERDICT_PERMANENT,
		 COURIER_STEP_AUTH},
		{429, "", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{503, "", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{0}};
	json_t *json;

	begin(ENDPOINT_PAGERDUTY, COURIER_FIRING, LEVEL_NO_DATA);
	courier_push_set(&push, COURIER_SECRET, "0123456789abcdef0123456789abcdef");
	json = encode(&vendor_pagerduty, 0);
	check_text(text_at(json, "event_action"), "trigger");
	check_text(text_at(json, "dedup_key"), "f00d");
	check_text(text_at(json, "payload.severity"), "warning");
	check_text(text_at(json, "payload.source"), "host-1");
	check_text(text_at(json, "payload.timestamp"), "2023-11-14T22:13:20.000000000Z");
	json_decref(json);
	check_rows(&vendor_pagerduty, rows);
	push.event = COURIER_RECOVERED;
	json = encode(&vendor_pagerduty, 0);
	check_text(text_at(json, "event_action"), "resolve");
	check_text(text_at(json, "dedup_key"), "f00d");
	json_decref(json);
}

/* DEF-06 */
static void rancher_a_pagerduty_test_leaves_no_open_incident(void)
{
	json_t *trigger, *resolve;

	begin(ENDPOINT_PAGERDUTY, COURIER_TEST, LEVEL_CRITICAL);
	check_int(vendor_pagerduty.stages(&push), 2);
	trigger = encode(&vendor_pagerduty, 0);
	resolve = encode(&vendor_pagerduty, 1);
	check_text(text_at(trigger, "event_action"), "trigger");
	check_text(text_at(trigger, "payload.severity"), "info");
	check_text(text_at(resolve, "event_action"), "resolve");
	check_text(text_at(resolve, "dedup_key"), text_at(trigger, "dedup_key"));
	json_decref(trigger);
	json_decref(resolve);
}

static void a_summary_is_cut_on_a_character(void)
{
	char title[4001];
	const char *cut;
	json_t *json;

	for (size_t i = 0; i < 4000; i += 2)
		memcpy(title + i, "é", 2);
	title[4000] = '\0';
	begin(ENDPOINT_PAGERDUTY, COURIER_FIRING, LEVEL_ERROR);
	push.offsets[COURIER_TITLE] = 0;
	courier_push_set(&push, COURIER_TITLE, title);
	json = encode(&vendor_pagerduty, 0);
	cut = text_at(json, "payload.summary");
	check_int(strlen(cut), 2 * 1023 + 3);
	check_text(cut + 2 * 1023, "…");
	json_decref(json);
}

/* ---- WeCom ---- */

/* DEF-16 */
static void test_wecom_robot(void)
{
	static const struct row rows[] = {
		{200, "{\"errcode\":0,\"errmsg\":\"ok\"}", VERDICT_DELIVERED, COURIER_STEP_NONE},
		{200, "{\"errcode\":93000}", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{200, "{\"errcode\":45009}", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{200, "{\"errcode\":-1}", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{200, "{\"errcode\":40058}", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{200, "<html>", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{200, "{}", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{500, "", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{0}};
	char body[9001];
	json_t *json;

	begin(ENDPOINT_WECOM_ROBOT, COURIER_FIRING, LEVEL_CRITICAL);
	memset(body, 'x', 9000);
	body[9000] = '\0';
	push.offsets[COURIER_BODY] = 0;
	courier_push_set(&push, COURIER_BODY, body);
	json = encode(&vendor_wecom_robot, 0);
	check_int(strlen(text_at(json, "markdown.content")), 4096);
	/* what a sender wrote mentions nobody and links nowhere */
	check(!strstr(text_at(json, "markdown.content"), "<@"));
	check(!strstr(text_at(json, "markdown.content"), "]("));
	check(!strstr(text_at(json, "markdown.content"), "@all"));
	json_decref(json);
	check_rows(&vendor_wecom_robot, rows);
	check_int(judge(&vendor_wecom_robot, 200, "{\"errcode\":45009}").retry_after_ms, 60000);
	push.attempt = 3;
	check_int(judge(&vendor_wecom_robot, 200, "{\"errcode\":-1}").verdict, VERDICT_PERMANENT);
	push.numbers[COURIER_MESSAGE] = COURIER_PLAINTEXT;
	courier_push_set(&push, COURIER_TO, "zhang, li");
	json = encode(&vendor_wecom_robot, 0);
	check_int(strlen(text_at(json, "text.content")), 2048);
	check_text(text_at(json, "text.mentioned_list.1"), "li");
	json_decref(json);
}

/* DEF-01, DEF-02 */
static void rancher_wecom_app_every_failure_looked_like_success(void)
{
	static const struct row rows[] = {
		{200, "{\"errcode\":0}", VERDICT_DELIVERED, COURIER_STEP_NONE},
		{200, "{\"errcode\":40001}", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{200, "{\"errcode\":40056}", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{200, "{\"errcode\":60020}", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{200, "{\"errcode\":81013}", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{200, "{\"errcode\":42001}", VERDICT_RETRY, COURIER_STEP_AUTH},
		{200, "{\"code\":1,\"message\":\"no\"}", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{0}};
	struct courier_result partial;
	json_t *json;

	begin(ENDPOINT_WECOM_APP, COURIER_FIRING, LEVEL_ERROR);
	courier_push_set(&push, COURIER_URL, "https://api");
	courier_push_set(&push, COURIER_TO, "1, 2");
	push.numbers[COURIER_AGENT] = 1000002;
	json = encode(&vendor_wecom_app, 0);
	check_text(request.url, "https://api/cgi-bin/message/send?access_token=tok");
	check_text(text_at(json, "toparty"), "1|2");
	/* "agent id as string" */
	check_int(json_integer_value(json_object_get(json, "agentid")), 1000002);
	check_int(json_integer_value(json_object_get(json, "enable_duplicate_check")), 1);
	json_decref(json);
	check_rows(&vendor_wecom_app, rows);
	partial = judge(&vendor_wecom_app, 200, "{\"errcode\":0,\"invaliduser\":\"bob\"}");
	check_int(partial.verdict, VERDICT_DELIVERED);
	check(strstr(partial.text, "bob"));
}

/* ---- DingTalk ---- */

/* DEF-09, VEC-01 */
static void dingtalk_is_signed_anew_for_each_attempt(void)
{
	struct vendor_stage later = {.now = wall_add(NOW, 2 * DUR_HOUR)};
	struct error err = {0};
	json_t *json;
	char first[512];

	begin(ENDPOINT_DINGTALK, COURIER_FIRING, LEVEL_ERROR);
	courier_push_set(&push, COURIER_URL, "https://oapi/robot/send?access_token=t");
	courier_push_set(&push, COURIER_SECRET,
			 "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	json = encode(&vendor_dingtalk, 0);
	check_text(request.url,
		   "https://oapi/robot/send?access_token=t&timestamp=1700000000000&sign="
		   "bTgY2yDbep%2BwesS7jKiNj%2BsrsHoADES4%2BC4f8LCHFtU%3D");
	fill_text(first, request.url);
	json_decref(json);
	vendor_request_fini(&request);
	request = (struct vendor_request){0};
	check(!vendor_dingtalk.encode(&push, &later, &request, &err));
	check(strcmp(request.url, first));
	check(strstr(request.url, "sign=") == strrchr(request.url, 's') ||
	      !strstr(strstr(request.url, "sign=") + 5, "sign="));
}

/* EMQ-09, DEF-05, DEF-16 */
static void test_dingtalk(void)
{
	static const struct row rows[] = {
		{200, "{\"errcode\":0}", VERDICT_DELIVERED, COURIER_STEP_NONE},
		{200, "{\"errcode\":310000,\"errmsg\":\"sign not match\"}", VERDICT_PERMANENT,
		 COURIER_STEP_AUTH},
		{200, "{\"errcode\":130101}", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{200, "{\"errcode\":410100}", VERDICT_RETRY, COURIER_STEP_REMOTE},
		{200, "{\"errcode\":300005}", VERDICT_PERMANENT, COURIER_STEP_AUTH},
		{200, "{\"errcode\":400106}", VERDICT_PERMANENT, COURIER_STEP_REMOTE},
		{200, "<!DOCTYPE html>", VERDICT_RETRY, COURIER_STEP_PROTOCOL},
		{0}};
	json_t *json;

	begin(ENDPOINT_DINGTALK, COURIER_FIRING, LEVEL_ERROR);
	courier_push_set(&push, COURIER_KEYWORD, "告警");
	json = encode(&vendor_dingtalk, 0);
	check(strstr(text_at(json, "markdown.text"), "告警"));
	check(strstr(text_at(json, "markdown.title"), "告警"));
	/* Rancher mentioned everybody */
	check(json_is_false(json_object_get(json_object_get(json, "at"), "isAtAll")));
	check(strstr(request.headers, "application/json"));
	json_decref(json);
	check_rows(&vendor_dingtalk, rows);
	check_int(judge(&vendor_dingtalk, 200, "{\"errcode\":130101}").retry_after_ms, 600000);
	check(strstr(judge(&vendor_dingtalk, 200,
			   "{\"errcode\":310000,\"errmsg\":\"invalid timestamp\"}")
			     .text,
		     "clock"));
}

/* DEF-03: "JSON built by concatenation → broken or injected body" */
static void quotes_and_line_ends_stay_inside_their_strings(void)
{
	static const struct vendor *const vendors[] = {&vendor_slack, &vendor_pagerduty,
						       &vendor_wecom_robot, &vendor_wecom_app,
						       &vendor_dingtalk};

	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		begin(ENDPOINT_SLACK, COURIER_FIRING, LEVEL_ERROR);
		push.offsets[COURIER_BODY] = 0;
		courier_push_set(&push, COURIER_BODY, "\"},\n\"x\": {\"\\\xff\x01");
		json_decref(encode(vendors[i], 0));
	}
}

/* The lines of a digest are what senders wrote, in whatever form. */
static void digests_mention_nobody(void)
{
	static const struct {
		enum endpoint_kind kind;
		const struct vendor *vendor;
		const char *path;
	} chats[] = {{ENDPOINT_WECOM_ROBOT, &vendor_wecom_robot, "markdown.content"},
		     {ENDPOINT_DINGTALK, &vendor_dingtalk, "markdown.text"},
		     {ENDPOINT_WECOM_APP, &vendor_wecom_app, "markdown.content"}};
	json_t *json;

	for (size_t i = 0; i < ARRAY_SIZE(chats); i++) {
		begin(chats[i].kind, COURIER_DIGEST, LEVEL_CRITICAL);
		push.offsets[COURIER_BODY] = 0;
		courier_push_set(&push, COURIER_BODY, "- <@all> [x](http://evil)\n- @bob\n");
		json = encode(chats[i].vendor, chats[i].kind == ENDPOINT_WECOM_APP);
		check(strstr(text_at(json, chats[i].path), "bob\n"));
		check(!strstr(text_at(json, chats[i].path), "@all"));
		check(!strstr(text_at(json, chats[i].path), "@bob"));
		check(!strstr(text_at(json, chats[i].path), "](http://evil"));
		json_decref(json);
	}
	begin(ENDPOINT_SLACK, COURIER_DIGEST, LEVEL_CRITICAL);
	push.offsets[COURIER_BODY] = 0;
	courier_push_set(&push, COURIER_BODY, "- <!channel>\n");
	json = encode(&vendor_slack, 0);
	check_text(json_string_value(json_object_get(
			   json_array_get(json_object_get(json, "attachments"), 0), "text")),
		   "- &lt;!channel&gt;\n");
	json_decref(json);
}

int main(void)
{
	digests_mention_nobody();
	test_slack();
	test_slack_bot();
	test_pagerduty();
	rancher_a_pagerduty_test_leaves_no_open_incident();
	a_summary_is_cut_on_a_character();
	test_wecom_robot();
	rancher_wecom_app_every_failure_looked_like_success();
	dingtalk_is_signed_anew_for_each_attempt();
	test_dingtalk();
	quotes_and_line_ends_stay_inside_their_strings();
	vendor_request_fini(&request);
	return 0;
}
