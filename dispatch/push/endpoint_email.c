/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/endpoint_email.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "dispatch/push/egress.h"
#include "dispatch/push/excerpt.h"
#include "dispatch/push/mail.h"
#include "dispatch/push/verdict.h"

#define CONNECT_TIMEOUT_MS 15000

struct endpoint_email {
	struct crew *crew;
	const struct courier_config *config;
	endpoint_on_result on_result;
	void *owner;
};

struct delivery {
	struct crew_job job;
	struct endpoint_email *email;
	struct courier_push *push;
	struct courier_result result;
};

/* One conversation with the server. */
struct session {
	const struct delivery *d;
	CURL *easy;
	struct curl_slist *recipients;
	struct buf message;
	size_t read;
	struct egress egress;
	char recipient[256]; /* the last RCPT sent, until it is answered */
	unsigned refused, temporary;
	struct buf refusals; /* "a@b: 550 …; " */
	char reply[300];     /* the server's last line */
	bool greeted, authenticating, ended;
	char error[CURL_ERROR_SIZE];
};

#define easy_set(easy, option, value) bug_on(curl_easy_setopt(easy, option, value) != CURLE_OK)

/* ---- what is said, seen through libcurl's debug callback ---- */

static void on_sent(struct session *s, const char *line, size_t len)
{
	static const char rcpt[] = "RCPT TO:<";

	s->recipient[0] = '\0';
	if (len > strlen(rcpt) && !strncasecmp(line, rcpt, strlen(rcpt))) {
		line += strlen(rcpt);
		snprintf(s->recipient, sizeof(s->recipient), "%.*s", (int)strcspn(line, "> \r\n"),
			 line);
	}
	s->ended = len > 4 && !strncasecmp(line, "QUIT", 4);
	if (len > 4 && !strncasecmp(line, "AUTH", 4))
		s->authenticating = true;
}

static void on_reply(struct session *s, const char *line, size_t len)
{
	if (s->ended) /* a farewell is not what became of the mail */
		return;
	while (len && strchr("\r\n", line[len - 1]))
		len--;
	excerpt_format(line, len, s->reply, sizeof(s->reply));
	s->greeted = true;
	if (!strncmp(s->reply, "235", 3))
		s->authenticating = false;
	if (!s->recipient[0] || (len > 3 && line[3] == '-'))
		return;
	if (*line == '4' || *line == '5') {
		s->refused++;
		s->temporary += *line == '4';
		buf_printf(&s->refusals, "%s: %s; ", s->recipient, s->reply);
	}
	s->recipient[0] = '\0';
}

static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *owner)
{
	(void)easy;
	if (type == CURLINFO_HEADER_OUT)
		on_sent(owner, data, size);
	else if (type == CURLINFO_HEADER_IN)
		on_reply(owner, data, size);
	return 0;
}

static size_t on_read(char *data, size_t one, size_t count, void *owner)
{
	struct session *s = owner;
	size_t left = s->message.len - s->read, n = one * count < left ? one * count : left;

	memcpy(data, s->message.data + s->read, n);
	s->read += n;
	return n;
}

/* ---- setting up ---- */

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = {.data = (void *)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

	easy_set(easy, option, &blob);
}

