/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/endpoint_http.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/error.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/request.h"
#include "dispatch/push/vendor.h"
#include "dispatch/push/wecom_token.h"
#include "policy/settings.h"

/* One push under way. */
struct delivery {
	LIST_ENTRY(delivery) next;
	struct endpoint_http *http;
	const struct vendor *vendor;
	struct courier_push *push; /* cut to what is used */
	struct vendor_stage stage;
	char *token;
	bool token_renewed; /* refused once: one more try with a new one */
	unsigned redirects; /* followed so far */
	uint32_t elapsed_ms;
};

struct endpoint_http {
	struct http *http;
	struct wecom_tokens *tokens;
	endpoint_on_result on_result;
	void *owner;
	LIST_HEAD(, delivery) deliveries;
};

static const struct vendor *vendor_of(uint32_t kind)
{
	static const struct vendor *const vendors[] = {
		[ENDPOINT_HTTP] = &vendor_http,
		[ENDPOINT_SLACK] = &vendor_slack,
		[ENDPOINT_PAGERDUTY] = &vendor_pagerduty,
		[ENDPOINT_WECOM_ROBOT] = &vendor_wecom_robot,
		[ENDPOINT_WECOM_APP] = &vendor_wecom_app,
		[ENDPOINT_DINGTALK] = &vendor_dingtalk,
	};

	return kind < ARRAY_SIZE(vendors) ? vendors[kind] : NULL;
}

int endpoint_http_takes(uint32_t kind)
{
	return vendor_of(kind) != NULL;
}

static void delivery_free(struct delivery *d)
{
	LIST_REMOVE(d, next);
	free(d->push);
	free(d->token);
	free(d);
}

static void finish(struct delivery *d, struct courier_result *result)
{
	struct endpoint_http *http = d->http;

	memcpy(result->push, d->push->push, sizeof(result->push));
	result->elapsed_ms = d->elapsed_ms;
	delivery_free(d);
	http->on_result(http->owner, result);
}

static void refuse(struct delivery *d, const char *text)
{
	struct courier_result result = {.verdict = VERDICT_PERMANENT, .step = COURIER_STEP_REQUEST};

	excerpt_format(text, strlen(text), result.text, sizeof(result.text));
	finish(d, &result);
}

static void fail(struct delivery *d, const struct http_answer *answer)
{
	struct courier_result result = {.verdict = answer->failure.verdict,
					.step = answer->failure.step};

	snprintf(result.text, sizeof(result.text), "%s", answer->error);
	finish(d, &result);
}

/* ---- redirects ---- */

static bool same_origin(const char *a, const char *b)
{
	const char *authority = strstr(b, "://");
	size_t len = authority ? (size_t)(authority + 3 - b) + strcspn(authority + 3, "/?#") : 0;

	return len && !strncasecmp(a, b, len) && (!a[len] || strchr("/?#", a[len]));
}

static bool is_redirect(const struct delivery *d, const struct http_answer *answer)
{
	static const unsigned followed[] = {301, 302, 307, 308};
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(followed); i++)
		known = known || answer->status == followed[i];
	return known && d->redirects < d->push->numbers[COURIER_REDIRECTS] &&
	       !strncasecmp(answer->redirect, "http", 4) &&
	       /* never from TLS to clear text */
	       (strncasecmp(courier_push_get(d->push, COURIER_URL), "https", 5) ||
		!strncasecmp(answer->redirect, "https://", 8));
}

static void on_answer(void *owner, const struct http_answer *answer);

/* `url` NULL = the request's own or the push's. */
static void exchange(struct delivery *d, const struct vendor_request *encoded, const char *url,
		     const char *headers)
{
	const struct courier_push *push = d->push;
	const char *body = encoded->body ? encoded->body : courier_push_get(push, COURIER_BODY);
	struct http_request request = {.method = encoded->method ? encoded->method : "POST",
				       .url = url	     ? url
					      : encoded->url ? encoded->url
							     : courier_push_get(push, COURIER_URL),
				       .headers = headers,
				       .body = body,
				       .body_len = strlen(body),
				       .timeout_ms = push->timeout_ms,
				       .verify = push->numbers[COURIER_VERIFY],
				       .ca = courier_push_get(push, COURIER_CA),
				       .cert = courier_push_get(push, COURIER_CERT),
				       .cert_key = courier_push_get(push, COURIER_CERT_KEY),
				       .proxy = courier_push_get(push, COURIER_PROXY)};

	http_start(d->http->http, &request, on_answer, d);
}

