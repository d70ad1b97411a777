/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <signal.h>
#include <unistd.h>

#include "dispatch/push/endpoint_http.h"
#include "policy/settings.h"
#include "tests/unit/peer.h"
#include "tests/unit/test.h"

#define PUSH_ID "0193a000-0000-7000-8000-000000000001"

static const struct courier_config config = {.connect_timeout_ms = 2000, .allow = "127.0.0.0/8"};

struct fixture {
	struct loop *loop;
	struct endpoint_http *http;
	struct timer *limit;
	struct courier_result result;
	unsigned results;
};

/* What the peer answers, and what it got. */
struct script {
	const char *answer;
	void (*act)(const struct peer_request *request);
	char request[PEER_REQUEST_MAX];
	char id[64], attempt[16], agent[64], type[64], stamp[32];
};

static void on_result(void *owner, const struct courier_result *result)
{
	struct fixture *f = owner;

	f->result = *result;
	f->results++;
	loop_stop(f->loop);
}

static void on_limit(void *owner)
{
	(void)owner;
	fprintf(stderr, "no result within 60 s\n");
	exit(1);
}

static void fixture_init(struct fixture *f)
{
	f->loop = loop_new();
	f->http = endpoint_http_new(f->loop, &config, on_result, f);
	f->limit = timer_new(f->loop, on_limit, f);
	timer_set(f->limit, 60 * DUR_S);
	f->results = 0;
}

static void fixture_fini(struct fixture *f)
{
	endpoint_http_free(f->http);
	timer_free(f->limit);
	loop_free(f->loop);
}

static void record(struct script *s, const struct peer_request *request)
{
	memcpy(s->request, request->text, request->len + 1);
	peer_header(request, "webhook-id", s->id, sizeof(s->id));
	peer_header(request, "webhook-timestamp", s->stamp, sizeof(s->stamp));
	peer_header(request, "X-Ringbell-Attempt", s->attempt, sizeof(s->attempt));
	peer_header(request, "User-Agent", s->agent, sizeof(s->agent));
	peer_header(request, "Content-Type", s->type, sizeof(s->type));
}

static void on_request(void *owner, struct peer_request *request)
{
	struct script *s = owner;

	if (request->number == 1)
		record(s, request);
	if (s->answer)
		peer_write(request, s->answer);
	if (s->act)
		s->act(request);
}

static struct courier_push *push_to(const char *url, const char *headers, const char *body)
{
	static struct courier_push push;

	courier_push_init(&push, PUSH_ID);
	push.kind = ENDPOINT_HTTP;
	push.attempt = 3;
	push.timeout_ms = 3000;
	courier_push_set(&push, COURIER_METHOD, "POST");
	courier_push_set(&push, COURIER_URL, url);
	courier_push_set(&push, COURIER_HEADERS, headers);
	courier_push_set(&push, COURIER_BODY, body);
	return &push;
}

static struct courier_result send_push(const struct courier_push *push)
{
	struct fixture f;

	fixture_init(&f);
	endpoint_http_start(f.http, push);
	if (!f.results)
		loop_run(f.loop);
	check_int(f.results, 1);
	check_text(f.result.push, PUSH_ID);
	fixture_fini(&f);
	return f.result;
}

static struct courier_result run(struct script *script, uint32_t timeout_ms)
{
	struct peer *peer = peer_new(on_request, script);
	struct courier_push *push;
	struct courier_result result;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook?a=b", peer_port(peer));
	push = push_to(url, "X-Key: one\nX-Key: two\nX-Empty:\nWebhook-Id: other\n", "{\"a\":1}");
	push->timeout_ms = timeout_ms;
	result = send_push(push);
	check_int(peer_count(peer), 1); /* nothing is sent twice behind our back */
	peer_free(peer);
	return result;
}

static void test_delivered(void)
{
	static struct script s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
	struct courier_result r = run(&s, 3000);

	check_int(r.verdict, VERDICT_DELIVERED);
	check_int(r.step, COURIER_STEP_NONE);
	check_int(r.status, 200);
	check_text(r.text, "HTTP 200: ok");
	check(!strncmp(s.request, "POST /hook?a=b HTTP/1.1\r\n", 25));
	check(strstr(s.request, "X-Key: one\r\nX-Key: two\r\nX-Empty:\r\n"));
	check(strstr(s.request, "\r\n\r\n{\"a\":1}"));
	check_text(s.id, PUSH_ID);
	check(!strstr(s.request, "other"));
	check_text(s.attempt, "3");
	check_text(s.agent, "ringbell/" RINGBELL_VERSION);
	check_text(s.type, "application/json; charset=utf-8");
	check(llabs(strtoll(s.stamp, NULL, 10) - wall_now().ns / DUR_S) <= 5);
}

