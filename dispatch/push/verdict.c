/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/verdict.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <time.h>

/* Failures with a place of their own. PERMANENT: another try would be as useless as this one. */
static const struct failure {
	CURLcode code;
	enum courier_step step;
	enum courier_verdict verdict;
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, COURIER_STEP_DNS, VERDICT_RETRY},
	{CURLE_COULDNT_RESOLVE_PROXY, COURIER_STEP_DNS, VERDICT_RETRY},
	{CURLE_COULDNT_CONNECT, COURIER_STEP_CONNECT, VERDICT_RETRY},
	{CURLE_INTERFACE_FAILED, COURIER_STEP_CONNECT, VERDICT_RETRY},
	{CURLE_SSL_CONNECT_ERROR, COURIER_STEP_TLS, VERDICT_RETRY},
	{CURLE_SSL_CIPHER, COURIER_STEP_TLS, VERDICT_RETRY},
	{CURLE_SSL_ENGINE_INITFAILED, COURIER_STEP_TLS, VERDICT_RETRY},
	{CURLE_SSL_CLIENTCERT, COURIER_STEP_TLS, VERDICT_RETRY}, /* the peer wants one of ours */
	/* our CA file may be mended without a new push */
	{CURLE_SSL_CACERT_BADFILE, COURIER_STEP_TLS, VERDICT_RETRY},
	/* somebody else answers under this name: sending again would only offer it again */
	{CURLE_PEER_FAILED_VERIFICATION, COURIER_STEP_TLS, VERDICT_PERMANENT},
	{CURLE_SSL_ISSUER_ERROR, COURIER_STEP_TLS, VERDICT_PERMANENT},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, COURIER_STEP_TLS, VERDICT_PERMANENT},
	{CURLE_SSL_INVALIDCERTSTATUS, COURIER_STEP_TLS, VERDICT_PERMANENT},
	{CURLE_URL_MALFORMAT, COURIER_STEP_REQUEST, VERDICT_PERMANENT},
	{CURLE_BAD_FUNCTION_ARGUMENT, COURIER_STEP_REQUEST, VERDICT_PERMANENT},
	{CURLE_OUT_OF_MEMORY, COURIER_STEP_REQUEST, VERDICT_RETRY},
};

struct verdict verdict_on_failure(int code, enum courier_step under_way)
{
	/* Unlisted are the many ways in which a peer talks nonsense or hangs up: garbage for a
	 * status line, reset, nothing at all. A timeout belongs to the step it interrupted. */
	struct verdict v = {.verdict = VERDICT_RETRY, .step = COURIER_STEP_PROTOCOL};

	if (code == CURLE_OPERATION_TIMEDOUT)
		v.step = under_way;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if ((int)failures[i].code != code)
			continue;
		v.verdict = failures[i].verdict;
		v.step = failures[i].step;
	}
	return v;
}

static bool is_temporary(unsigned status)
{
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

struct verdict verdict_on_status(unsigned status, const char *retry_after, wall_t now)
{
	struct verdict v = {.verdict = VERDICT_PERMANENT, .step = COURIER_STEP_REMOTE};

	if (status >= 200 && status <= 299) {
		v.verdict = VERDICT_DELIVERED;
		v.step = COURIER_STEP_NONE;
	} else if (status == 410) {
		v.verdict = VERDICT_DISABLE;
	} else if (status == 401 || status == 407) {
		v.step = COURIER_STEP_AUTH;
	} else if (is_temporary(status)) {
		v.verdict = VERDICT_RETRY;
		v.retry_after_ms = verdict_parse_retry_after(retry_after, now);
	}
	return v;
}

/* Digits only; saturates at the maximum. Returns seconds or -1. */
static int64_t parse_seconds(const char *text)
{
	const int64_t max = VERDICT_RETRY_AFTER_MAX / DUR_S;
	int64_t seconds = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -1;
		seconds = seconds * 10 + (*text - '0');
		if (seconds > max)
			seconds = max;
	}
	return seconds;
}

/* IMF-fixdate, RFC 850 and asctime, as RFC 9110 5.6.7 wants recipients to read. The processes run
 * in the C locale, so the names of days and months are English. */
static int parse_date(const char *text, time_t *ret)
{
	static const char *const formats[] = {"%a, %d %b %Y %H:%M:%S GMT",
					      "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, formats[i], &tm);

		if (!end || *end)
			continue;
		*ret = timegm(&tm);
		return 0;
	}
	return -1;
}

int64_t verdict_parse_retry_after(const char *text, wall_t now)
{
	const int64_t max = VERDICT_RETRY_AFTER_MAX / DUR_S;
	int64_t seconds = parse_seconds(text);
	time_t date;

	if (seconds < 0) {
		if (parse_date(text, &date))
			return 0;
		seconds = (int64_t)date - now.ns / DUR_S;
	}
	if (seconds < 0)
		seconds = 0;
	return (seconds < max ? seconds : max) * 1000;
}
