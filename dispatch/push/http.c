/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's rules for event loops: its socket and timer callbacks must not call it back, so they
 * only arm watches and the timer; finished transfers are collected after each action, and handles
 * are removed there, outside of any of its callbacks. */
#include "dispatch/push/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/error.h"
#include "dispatch/push/egress.h"
#include "dispatch/push/excerpt.h"

#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_MS	   10000
#define TIMEOUT_MAX_MS	   120000
#define HEADERS_MAX	   65536

/* One descriptor of libcurl's on our loop. */
struct poll {
	LIST_ENTRY(poll) next;
	struct http *http;
	curl_socket_t fd;
	struct watch *read, *write;
};

struct transfer {
	LIST_ENTRY(transfer) next;
	struct http *http;
	http_on_answer on_answer;
	void *owner;
	CURL *easy;
	struct curl_slist *headers;
	mono_t started;
	size_t header_bytes;
	bool answered; /* a final header block came to its end */
	char retry_after[64];
	struct buf body;
	struct egress egress;
	char error[CURL_ERROR_SIZE];
};

struct http {
	struct loop *loop;
	const struct courier_config *config;
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

static void set_failure(const struct transfer *t, CURLcode code, char text[512],
			struct http_answer *answer)
{
	const char *reason = t->error[0] ? t->error : curl_easy_strerror(code);

	answer->failure = verdict_on_failure((int)code, step_under_way(t->easy));
	if (code == CURLE_OK) /* a switch of protocols we never asked for */
		reason = "the peer sent no final answer";
	if (t->egress.denied[0] && code == CURLE_COULDNT_CONNECT) {
		answer->failure = (struct verdict){VERDICT_PERMANENT, COURIER_STEP_REQUEST, 0};
		reason = t->egress.denied;
	}
	answer->error = excerpt_format(reason, strlen(reason), text, 512);
}

static void finish(struct transfer *t, CURLcode code)
{
	struct http_answer answer = {
		.error = "",
		.redirect = "",
		.body = t->body.data ? t->body.data : "",
		.body_len = t->body.len,
		.retry_after = t->retry_after,
		.elapsed_ms = (uint32_t)(mono_sub(mono_now(), t->started) / DUR_MS)};
	char text[512], *redirect = NULL;
	long status = 0;

	if (t->answered) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &redirect);
		answer.redirect = redirect ? redirect : "";
		answer.status = (unsigned)status;
	} else {
		set_failure(t, code, text, &answer);
	}
	t->on_answer(t->owner, &answer);
	transfer_free(t);
}

static void collect_finished(struct http *http)
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

static void act(struct http *http, curl_socket_t fd, int what)
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

static struct poll *poll_new(struct http *http, curl_socket_t fd)
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
	struct http *http = owner;
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
	struct http *http = owner;

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
	size_t room = HTTP_ANSWER_MAX - t->body.len;

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
static void add_lines(struct transfer *t, const char *lines)
{
	while (lines && *lines) {
		size_t len = strcspn(lines, "\n");
		CLEANUP_FREE char *line = xasprintf("%.*s", (int)len, lines);

		if (len && line[len - 1] == ':')
			line[len - 1] = ';';
		add_header(t, line);
		lines += len + (lines[len] == '\n');
	}
}

static void set_request(struct transfer *t, const struct http_request *request)
{
	add_lines(t, request->headers);
	add_header(t, "Expect:"); /* no 100-continue round trip */
	easy_set(t->easy, CURLOPT_URL, request->url);
	easy_set(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (!strcmp(request->method, "GET"))
		return;
	easy_set(t->easy, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
	easy_set(t->easy, CURLOPT_COPYPOSTFIELDS, request->body);
	easy_set(t->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* "" = not the environment's either. With socks5:// libcurl would look names up here and ask the
 * proxy for an address that nobody has judged: names are the proxy's to know, as with all others.
 */
static void set_proxy(CURL *easy, const char *proxy)
{
	static const char scheme[] = "socks5://";
	CLEANUP_FREE char *remote = NULL;

	if (!strncasecmp(proxy, scheme, strlen(scheme)))
		remote = xasprintf("socks5h://%s", proxy + strlen(scheme));
	easy_set(easy, CURLOPT_PROXY, remote ? remote : proxy);
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
	/* 1.1: HTTP/2 brings a retry of its own (REFUSED_STREAM) */
	easy_set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	easy_set(easy, CURLOPT_FRESH_CONNECT, 1L);
	easy_set(easy, CURLOPT_FORBID_REUSE, 1L);
	easy_set(easy, CURLOPT_NOSIGNAL, 1L);
	/* without it, giving up on a hanging lookup waits for the resolver's thread */
	easy_set(easy, CURLOPT_QUICK_EXIT, 1L);
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = {.data = (void *)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

	easy_set(easy, option, &blob);
}

/* CAs of an endpoint's or of the configuration are the only ones then. */
static void set_tls(CURL *easy, const struct courier_config *config,
		    const struct http_request *request)
{
	easy_set(easy, CURLOPT_SSL_VERIFYPEER, request->verify ? 1L : 0L);
	easy_set(easy, CURLOPT_SSL_VERIFYHOST, request->verify ? 2L : 0L);
	easy_set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (request->ca && *request->ca) {
		easy_set(easy, CURLOPT_CAINFO, NULL);
		easy_set(easy, CURLOPT_CAPATH, NULL);
		set_blob(easy, CURLOPT_CAINFO_BLOB, request->ca);
	} else if (config->ca_file[0]) {
		easy_set(easy, CURLOPT_CAINFO, config->ca_file);
		easy_set(easy, CURLOPT_CAPATH, NULL);
	}
	if (!request->cert || !*request->cert)
		return;
	set_blob(easy, CURLOPT_SSLCERT_BLOB, request->cert);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, request->cert_key);
	easy_set(easy, CURLOPT_SSLCERTTYPE, "PEM");
	easy_set(easy, CURLOPT_SSLKEYTYPE, "PEM");
}

static void set_callbacks(struct transfer *t)
{
	easy_set(t->easy, CURLOPT_PRIVATE, t);
	easy_set(t->easy, CURLOPT_ERRORBUFFER, t->error);
	easy_set(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	easy_set(t->easy, CURLOPT_HEADERDATA, t);
	easy_set(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	easy_set(t->easy, CURLOPT_WRITEDATA, t);
	egress_set(&t->egress, t->easy, t->http->config->allow);
}

void http_start(struct http *http, const struct http_request *request, http_on_answer on_answer,
		void *owner)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->http = http;
	t->on_answer = on_answer;
	t->owner = owner;
	t->started = mono_now();
	t->easy = curl_easy_init();
	bug_on(!t->easy);
	set_request(t, request);
	set_limits(t->easy, http->config, request->timeout_ms);
	set_proxy(t->easy, request->proxy ? request->proxy : "");
	set_tls(t->easy, http->config, request);
	set_callbacks(t);
	if (request->proxy && *request->proxy)
		egress_set_beyond(&t->egress, request->url);
	LIST_INSERT_HEAD(&http->transfers, t, next);
	/* starts nothing yet: libcurl asks for a timer of 0 ms */
	bug_on(curl_multi_add_handle(http->multi, t->easy) != CURLM_OK);
}

struct http *http_new(struct loop *loop, const struct courier_config *config)
{
	struct http *http = xcalloc(1, sizeof(*http));

	http->loop = loop;
	http->config = config;
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

struct http *http_free(struct http *http)
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