static void set_tls(struct session *s)
{
	const struct courier_push *push = s->d->push;
	const struct courier_config *config = s->d->email->config;
	const char *ca = courier_push_get(push, COURIER_CA);

	if (push->numbers[COURIER_TLS] != COURIER_MAIL_CLEAR) /* required, never only tried */
		easy_set(s->easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	easy_set(s->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	easy_set(s->easy, CURLOPT_SSL_VERIFYPEER, push->numbers[COURIER_VERIFY] ? 1L : 0L);
	easy_set(s->easy, CURLOPT_SSL_VERIFYHOST, push->numbers[COURIER_VERIFY] ? 2L : 0L);
	if (*ca) {
		easy_set(s->easy, CURLOPT_CAINFO, NULL);
		easy_set(s->easy, CURLOPT_CAPATH, NULL);
		set_blob(s->easy, CURLOPT_CAINFO_BLOB, ca);
	} else if (config->ca_file[0]) {
		easy_set(s->easy, CURLOPT_CAINFO, config->ca_file);
		easy_set(s->easy, CURLOPT_CAPATH, NULL);
	}
}

static void set_url(struct session *s)
{
	const struct courier_push *push = s->d->push;
	const char *host = courier_push_get(push, COURIER_HOST);
	const char *probe = courier_push_get(push, COURIER_PROBE);
	bool v6 = strchr(host, ':') && *host != '[';
	CLEANUP_FREE char *hello = curl_easy_escape(NULL, *probe ? probe : "localhost", 0);
	CLEANUP_FREE char *url =
		xasprintf("%s://%s%s%s:%u/%s",
			  push->numbers[COURIER_TLS] == COURIER_MAIL_IMPLICIT ? "smtps" : "smtp",
			  v6 ? "[" : "", host, v6 ? "]" : "", push->numbers[COURIER_PORT], hello);

	easy_set(s->easy, CURLOPT_URL, url);
	easy_set(s->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
}

static void set_envelope(struct session *s, const char *to)
{
	char address[256];

	mail_address(courier_push_get(s->d->push, COURIER_FROM), address);
	easy_set(s->easy, CURLOPT_MAIL_FROM, address);
	while (mail_next(&to, address)) {
		struct curl_slist *list = curl_slist_append(s->recipients, address);

		bug_on(!list);
		s->recipients = list;
	}
	easy_set(s->easy, CURLOPT_MAIL_RCPT, s->recipients);
	/* one that is refused does not keep the mail from the others; the name is 7.88's */
	easy_set(s->easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
}

static void set_callbacks(struct session *s)
{
	easy_set(s->easy, CURLOPT_READFUNCTION, on_read);
	easy_set(s->easy, CURLOPT_READDATA, s);
	easy_set(s->easy, CURLOPT_UPLOAD, 1L);
	easy_set(s->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->message.len);
	easy_set(s->easy, CURLOPT_VERBOSE, 1L); /* nothing is printed: it goes to on_debug */
	easy_set(s->easy, CURLOPT_DEBUGFUNCTION, on_debug);
	easy_set(s->easy, CURLOPT_DEBUGDATA, s);
	easy_set(s->easy, CURLOPT_ERRORBUFFER, s->error);
	egress_set(&s->egress, s->easy, s->d->email->config->allow);
}

static void set_all(struct session *s, const char *to)
{
	const struct courier_push *push = s->d->push;
	const char *user = courier_push_get(push, COURIER_USER);

	set_url(s);
	set_tls(s);
	set_envelope(s, to);
	set_callbacks(s);
	if (*user) {
		easy_set(s->easy, CURLOPT_USERNAME, user);
		easy_set(s->easy, CURLOPT_PASSWORD, courier_push_get(push, COURIER_SECRET));
	}
	easy_set(s->easy, CURLOPT_PROXY, "");
	easy_set(s->easy, CURLOPT_NOSIGNAL, 1L);
	easy_set(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	easy_set(s->easy, CURLOPT_TIMEOUT_MS, (long)push->timeout_ms);
	easy_set(s->easy, CURLOPT_QUICK_EXIT, 1L);
}

/* ---- judging ---- */

static enum courier_step step_under_way(const struct session *s)
{
	bool implicit = s->d->push->numbers[COURIER_TLS] == COURIER_MAIL_IMPLICIT;
	curl_off_t resolved = 0, connected = 0, secured = 0;

	curl_easy_getinfo(s->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(s->easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(s->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	if (!resolved)
		return COURIER_STEP_DNS;
	if (!connected)
		return COURIER_STEP_CONNECT;
	if (implicit && !secured && !s->greeted)
		return COURIER_STEP_TLS;
	return s->authenticating ? COURIER_STEP_AUTH : COURIER_STEP_PROTOCOL;
}

static struct verdict judge(const struct session *s, CURLcode code)
{
	struct verdict v = verdict_on_failure((int)code, step_under_way(s));

	switch (code) {
	case CURLE_OK:
		return (struct verdict){VERDICT_DELIVERED, COURIER_STEP_NONE, 0};
	case CURLE_USE_SSL_FAILED: /* somebody may have cut STARTTLS out: nothing was said */
		return (struct verdict){VERDICT_RETRY, COURIER_STEP_TLS, 0};
	case CURLE_LOGIN_DENIED:
		v.verdict = s->reply[0] == '4' ? VERDICT_RETRY : VERDICT_PERMANENT;
		v.step = COURIER_STEP_AUTH;
		return v;
	default:
		break;
	}
	/* 5yz is for ever, 4yz for now: the other way round than in HTTP */
	if (s->greeted && (s->reply[0] == '4' || s->reply[0] == '5') && !s->egress.denied[0]) {
		v.verdict = s->reply[0] == '5' && !s->temporary ? VERDICT_PERMANENT : VERDICT_RETRY;
		v.step = s->authenticating ? COURIER_STEP_AUTH : COURIER_STEP_REMOTE;
	}
	if (s->egress.denied[0])
		v = (struct verdict){VERDICT_PERMANENT, COURIER_STEP_REQUEST, 0};
	return v;
}

static void format_text(const struct session *s, CURLcode code, struct courier_result *result)
{
	const char *refusals = s->refusals.data ? s->refusals.data : "";
	const char *error = s->egress.denied[0] ? s->egress.denied
			    : s->error[0]	? s->error
						: curl_easy_strerror(code);
	char text[1024];

	if (code == CURLE_OK)
		snprintf(text, sizeof(text), "%s%s%s", s->reply, *refusals ? "; refused: " : "",
			 refusals);
	else
		snprintf(text, sizeof(text), "%s%s%s%s%s", *refusals ? "refused: " : "", refusals,
			 s->reply, s->reply[0] ? ": " : "", error);
	excerpt_format(text, strlen(text), result->text, sizeof(result->text));
}

/* ---- on a crew thread ---- */

static enum courier_verdict converse(struct delivery *d, const char *to)
{
	struct session s = {.d = d, .easy = curl_easy_init()};
	struct verdict v;
	CURLcode code;
	long status = 0;

	bug_on(!s.easy);
	mail_format(&s.message, d->push, to, wall_now());
	set_all(&s, to);
	code = curl_easy_perform(s.easy);
	curl_easy_getinfo(s.easy, CURLINFO_RESPONSE_CODE, &status);
	v = judge(&s, code);
	d->result.verdict = v.verdict;
	d->result.step = v.step;
	d->result.status = (uint32_t)status;
	format_text(&s, code, &d->result);
	curl_easy_cleanup(s.easy);
	curl_slist_free_all(s.recipients);
	buf_fini(&s.message);
	buf_fini(&s.refusals);
	return v.verdict;
}

/* One mail each: what was delivered is not sent again because of another recipient, so the first
 * failure is told only if nobody got it. */
static void converse_each(struct delivery *d, const char *to)
{
	struct courier_result failed = {0};
	unsigned delivered = 0, refused = 0;
	char address[256];

	while (mail_next(&to, address)) {
		if (converse(d, address) == VERDICT_DELIVERED)
			delivered++;
		else if (!refused++)
			failed = d->result;
	}
	if (!delivered)
		d->result = failed;
	else if (refused) {
		d->result = failed;
		d->result.verdict = VERDICT_DELIVERED;
		d->result.step = COURIER_STEP_NONE;
	}
}

static void run(struct crew_job *job)
{
	struct delivery *d = (struct delivery *)job;
	const char *to = courier_push_get(d->push, COURIER_TO);
	CLEANUP_BUF struct buf id = BUF_INIT;
	mono_t started = mono_now();

	if (d->push->numbers[COURIER_ALL])
		converse_each(d, to);
	else
		converse(d, to);
	memcpy(d->result.push, d->push->push, sizeof(d->result.push));
	d->result.elapsed_ms = (uint32_t)(mono_sub(mono_now(), started) / DUR_MS);
	mail_append_id(&id, d->push);
	if (id.len < sizeof(d->result.reference))
		memcpy(d->result.reference, id.data, id.len + 1);
}

/* ---- on the loop ---- */

static void done(struct crew_job *job)
{
	struct delivery *d = (struct delivery *)job;

	if (!crew_is_ending(d->email->crew))
		d->email->on_result(d->email->owner, &d->result);
	free(d->push);
	free(d);
}

void endpoint_email_start(struct endpoint_email *email, const struct courier_push *push)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->email = email;
	d->push = xmemdup(push, courier_push_size(push));
	memcpy(d->result.push, push->push, sizeof(d->result.push));
	d->job.run = run;
	d->job.done = done;
	snprintf(d->job.lane, sizeof(d->job.lane), "smtp %s %u",
		 courier_push_get(push, COURIER_HOST), push->numbers[COURIER_PORT]);
	crew_put(email->crew, &d->job);
}

struct endpoint_email *endpoint_email_new(struct crew *crew, const struct courier_config *config,
					  endpoint_on_result on_result, void *owner)
{
	struct endpoint_email *email = xcalloc(1, sizeof(*email));

	email->crew = crew;
	email->config = config;
	email->on_result = on_result;
	email->owner = owner;
	return email;
}

struct endpoint_email *endpoint_email_free(struct endpoint_email *email)
{
	free(email);
	return NULL;
}
