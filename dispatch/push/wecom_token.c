/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/wecom_token.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/push/vendor.h"

#define TOKENS_MAX 64

struct waiter {
	STAILQ_ENTRY(waiter) next;
	wecom_on_token on_token;
	void *owner;
};
STAILQ_HEAD(waiters, waiter);

struct token {
	LIST_ENTRY(token) next;
	char *api, *corp, *secret;
	char *text; /* NULL = none yet */
	mono_t until;
	bool fetching;
	struct waiters waiters;
};

struct wecom_tokens {
	struct http *http;
	LIST_HEAD(, token) tokens;
	unsigned count;
};

static void token_free(struct wecom_tokens *tokens, struct token *token)
{
	struct waiter *waiter;

	while ((waiter = STAILQ_FIRST(&token->waiters))) {
		STAILQ_REMOVE_HEAD(&token->waiters, next);
		free(waiter);
	}
	LIST_REMOVE(token, next);
	tokens->count--;
	free(token->api);
	free(token->corp);
	free(token->secret);
	free(token->text);
	free(token);
}

/* Old secrets must not pile up: beyond the limit any that is not in use goes. */
static void make_room(struct wecom_tokens *tokens)
{
	struct token *token = LIST_FIRST(&tokens->tokens);

	while (token && tokens->count >= TOKENS_MAX) {
		struct token *after = LIST_NEXT(token, next);

		if (!token->fetching)
			token_free(tokens, token);
		token = after;
	}
}

static struct token *find_or_add(struct wecom_tokens *tokens, const struct courier_push *push)
{
	const char *api = courier_push_get(push, COURIER_URL);
	const char *corp = courier_push_get(push, COURIER_USER);
	const char *secret = courier_push_get(push, COURIER_SECRET);
	struct token *token;

	LIST_FOREACH (token, &tokens->tokens, next)
		if (!strcmp(token->api, api) && !strcmp(token->corp, corp) &&
		    !strcmp(token->secret, secret))
			return token;
	make_room(tokens);
	token = xcalloc(1, sizeof(*token));
	token->api = xstrdup(api);
	token->corp = xstrdup(corp);
	token->secret = xstrdup(secret);
	STAILQ_INIT(&token->waiters);
	LIST_INSERT_HEAD(&tokens->tokens, token, next);
	tokens->count++;
	return token;
}

static void tell_waiters(struct token *token, const struct courier_result *failure)
{
	struct waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct waiter *waiter;

	STAILQ_CONCAT(&waiters, &token->waiters);
	while ((waiter = STAILQ_FIRST(&waiters))) {
		STAILQ_REMOVE_HEAD(&waiters, next);
		waiter->on_token(waiter->owner, token->text, failure);
		free(waiter);
	}
}

static void judge(const struct http_answer *answer, struct courier_result *result)
{
	static const struct vendor_code codes[] = {
		{-1, VERDICT_RETRY, COURIER_STEP_AUTH, 0, "busy"},
		{45009, VERDICT_RETRY, COURIER_STEP_AUTH, 60000, "too many requests for a token"},
		{40001, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the secret is wrong"},
		{40013, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "the corp id is wrong"},
		{60020, VERDICT_PERMANENT, COURIER_STEP_AUTH, 0, "our address is not allowed"},
		{0}};
	static const struct courier_push first = {.attempt = 1};

	if (!answer->status) {
		result->verdict = answer->failure.verdict;
		result->step = answer->failure.step;
		snprintf(result->text, sizeof(result->text), "%s", answer->error);
		return;
	}
	vendor_judge_errcode(&first, answer, wall_now(), codes, result);
}

static void take_token(struct token *token, const struct http_answer *answer)
{
	CLEANUP_JSON json_t *reply = NULL;
	const char *text = NULL;
	int64_t seconds = 0;
	struct error err;

	if (json_parse(answer->body, answer->body_len, HTTP_ANSWER_MAX, &reply, &err) < 0)
		return;
	json_read_text(reply, "", "access_token", 1, 512, &text, &err);
	json_read_int(reply, "", "expires_in", 0, 86400, &seconds, &err);
	token->text = xstrdup(text);
	token->until = mono_add(mono_now(), seconds * DUR_S / 10 * 9);
}

static void on_answer(void *owner, const struct http_answer *answer)
{
	struct courier_result result = {.status = answer->status, .elapsed_ms = answer->elapsed_ms};
	struct token *token = owner;

	token->fetching = false;
	judge(answer, &result);
	if (result.verdict == VERDICT_DELIVERED)
		take_token(token, answer);
	if (result.verdict == VERDICT_DELIVERED && !token->text) {
		result.verdict = VERDICT_RETRY;
		result.step = COURIER_STEP_PROTOCOL;
		snprintf(result.text, sizeof(result.text),
			 "the answer to gettoken has no access_token");
	}
	tell_waiters(token, &result);
}

static void append_escaped(struct buf *b, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);

	buf_append_text(b, escaped ? escaped : "");
	curl_free(escaped);
}

static void fetch(struct wecom_tokens *tokens, struct token *token, const struct courier_push *push)
{
	CLEANUP_BUF struct buf url = BUF_INIT;
	struct http_request request = {.method = "GET",
				       .timeout_ms = push->timeout_ms,
				       .verify = push->numbers[COURIER_VERIFY],
				       .ca = courier_push_get(push, COURIER_CA),
				       .proxy = courier_push_get(push, COURIER_PROXY)};

	buf_printf(&url, "%s/cgi-bin/gettoken?corpid=", token->api);
	append_escaped(&url, token->corp);
	buf_append_text(&url, "&corpsecret=");
	append_escaped(&url, token->secret);
	request.url = url.data;
	token->fetching = true;
	http_start(tokens->http, &request, on_answer, token);
}

void wecom_tokens_get(struct wecom_tokens *tokens, const struct courier_push *push,
		      wecom_on_token on_token, void *owner)
{
	struct token *token = find_or_add(tokens, push);
	struct waiter *waiter;

	if (token->text && mono_sub(token->until, mono_now()) > 0) {
		on_token(owner, token->text, NULL);
		return;
	}
	waiter = xcalloc(1, sizeof(*waiter));
	waiter->on_token = on_token;
	waiter->owner = owner;
	STAILQ_INSERT_TAIL(&token->waiters, waiter, next);
	if (token->fetching)
		return;
	free(token->text);
	token->text = NULL;
	fetch(tokens, token, push);
}

void wecom_tokens_forget(struct wecom_tokens *tokens, const char *text)
{
	struct token *token;

	LIST_FOREACH (token, &tokens->tokens, next)
		if (token->text && !strcmp(token->text, text))
			token->until = (mono_t){0};
}

struct wecom_tokens *wecom_tokens_new(struct http *http)
{
	struct wecom_tokens *tokens = xcalloc(1, sizeof(*tokens));

	tokens->http = http;
	LIST_INIT(&tokens->tokens);
	return tokens;
}

struct wecom_tokens *wecom_tokens_free(struct wecom_tokens *tokens)
{
	if (!tokens)
		return NULL;
	while (!LIST_EMPTY(&tokens->tokens))
		token_free(tokens, LIST_FIRST(&tokens->tokens));
	free(tokens);
	return NULL;
}