static void send(struct delivery *d, const char *redirect)
{
	struct vendor_request encoded = {0};
	struct error err = {0};

	d->stage.now = wall_now();
	d->stage.token = d->token;
	if (d->vendor->encode(d->push, &d->stage, &encoded, &err) < 0)
		refuse(d, err.text);
	else if (redirect && !same_origin(redirect, courier_push_get(d->push, COURIER_URL)))
		/* what may be a secret stays with the host it was meant for */
		exchange(d, &encoded, redirect, "Content-Type: application/json; charset=utf-8\n");
	else
		exchange(d, &encoded, redirect, encoded.headers);
	vendor_request_fini(&encoded);
}

/* ---- WeCom's token ---- */

static void on_token(void *owner, const char *token, const struct courier_result *failure)
{
	struct delivery *d = owner;
	struct courier_result result;

	if (token) {
		free(d->token);
		d->token = xstrdup(token);
		send(d, NULL);
		return;
	}
	result = *failure;
	d->elapsed_ms += failure->elapsed_ms;
	finish(d, &result);
}

static void start(struct delivery *d)
{
	if (d->vendor == &vendor_wecom_app)
		wecom_tokens_get(d->http->tokens, d->push, on_token, d);
	else
		send(d, NULL);
}

static bool token_was_refused(const struct delivery *d, const struct http_answer *answer)
{
	int64_t code = d->token && answer->status == 200 ? vendor_errcode(answer) : 0;

	return code == 40014 || code == 42001 || code == 41001;
}

/* ---- answers ---- */

static void on_answer(void *owner, const struct http_answer *answer)
{
	struct courier_result result = {.status = answer->status};
	struct delivery *d = owner;

	d->elapsed_ms += answer->elapsed_ms;
	if (!answer->status) {
		fail(d, answer);
		return;
	}
	if (is_redirect(d, answer)) {
		d->redirects++;
		send(d, answer->redirect);
		return;
	}
	if (token_was_refused(d, answer)) {
		wecom_tokens_forget(d->http->tokens, d->token);
		if (!d->token_renewed) {
			d->token_renewed = true;
			start(d);
			return;
		}
	}
	d->vendor->judge(d->push, answer, wall_now(), &result);
	if (result.verdict == VERDICT_DELIVERED && d->vendor->stages &&
	    ++d->stage.number < d->vendor->stages(d->push)) {
		send(d, NULL);
		return;
	}
	finish(d, &result);
}

void endpoint_http_start(struct endpoint_http *http, const struct courier_push *push)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->http = http;
	d->vendor = vendor_of(push->kind);
	bug_on(!d->vendor);
	d->push = xmemdup(push, courier_push_size(push));
	LIST_INSERT_HEAD(&http->deliveries, d, next);
	start(d);
}

struct endpoint_http *endpoint_http_new(struct loop *loop, const struct courier_config *config,
					endpoint_on_result on_result, void *owner)
{
	struct endpoint_http *http = xcalloc(1, sizeof(*http));

	http->on_result = on_result;
	http->owner = owner;
	LIST_INIT(&http->deliveries);
	http->http = http_new(loop, config);
	http->tokens = wecom_tokens_new(http->http);
	return http;
}

struct endpoint_http *endpoint_http_free(struct endpoint_http *http)
{
	if (!http)
		return NULL;
	http_free(http->http);
	wecom_tokens_free(http->tokens);
	while (!LIST_EMPTY(&http->deliveries))
		delivery_free(LIST_FIRST(&http->deliveries));
	free(http);
	return NULL;
}
