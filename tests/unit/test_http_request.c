/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/request.h"
#include "tests/unit/test.h"

static const char *verdict_of(const char *method, const char *url, const char *headers)
{
	static struct courier_push push;
	static struct error err;

	courier_push_init(&push, "");
	courier_push_set(&push, COURIER_METHOD, method);
	courier_push_set(&push, COURIER_URL, url);
	courier_push_set(&push, COURIER_HEADERS, headers);
	err = (struct error){0};
	return request_check(&push, &err) ? err.code : "ok";
}

static void test_method(void)
{
	check_text(verdict_of("POST", "http://h/", ""), "ok");
	check_text(verdict_of("PUT", "http://h/", ""), "ok");
	check_text(verdict_of("PATCH", "http://h/", ""), "ok");
	check_text(verdict_of("GET", "http://h/", ""), "invalid_method");
	check_text(verdict_of("post", "http://h/", ""), "invalid_method");
	check_text(verdict_of("PO\r\n", "http://h/", ""), "invalid_method");
	check_text(verdict_of("", "http://h/", ""), "invalid_method");
}

static void test_url(void)
{
	static const char *const good[] = {"http://h", "HtTpS://h/", "http://[::1]:80/x?y=%20",
					   "http://10.0.0.1:8080/a/b", "https://u:p@h/"};
	static const char *const bad[] = {
		"",
		"h/x",
		"ftp://h/",
		"file:///etc/passwd",
		"http://",
		"http:///x",
		"http:/h/x",
		"http://h/a b",
		"http://h/\r\nX: y",
		"http://h\n",
		"http://h:x/",
		"http://h/\x7f",
		"gopher://h/_x",
		"//h/x",
		"javascript:0",
		"http://h:99999/",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_text(verdict_of("POST", good[i], ""), "ok");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_text(verdict_of("POST", bad[i], ""), "invalid_url");
}

/* EMQ-06 */
static void test_headers(void)
{
	check_text(verdict_of("POST", "http://h/", "X-A: b\nAuthorization: Bearer x\nX-A: c\n"),
		   "ok");
	check_text(verdict_of("POST", "http://h/", "X-Empty:\n"), "ok");
	check_text(verdict_of("POST", "http://h/", "X-A: b\r\nGET /smuggled\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", "X-A: b\n\nGET / HTTP/1.1\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", "X A: b\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", ": b\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", "no colon\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", "X-A: \x01\n"), "invalid_header");
	check_text(verdict_of("POST", "http://h/", "hOsT: evil\n"), "reserved_header");
	check_text(verdict_of("POST", "http://h/", "Content-Length: 5\n"), "reserved_header");
	check_text(verdict_of("POST", "http://h/", "Transfer-Encoding: chunked\n"),
		   "reserved_header");
	check_text(verdict_of("POST", "http://h/", "webhook-id: mine\n"), "ok"); /* left out */
}

static void test_find(void)
{
	static struct courier_push push;
	struct request_header h;
	const char *cursor;

	courier_push_init(&push, "");
	courier_push_set(&push, COURIER_HEADERS, "X-A:  spaced out \t\nContent-TYPE: t");
	cursor = courier_push_get(&push, COURIER_HEADERS);
	check(request_find_header(&push, "content-type"));
	check(!request_find_header(&push, "content"));
	check_int(request_parse_header(&cursor, &h), 0);
	check_int(h.value_len, strlen("spaced out"));
	check_int(request_parse_header(&cursor, &h), 0);
	check_int(h.name_len, strlen("Content-TYPE"));
	check_int(request_parse_header(&cursor, &h), REQUEST_END);
}

int main(void)
{
	test_method();
	test_url();
	test_headers();
	test_find();
	return 0;
}
