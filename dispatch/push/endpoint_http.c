/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's rules for event loops: its socket and timer callbacks must not call it back, so they
 * only arm watches and the timer; finished transfers are collected after each action, and handles
 * are removed there, outside of any of its callbacks. */
#include "dispatch/push/endpoint_http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/request.h"
#include "dispatch/push/verdict.h"

#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_MS	   10000
#define TIMEOUT_MAX_MS	   120000
#define HEADERS_MAX	   65536

/* One descriptor of libcurl's on our loop. */
struct poll {
	LIST_ENTRY(poll) next;
	struct endpoint_http *http;
	curl_socket_t fd;
	struct watch *read, *write;
};

struct transfer {
	LIST_ENTRY(transfer) next;
	struct endpoint_http *http;
	CURL *easy;
	struct curl_slist *headers;
	char push[IDENT_SIZE];
	mono_t started;
	size_t header_bytes;
	bool answered; /* a final header block came to its end */
	char retry_after[64];
	struct buf body;
	char error[CURL_ERROR_SIZE];
};

struct endpoint_http {
	struct loop *loop;
	const struct courier_config *config;
	endpoint_http_on_result on_result;
	void *owner;
	CURLM *multi;
	struct timer *timer;
	LIST_HEAD(, poll) polls;
	LIST_HEAD(, transfer) transfers;
};

#define easy_set(easy, option, value)	bug_on(curl_easy_setopt(easy, option, value) != CURLE_OK)
#define multi_set(multi, option, value) bug_on(curl_multi_setopt(multi, option, value) != CURLM_OK)

static struct transfer *transfer_free(struct transfer *t)
{
	LIST_REMOVE(t, next);
	curl_multi_remove_handle(t->http->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	buf_fini(&t->body);
	free(t);
	return NULL;
}

/* What libcurl was at when it stopped. */
static enum courier_step step_under_way(CURL *easy)
{
	curl_off_t resolved = 0, connected = 0, secured = 0;
	char *scheme = NULL;

	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme);
	if (!resolved)
		return COURIER_STEP_DNS;
	if (!connected)
		return COURIER_STEP_CONNECT;
	if (!secured && scheme && !strcasecmp(scheme, "https"))
		return COURIER_STEP_TLS;
	return COURIER_STEP_PROTOCOL;
}

static void format_answer(const struct transfer *t, unsigned status, struct courier_result *result)
{
	int n = snprintf(result->text, sizeof(result->text), t->body.len ? "HTTP %u: " : "HTTP %u",
			 status);

	excerpt_format(t->body.data, t->body.len, result->text + n,
		       sizeof(result->text) - (size_t)n);
}

static void format_failure(const struct transfer *t, CURLcode code, struct courier_result *result)
{
	const char *text = t->error[0] ? t->error : curl_easy_strerror(code);

	if (code == CURLE_OK) /* a switch of protocols we never asked for */
		text = "the peer sent no final answer";
	excerpt_format(text, strlen(text), result->text, sizeof(result->text));
}

static void finish(struct transfer *t, CURLcode code)
{
	struct endpoint_http *http = t->http;
	struct courier_result result = {
		.elapsed_ms = (uint32_t)(mono_sub(mono_now(), t->started) / DUR_MS)};
	struct verdict v;
	long status = 0;

	memcpy(result.push, t->push, sizeof(result.push));
	if (t->answered) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		v = verdict_on_status((unsigned)status, t->retry_after, wall_now());
		format_answer(t, (unsigned)status, &result);
	} else {
		v = verdict_on_failure((int)code, step_under_way(t->easy));
		format_failure(t, code, &result);
	}
	result.verdict = v.verdict;
	result.step = v.step;
	result.status = (uint32_t)status;
	result.retry_after_ms = v.retry_after_ms;
	transfer_free(t);
	http->on_result(http->owner, &result);
}

static void collect_finished(struct endpoint_http *http)
{
	struct CURLMsg *message;
	struct transfer *t;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		bug_on(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t));
		finish(t, code); /* message is gone with its handle */
	}
}

static void act(struct endpoint_http *http, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(http->multi, fd, what, &running);
	collect_finished(http);
}

/* The poll may be gone when act returns: libcurl ends its interest from inside. */
static void on_readable(void *owner)
{
	struct poll *poll = owner;

	act(poll->http, poll->fd, CURL_CSELECT_IN);
}

static void on_writable(void *owner)
{
	struct poll *poll = owner;

	act(poll->http, poll->fd, CURL_CSELECT_OUT);
}

static void on_time(void *owner)
{
	act(owner, CURL_SOCKET_TIMEOUT, 0);
}