static void test_statuses(void)
{
	static struct script e500 = {.answer = "HTTP/1.1 500 Oops\r\n\r\nbroken\x1b[2J"};
	static struct script e429 = {.answer = "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\n\r\n"};
	static struct script e410 = {.answer = "HTTP/1.1 410 Gone\r\n\r\n"};
	static struct script e302 = {
		.answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n"};
	static struct script hint = {
		.answer = "HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\nHTTP/1.1 204 No\r\n\r\n"};
	struct courier_result r = run(&e500, 3000);

	check_int(r.verdict, VERDICT_RETRY);
	check_int(r.step, COURIER_STEP_REMOTE);
	check_text(r.text, "HTTP 500: broken\\x1b[2J");
	r = run(&e429, 3000);
	check_int(r.verdict, VERDICT_RETRY);
	check_int(r.retry_after_ms, 30000);
	check_int(r.status, 429);
	check_int(run(&e410, 3000).verdict, VERDICT_DISABLE);
	r = run(&e302, 3000);
	check_int(r.verdict, VERDICT_PERMANENT);
	check_int(r.status, 302);
	check_int(run(&hint, 3000).verdict, VERDICT_DELIVERED);
}

/* The peer misbehaves: garbage, silence, reset, an answer without end. */
static void test_misbehaviour(void)
{
	static struct script garbage = {.answer = "SSH-2.0-OpenSSH_9.2\r\n"};
	static struct script nothing = {0};
	static struct script reset = {.act = peer_reset};
	static struct script half = {.answer = "HTTP/1.1 200 OK\r\nContent-Le", .act = peer_reset};
	static struct script slow = {.act = peer_wait_hangup};
	static struct script cut = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"};
	static struct script switching = {
		.answer = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"};
	struct script *const rows[] = {&garbage, &nothing, &reset, &half, &slow, &switching};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct courier_result r = run(rows[i], rows[i] == &slow ? 200 : 3000);

		check_int(r.verdict, VERDICT_RETRY);
		check_int(r.step, COURIER_STEP_PROTOCOL);
		check_int(r.status, 0);
		check(r.text[0]);
	}
	check_int(run(&cut, 3000).verdict, VERDICT_DELIVERED); /* it had decided */
}

static void flood(const struct peer_request *request)
{
	static char chunk[65537];

	memset(chunk, 'x', sizeof(chunk) - 1);
	while (!peer_write(request, chunk)) /* until nobody listens */
		;
}

static void flood_headers(const struct peer_request *request)
{
	for (int i = 0; i < 20000; i++)
		peer_write(request, "X-Junk: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
}

static void test_floods(void)
{
	static struct script body = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .act = flood};
	static struct script head = {.answer = "HTTP/1.1 200 OK\r\n", .act = flood_headers};
	struct courier_result r = run(&body, 50000);

	check_int(r.verdict, VERDICT_DELIVERED);
	check_int(strlen(r.text), sizeof(r.text) - 1);
	check(r.elapsed_ms < 40000); /* it hung up, and did not wait for the timeout */
	check_int(run(&head, 3000).verdict, VERDICT_RETRY);
}

static void test_unreachable(void)
{
	struct peer *peer = peer_new(on_request, NULL);
	struct courier_result r;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer_port(peer));
	peer_free(peer); /* now nobody listens there */
	r = send_push(push_to(url, "", ""));
	check_int(r.verdict, VERDICT_RETRY);
	check_int(r.step, COURIER_STEP_CONNECT);
	r = send_push(push_to("ftp://127.0.0.1/", "", ""));
	check_int(r.verdict, VERDICT_PERMANENT);
	check_int(r.step, COURIER_STEP_REQUEST);
	r = send_push(push_to("http://127.0.0.1/", "X: a\rb\n", ""));
	check_int(r.verdict, VERDICT_PERMANENT);
	check_int(r.step, COURIER_STEP_REQUEST);
}

/* ---- where a peer or a proxy may send us (HTP-12, HTP-18) ---- */

#define REDIRECTS_MAX 3

/* Answers the first request with a redirect to `where`, those that follow with 200. */
struct detour {
	char where[256];
	char last[PEER_REQUEST_MAX];
};

