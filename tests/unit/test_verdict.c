/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>

#include "dispatch/push/excerpt.h"
#include "dispatch/push/verdict.h"
#include "tests/unit/test.h"

static const wall_t now = {1700000000 * DUR_S}; /* Tue, 14 Nov 2023 22:13:20 GMT */

static void test_status(void)
{
	static const struct {
		unsigned status;
		enum courier_verdict verdict;
	} rows[] = {
		{200, VERDICT_DELIVERED}, {202, VERDICT_DELIVERED}, {204, VERDICT_DELIVERED},
		{299, VERDICT_DELIVERED}, {301, VERDICT_PERMANENT}, {302, VERDICT_PERMANENT},
		{304, VERDICT_PERMANENT}, {307, VERDICT_PERMANENT}, {400, VERDICT_PERMANENT},
		{401, VERDICT_PERMANENT}, {403, VERDICT_PERMANENT}, {404, VERDICT_PERMANENT},
		{408, VERDICT_RETRY},	  {409, VERDICT_PERMANENT}, {410, VERDICT_DISABLE},
		{413, VERDICT_PERMANENT}, {425, VERDICT_RETRY},	    {429, VERDICT_RETRY},
		{500, VERDICT_RETRY},	  {503, VERDICT_RETRY},	    {599, VERDICT_RETRY},
		{600, VERDICT_PERMANENT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verdict v = verdict_on_status(rows[i].status, "7", now);

		check_int(v.verdict, rows[i].verdict);
		check_int(v.step, v.verdict == VERDICT_DELIVERED ? COURIER_STEP_NONE
				  : rows[i].status == 401	 ? COURIER_STEP_AUTH
								 : COURIER_STEP_REMOTE);
		check_int(v.retry_after_ms, v.verdict == VERDICT_RETRY ? 7000 : 0);
	}
}

static void test_failure(void)
{
	static const struct {
		CURLcode code;
		enum courier_step under_way, step;
		enum courier_verdict verdict;
	} rows[] = {
		{CURLE_COULDNT_RESOLVE_HOST, COURIER_STEP_DNS, COURIER_STEP_DNS, VERDICT_RETRY},
		{CURLE_COULDNT_CONNECT, COURIER_STEP_CONNECT, COURIER_STEP_CONNECT, VERDICT_RETRY},
		{CURLE_SSL_CONNECT_ERROR, COURIER_STEP_TLS, COURIER_STEP_TLS, VERDICT_RETRY},
		{CURLE_PEER_FAILED_VERIFICATION, COURIER_STEP_TLS, COURIER_STEP_TLS,
		 VERDICT_PERMANENT},
		{CURLE_OPERATION_TIMEDOUT, COURIER_STEP_DNS, COURIER_STEP_DNS, VERDICT_RETRY},
		{CURLE_OPERATION_TIMEDOUT, COURIER_STEP_TLS, COURIER_STEP_TLS, VERDICT_RETRY},
		{CURLE_OPERATION_TIMEDOUT, COURIER_STEP_PROTOCOL, COURIER_STEP_PROTOCOL,
		 VERDICT_RETRY},
		{CURLE_GOT_NOTHING, COURIER_STEP_PROTOCOL, COURIER_STEP_PROTOCOL, VERDICT_RETRY},
		{CURLE_RECV_ERROR, COURIER_STEP_PROTOCOL, COURIER_STEP_PROTOCOL, VERDICT_RETRY},
		{CURLE_UNSUPPORTED_PROTOCOL, COURIER_STEP_PROTOCOL, COURIER_STEP_PROTOCOL,
		 VERDICT_RETRY},
		{CURLE_URL_MALFORMAT, COURIER_STEP_DNS, COURIER_STEP_REQUEST, VERDICT_PERMANENT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verdict v = verdict_on_failure((int)rows[i].code, rows[i].under_way);

		check_int(v.verdict, rows[i].verdict);
		check_int(v.step, rows[i].step);
	}
}

static void test_retry_after(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"", 0},
		{"0", 0},
		{"30", 30000},
		{"3600", 3600000},
		{"3601", 3600000},
		{"99999999999999999999999999", 3600000},
		{"-5", 0},
		{"1.5", 0},
		{"soon", 0},
		{"12 monkeys", 0},
		{"Tue, 14 Nov 2023 22:13:50 GMT", 30000},
		{"Tuesday, 14-Nov-23 22:13:50 GMT", 30000},
		{"Tue Nov 14 22:13:50 2023", 30000},
		{"Tue, 14 Nov 2023 22:13:00 GMT", 0},
		{"Sat, 14 Nov 2099 22:13:00 GMT", 3600000},
		{"Tue, 14 Nov 2023 22:13:50 GMT+1", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_int(verdict_parse_retry_after(rows[i].text, now), rows[i].ms);
}

static void test_excerpt(void)
{
	static const char hostile[] = "a\x1b[31mred\x00z\xc2\x9b\xff";
	char text[64], small[8];

	check_text(excerpt_format("ok", 2, text, sizeof(text)), "ok");
	check_text(excerpt_format(NULL, 0, text, sizeof(text)), "");
	check_text(excerpt_format("a\r\n\t b", 6, text, sizeof(text)), "a b");
	check_text(excerpt_format(hostile, sizeof(hostile) - 1, text, sizeof(text)),
		   "a\\x1b[31mred\\x00z\\xc2\\x9b\\xff");
	check_text(excerpt_format("\xe8\xad\xa6!", 4, text, sizeof(text)), "\xe8\xad\xa6!");
	check_text(excerpt_format("1234567", 7, small, sizeof(small)), "1234567");
	check_text(excerpt_format("12345678", 8, small, sizeof(small)), "1234\xe2\x80\xa6");
	check_text(excerpt_format("123\xe8\xad\xa6xx", 8, small, sizeof(small)), "123\xe2\x80\xa6");
	check_text(excerpt_format("\xe8\xad", 2, text, sizeof(text)), "\\xe8\\xad");
}

int main(void)
{
	test_status();
	test_failure();
	test_retry_after();
	test_excerpt();
	return 0;
}