static struct poll *poll_free(struct poll *poll)
{
	LIST_REMOVE(poll, next);
	watch_free(poll->read);
	watch_free(poll->write);
	free(poll);
	return NULL;
}

static struct poll *poll_new(struct endpoint_http *http, curl_socket_t fd)
{
	struct poll *poll = xcalloc(1, sizeof(*poll));

	poll->http = http;
	poll->fd = fd;
	poll->read = watch_new_read(http->loop, fd, on_readable, poll);
	poll->write = watch_new_write(http->loop, fd, on_writable, poll);
	LIST_INSERT_HEAD(&http->polls, poll, next);
	return poll;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
	struct endpoint_http *http = owner;
	struct poll *poll = socket;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (poll)
			poll_free(poll);
		return 0;
	}
	if (!poll) {
		poll = poll_new(http, fd);
		curl_multi_assign(http->multi, fd, poll);
	}
	(what & CURL_POLL_IN ? watch_enable : watch_disable)(poll->read);
	(what & CURL_POLL_OUT ? watch_enable : watch_disable)(poll->write);
	return 0;
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *owner)
{
	struct endpoint_http *http = owner;

	(void)multi;
	if (timeout_ms < 0)
		timer_unset(http->timer);
	else
		timer_set(http->timer, timeout_ms * DUR_MS);
	return 0;
}

static bool line_is(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && !strncasecmp(line, name, n);
}

/* The value of a header line, without blanks around it, cut to size. */
static void copy_value(const char *value, size_t len, char *ret, size_t size)
{
	while (len && strchr(" \t", *value)) {
		value++;
		len--;
	}
	while (len && strchr(" \t\r\n", value[len - 1]))
		len--;
	if (len >= size)
		len = 0; /* no Retry-After is that long */
	memcpy(ret, value, len);
	ret[len] = '\0';
}

static size_t on_header(char *line, size_t one, size_t len, void *owner)
{
	static const char retry_after[] = "retry-after:";
	struct transfer *t = owner;
	long status = 0;

	(void)one;
	t->header_bytes += len;
	if (t->header_bytes > HEADERS_MAX)
		return 0; /* ends the transfer */
	if (line_is(line, len, retry_after))
		copy_value(line + strlen(retry_after), len - strlen(retry_after), t->retry_after,
			   sizeof(t->retry_after));
	if (len <= 2 && (*line == '\r' || *line == '\n')) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->answered = status >= 200;
	}
	return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *owner)
{
	struct transfer *t = owner;
	size_t room = ENDPOINT_HTTP_ANSWER_MAX - t->body.len;

	(void)one;
	buf_append(&t->body, data, len < room ? len : room);
	return len <= room ? len : 0; /* ends the transfer; the status line has decided already */
}

static void add_header(struct transfer *t, const char *line)
{
	struct curl_slist *headers = curl_slist_append(t->headers, line);

	bug_on(!headers);
	t->headers = headers;
}

/* libcurl drops "Name:" without a value; with a semicolon it sends it empty. */
static void add_push_header(struct transfer *t, const struct request_header *h)
{
	CLEANUP_FREE char *line = h->value_len ? xasprintf("%.*s: %.*s", (int)h->name_len, h->name,
							   (int)h->value_len, h->value)
					       : xasprintf("%.*s;", (int)h->name_len, h->name);

	add_header(t, line);
}

static void add_push_headers(struct transfer *t, const struct courier_push *push)
{
	const char *cursor = push->headers;
	struct request_header h;

	while (!request_parse_header(&cursor, &h))
		if (!request_is_own_header(&h))
			add_push_header(t, &h);
}

static void add_headers(struct transfer *t, const struct courier_push *push)
{
	CLEANUP_FREE char *id = xasprintf("webhook-id: %s", push->push);
	CLEANUP_FREE char *stamp = xasprintf("webhook-timestamp: %" PRId64, wall_now().ns / DUR_S);
	CLEANUP_FREE char *attempt = xasprintf("X-Ringbell-Attempt: %" PRIu32, push->attempt);

	add_push_headers(t, push);
	if (!request_find_header(push, "content-type"))
		add_header(t, "Content-Type: application/json; charset=utf-8");
	if (!request_find_header(push, "user-agent"))
		add_header(t, "User-Agent: ringbell/" RINGBELL_VERSION);
	add_header(t, id);
	add_header(t, stamp);
	add_header(t, attempt);
	add_header(t, "Expect:"); /* no 100-continue round trip */
}