static void on_detour(void *owner, struct peer_request *request)
{
	struct detour *d = owner;
	char answer[512];

	memcpy(d->last, request->text, request->len + 1);
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 307 Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", d->where);
	peer_write(request, request->number == 1 && d->where[0]
				    ? answer
				    : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static struct courier_result send_detour(struct peer *peer)
{
	struct courier_push *push;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook", peer_port(peer));
	push = push_to(url, "Authorization: Bearer s3cret\nX-Key: k3y\n", "{}");
	push->numbers[COURIER_REDIRECTS] = REDIRECTS_MAX;
	return send_push(push);
}

/* 169.254.169.254 in the ways there are to write it; a file; another protocol. */
static void a_redirect_leads_nowhere_that_is_denied(void)
{
	static const char *const denied[] = {"http://169.254.169.254/latest/meta-data/",
					     "http://2852039166/", "http://0xa9.254.43518/",
					     "//[::ffff:a9fe:a9fe]/", "http://[fe80::1]/"};
	static const char *const followed_not[] = {"file:///etc/passwd", "gopher://127.0.0.1/_x",
						   "ftp://127.0.0.1/"};
	static struct detour d;

	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct peer *peer = peer_new(on_detour, &d);
		struct courier_result r;

		fill_text(d.where, denied[i]);
		r = send_detour(peer);
		check_int(r.verdict, VERDICT_PERMANENT);
		check_int(r.step, COURIER_STEP_REQUEST);
		check(strstr(r.text, "courier.allow does not list"));
		check_int(peer_count(peer), 1);
		peer_free(peer);
	}
	for (size_t i = 0; i < sizeof(followed_not) / sizeof(followed_not[0]); i++) {
		struct peer *peer = peer_new(on_detour, &d);
		struct courier_result r;

		fill_text(d.where, followed_not[i]);
		r = send_detour(peer);
		check_int(r.verdict, VERDICT_PERMANENT);
		check_int(r.status, 307);
		check_int(peer_count(peer), 1);
		peer_free(peer);
	}
}

static void a_redirect_takes_no_secret_to_another_host(void)
{
	static struct detour first, second;
	struct peer *here = peer_new(on_detour, &first), *there = peer_new(on_detour, &second);

	snprintf(first.where, sizeof(first.where), "http://127.0.0.1:%d/x", peer_port(there));
	check_int(send_detour(here).verdict, VERDICT_DELIVERED);
	check_int(peer_count(there), 1);
	check(strstr(first.last, "s3cret") && strstr(first.last, "k3y"));
	check(!strstr(second.last, "s3cret") && !strstr(second.last, "k3y"));
	check(!strstr(second.last, "webhook-signature"));
	peer_free(here);
	peer_free(there);
	/* but to another place of the same host */
	here = peer_new(on_detour, &first);
	fill_text(first.where, "/moved");
	check_int(send_detour(here).verdict, VERDICT_DELIVERED);
	check_int(peer_count(here), 2);
	check(!strncmp(first.last, "POST /moved ", 12) && strstr(first.last, "s3cret"));
	peer_free(here);
}

static struct courier_result send_by_proxy(struct peer *proxy, const char *url)
{
	struct courier_push *push = push_to(url, "", "{}");
	char text[64];

	snprintf(text, sizeof(text), "http://127.0.0.1:%d", peer_port(proxy));
	courier_push_set(push, COURIER_PROXY, text);
	return send_push(push);
}

static void a_proxy_is_not_asked_for_what_is_denied(void)
{
	static const char *const denied[] = {"http://169.254.169.254/", "http://2852039166/",
					     "https://[fe80::1]/", "http://0xa9fea9fe/",
					     "http://[::ffff:0.0.0.0]/"};
	static struct detour d;
	struct peer *proxy = peer_new(on_detour, &d);

	d.where[0] = '\0';
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct courier_result r = send_by_proxy(proxy, denied[i]);

		check_int(r.verdict, VERDICT_PERMANENT);
		check_int(r.step, COURIER_STEP_REQUEST);
		check(strstr(r.text, "courier.allow does not list"));
	}
	check_int(peer_count(proxy), 0);
	check_int(send_by_proxy(proxy, "http://hooks.example.org/x").verdict, VERDICT_DELIVERED);
	check(!strncmp(d.last, "POST http://hooks.example.org/x ", 32));
	/* what courier.allow lists */
	check_int(send_by_proxy(proxy, "http://localhost:1/").verdict, VERDICT_DELIVERED);
	peer_free(proxy);
}

/* Freeing the sender in the middle of transfers leaks and calls nothing. */
static void test_break_off(void)
{
	static struct script slow = {.act = peer_wait_hangup};
	struct peer *peer = peer_new(on_request, &slow);
	struct fixture f;
	struct timer *timer;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer_port(peer));
	fixture_init(&f);
	for (int i = 0; i < 8; i++)
		endpoint_http_start(f.http, push_to(url, "", "{}"));
	timer = timer_new(f.loop, (loop_call)loop_stop, f.loop);
	while (peer_count(peer) < 8) {
		timer_set(timer, DUR_MS);
		loop_run(f.loop);
	}
	timer_free(timer);
	fixture_fini(&f);
	check_int(f.results, 0);
	peer_free(peer);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check(!curl_global_init(CURL_GLOBAL_DEFAULT));
	test_delivered();
	test_statuses();
	test_misbehaviour();
	test_floods();
	test_unreachable();
	a_redirect_leads_nowhere_that_is_denied();
	a_redirect_takes_no_secret_to_another_host();
	a_proxy_is_not_asked_for_what_is_denied();
	test_break_off();
	curl_global_cleanup();
	return 0;
}