static void set_request(struct transfer *t, const struct courier_push *push)
{
	add_headers(t, push);
	easy_set(t->easy, CURLOPT_URL, push->url);
	easy_set(t->easy, CURLOPT_HTTPHEADER, t->headers);
	easy_set(t->easy, CURLOPT_POSTFIELDSIZE, (long)push->body_size);
	easy_set(t->easy, CURLOPT_COPYPOSTFIELDS, push->body);
	easy_set(t->easy, CURLOPT_CUSTOMREQUEST, push->method);
}

static void set_limits(CURL *easy, const struct courier_config *config, uint32_t timeout_ms)
{
	if (!timeout_ms)
		timeout_ms = TIMEOUT_MS;
	if (timeout_ms > TIMEOUT_MAX_MS)
		timeout_ms = TIMEOUT_MAX_MS;
	easy_set(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	easy_set(easy, CURLOPT_CONNECTTIMEOUT_MS,
		 (long)(config->connect_timeout_ms > 0 ? config->connect_timeout_ms
						       : CONNECT_TIMEOUT_MS));
	easy_set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	easy_set(easy, CURLOPT_FOLLOWLOCATION, 0L);
	easy_set(easy, CURLOPT_PROXY, ""); /* not the environment's */
	/* 1.1: HTTP/2 brings a retry of its own (REFUSED_STREAM) */
	easy_set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	easy_set(easy, CURLOPT_FRESH_CONNECT, 1L);
	easy_set(easy, CURLOPT_FORBID_REUSE, 1L);
	easy_set(easy, CURLOPT_NOSIGNAL, 1L);
	/* without it, giving up on a hanging lookup waits for the resolver's thread */
	easy_set(easy, CURLOPT_QUICK_EXIT, 1L);
}

static void set_tls(CURL *easy, const struct courier_config *config)
{
	easy_set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	easy_set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	easy_set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (config->ca_file[0]) {
		easy_set(easy, CURLOPT_CAINFO, config->ca_file);
		easy_set(easy, CURLOPT_CAPATH, NULL); /* that file's alone, not the system's too */
	}
}

static void set_callbacks(struct transfer *t)
{
	easy_set(t->easy, CURLOPT_PRIVATE, t);
	easy_set(t->easy, CURLOPT_ERRORBUFFER, t->error);
	easy_set(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	easy_set(t->easy, CURLOPT_HEADERDATA, t);
	easy_set(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	easy_set(t->easy, CURLOPT_WRITEDATA, t);
}

static void refuse(struct endpoint_http *http, const struct courier_push *push,
		   const struct error *err)
{
	struct courier_result result = {.verdict = VERDICT_PERMANENT, .step = COURIER_STEP_REQUEST};

	memcpy(result.push, push->push, sizeof(result.push));
	excerpt_format(err->text, strlen(err->text), result.text, sizeof(result.text));
	http->on_result(http->owner, &result);
}

void endpoint_http_start(struct endpoint_http *http, const struct courier_push *push)
{
	struct transfer *t;
	struct error err;

	if (request_check(push, &err) < 0) {
		refuse(http, push, &err);
		return;
	}
	t = xcalloc(1, sizeof(*t));
	t->http = http;
	t->started = mono_now();
	memcpy(t->push, push->push, sizeof(t->push));
	t->easy = curl_easy_init();
	bug_on(!t->easy);
	set_request(t, push);
	set_limits(t->easy, http->config, push->timeout_ms);
	set_tls(t->easy, http->config);
	set_callbacks(t);
	LIST_INSERT_HEAD(&http->transfers, t, next);
	/* starts nothing yet: libcurl asks for a timer of 0 ms */
	bug_on(curl_multi_add_handle(http->multi, t->easy) != CURLM_OK);
}

struct endpoint_http *endpoint_http_new(struct loop *loop, const struct courier_config *config,
					endpoint_http_on_result on_result, void *owner)
{
	struct endpoint_http *http = xcalloc(1, sizeof(*http));

	http->loop = loop;
	http->config = config;
	http->on_result = on_result;
	http->owner = owner;
	LIST_INIT(&http->polls);
	LIST_INIT(&http->transfers);
	http->timer = timer_new(loop, on_time, http);
	http->multi = curl_multi_init();
	bug_on(!http->multi);
	multi_set(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	multi_set(http->multi, CURLMOPT_SOCKETDATA, http);
	multi_set(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
	multi_set(http->multi, CURLMOPT_TIMERDATA, http);
	return http;
}

struct endpoint_http *endpoint_http_free(struct endpoint_http *http)
{
	if (!http)
		return NULL;
	while (!LIST_EMPTY(&http->transfers))
		transfer_free(LIST_FIRST(&http->transfers));
	curl_multi_cleanup(http->multi);
	while (!LIST_EMPTY(&http->polls))
		poll_free(LIST_FIRST(&http->polls));
	timer_free(http->timer);
	free(http);
	return NULL;
}
