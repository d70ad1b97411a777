/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "dispatch/serve/gate.h"
#include "tests/unit/test.h"

#define BODY_MAX 100

/* What one connection sends, and what becomes of it: the number of complete requests, and the
 * status it is refused with (0 = not refused). */
struct vector {
	const char *name;
	const char *bytes;
	size_t len; /* 0 = strlen */
	unsigned requests;
	int status;
};

#define GET	"GET /a HTTP/1.1\r\n"
#define HOST	"Host: x\r\n"
#define POST	"POST /a HTTP/1.1\r\nHost: x\r\n"
#define TEXT(s) s, sizeof(s) - 1

static const struct vector vectors[] = {
	/* the 23 of the evhttp study */
	{"plain", TEXT(GET HOST "\r\n"), 1, 0},
	{"post", TEXT(POST "Content-Length: 3\r\n\r\nabc"), 1, 0},
	{"chunked", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), 1, 0},
	{"length and coding", TEXT(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
	 0, 400},
	{"coding and length", TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
	 0, 400},
	{"gzip, chunked", TEXT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 0, 501},
	{"two codings",
	 TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 0, 400},
	{"two lengths", TEXT(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 0, 400},
	{"two equal lengths", TEXT(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 0,
	 400},
	{"length list", TEXT(POST "Content-Length: 3, 3\r\n\r\nabc"), 0, 400},
	{"length +3", TEXT(POST "Content-Length: +3\r\n\r\nabc"), 0, 400},
	{"length -1", TEXT(POST "Content-Length: -1\r\n\r\nabc"), 0, 400},
	{"length 0x3", TEXT(POST "Content-Length: 0x3\r\n\r\nabc"), 0, 400},
	{"length huge", TEXT(POST "Content-Length: 99999999999999999999\r\n\r\n"), 0, 400},
	{"chunk 0x3", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"), 0,
	 400},
	{"header NUL", TEXT(GET HOST "X: a\0b\r\n\r\n"), 0, 400},
	{"empty header name", TEXT(GET HOST ": a\r\n\r\n"), 0, 400},
	{"space before colon", TEXT(GET HOST "X : a\r\n\r\n"), 0, 400},
	{"folded line", TEXT(GET HOST "X: a\r\n b\r\n\r\n"), 0, 400},
	{"bare LF", TEXT("GET /a HTTP/1.1\nHost: x\n\n"), 0, 400},
	{"bare CR", TEXT(GET "Host: x\rX: y\r\n\r\n"), 0, 400},
	{"no Host", TEXT(GET "\r\n"), 0, 400},
	{"two Hosts", TEXT(GET HOST "Host: y\r\n\r\n"), 0, 400},
	{"HTTP/1.10", TEXT("GET /a HTTP/1.10\r\n" HOST "\r\n"), 0, 400},
	/* request line */
	{"HTTP/1.0 without Host", TEXT("GET /a HTTP/1.0\r\n\r\n"), 1, 0},
	{"HTTP/2.0", TEXT("GET /a HTTP/2.0\r\n" HOST "\r\n"), 0, 505},
	{"HTTP/1.2", TEXT("GET /a HTTP/1.2\r\n" HOST "\r\n"), 0, 505},
	{"HTTP/0.9", TEXT("GET /a\r\n"), 0, 400},
	{"http/1.1", TEXT("GET /a http/1.1\r\n" HOST "\r\n"), 0, 400},
	{"h2 preface", TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0, 501},
	{"unknown method", TEXT("BREW /a HTTP/1.1\r\n" HOST "\r\n"), 0, 501},
	{"known method, cut", TEXT("GE /a HTTP/1.1\r\n" HOST "\r\n"), 0, 501},
	{"HEAD", TEXT("HEAD /a HTTP/1.1\r\n" HOST "\r\n"), 1, 0},
	{"HEAD, length 0", TEXT("HEAD /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 1, 0},
	{"HEAD with body", TEXT("HEAD /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 0,
	 400},
	{"HEAD with chunks",
	 TEXT("HEAD /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 0, 400},
	{"TRACE with body", TEXT("TRACE /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 0,
	 400},
	{"DELETE with body", TEXT("DELETE /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 1,
	 0},
	{"lower-case method", TEXT("get /a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"long method", TEXT("AAAAAAAAAAAAAAAAAAAAAAAA /a HTTP/1.1\r\n"), 0, 400},
	{"method with colon", TEXT("GE:T /a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"two spaces", TEXT("GET  /a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"tab", TEXT("GET\t/a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"space at end of line", TEXT("GET /a HTTP/1.1 \r\n" HOST "\r\n"), 0, 400},
	{"space at start", TEXT(" GET /a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"absolute form", TEXT("GET http://x/a HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"authority form", TEXT("CONNECT x:443 HTTP/1.1\r\n" HOST "\r\n"), 0, 501},
	{"asterisk form", TEXT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"no target", TEXT("GET HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"query", TEXT("GET /a?b=c&d=%41 HTTP/1.1\r\n" HOST "\r\n"), 1, 0},
	{"fragment", TEXT("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"backslash", TEXT("GET /a\\b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"quote", TEXT("GET /a\"b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"less-than", TEXT("GET /<a> HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"pipe", TEXT("GET /a|b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"brace", TEXT("GET /{a} HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"caret", TEXT("GET /a^b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"backtick", TEXT("GET /a`b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"raw UTF-8", TEXT("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"DEL in target", TEXT("GET /a\x7f HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"NUL in target", TEXT("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"%00", TEXT("GET /a%00b HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"%zz", TEXT("GET /a%zz HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"% cut short", TEXT("GET /a% HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"%4 cut short", TEXT("GET /a%4 HTTP/1.1\r\n" HOST "\r\n"), 0, 400},
	{"%2e%2f is fine here", TEXT("GET /%2e%2f HTTP/1.1\r\n" HOST "\r\n"), 1, 0},
	{"dots are fine here", TEXT("GET /../a HTTP/1.1\r\n" HOST "\r\n"), 1, 0},
	{"one empty line first", TEXT("\r\n" GET HOST "\r\n"), 1, 0},
	{"two empty lines first", TEXT("\r\n\r\n" GET HOST "\r\n"), 0, 400},
	{"LF first", TEXT("\n" GET HOST "\r\n"), 0, 400},
	{"CR first", TEXT("\r" GET HOST "\r\n"), 0, 400},
	{"TLS hello", TEXT("\x16\x03\x01\x02\x00\x01"), 0, 400},
	{"NUL first", TEXT("\0"), 0, 400},
	{"CR without LF after line", TEXT("GET /a HTTP/1.1\rX\r\n"), 0, 400},
	/* headers */
	{"Host with port", TEXT(GET "Host: [::1]:8470\r\n\r\n"), 1, 0},
	{"empty Host", TEXT(GET "Host:\r\n\r\n"), 0, 400},
	{"Host with slash", TEXT(GET "Host: x/y\r\n\r\n"), 0, 400},
	{"Host with user", TEXT(GET "Host: a@b\r\n\r\n"), 0, 400},
	{"Host with space", TEXT(GET "Host: a b\r\n\r\n"), 0, 400},
	{"Host with comma", TEXT(GET "Host: a,b\r\n\r\n"), 0, 400},
	{"HOST in capitals twice", TEXT(GET "HOST: x\r\nhost: x\r\n\r\n"), 0, 400},
	{"no space after colon", TEXT(GET "Host:x\r\n\r\n"), 1, 0},
	{"space around value", TEXT(GET "Host: \t x \t\r\n\r\n"), 1, 0},
	{"empty value", TEXT(GET HOST "X:\r\n\r\n"), 1, 0},
	{"obs-text in value", TEXT(GET HOST "X: \xe9\r\n\r\n"), 1, 0},
	{"control in value", TEXT(GET HOST "X: \x01\r\n\r\n"), 0, 400},
	{"DEL in value", TEXT(GET HOST "X: \x7f\r\n\r\n"), 0, 400},
	{"ESC in value", TEXT(GET HOST "X: \x1b[2J\r\n\r\n"), 0, 400},
	{"tab in value", TEXT(GET HOST "X: a\tb\r\n\r\n"), 1, 0},
	{"UTF-8 in name", TEXT(GET HOST "\xc3\xa9: a\r\n\r\n"), 0, 400},
	{"space in name", TEXT(GET HOST "X Y: a\r\n\r\n"), 0, 400},
	{"quote in name", TEXT(GET HOST "\"X\": a\r\n\r\n"), 0, 400},
	{"NUL in name", TEXT(GET HOST "X\0: a\r\n\r\n"), 0, 400},
	{"line without colon", TEXT(GET HOST "X\r\n\r\n"), 0, 400},
	{"first line folded", TEXT(GET " " HOST "\r\n"), 0, 400},
	{"tab-folded", TEXT(GET HOST "\tb\r\n\r\n"), 0, 400},
	{"LF ends header", TEXT(GET "Host: x\n\r\n"), 0, 400},
	{"LF ends head", TEXT(GET HOST "\n"), 0, 400},
	{"CR CR LF", TEXT(GET "Host: x\r\r\n\r\n"), 0, 400},
	{"expect continue", TEXT(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na"), 1, 0},
	{"expect other", TEXT(POST "Expect: miracles\r\n\r\n"), 0, 417},
	{"prefix of a watched name", TEXT(POST "Content-Lengthy: x\r\n\r\n"), 1, 0},
	{"long name", TEXT(GET HOST "X-A-Very-Long-Header-Name-Indeed: x\r\n\r\n"), 1, 0},
	/* bodies */
	{"length 0", TEXT(POST "Content-Length: 0\r\n\r\n"), 1, 0},
	{"length with zeros", TEXT(POST "Content-Length: 003\r\n\r\nabc"), 1, 0},
	{"length empty", TEXT(POST "Content-Length:\r\n\r\n"), 0, 400},
	{"length with space", TEXT(POST "Content-Length: 1 2\r\n\r\n"), 0, 400},
	{"length 1.0", TEXT(POST "Content-Length: 1.0\r\n\r\n"), 0, 400},
	{"length at limit", TEXT(POST "Content-Length: 100\r\n\r\n"), 0, 0},
	{"length above limit", TEXT(POST "Content-Length: 101\r\n\r\n"), 0, 413},
	{"Chunked", TEXT(POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"), 1, 0},
	{"xchunked", TEXT(POST "Transfer-Encoding: xchunked\r\n\r\n"), 0, 501},
	{"identity", TEXT(POST "Transfer-Encoding: identity\r\n\r\n"), 0, 501},
	{"chunked, identity", TEXT(POST "Transfer-Encoding: chunked, identity\r\n\r\n"), 0, 501},
	{"empty coding", TEXT(POST "Transfer-Encoding:\r\n\r\n"), 0, 501},
	{"chunked in 1.0", TEXT("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	 0, 400},
	{"chunk extension", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n"),
	 0, 400},
	{"chunk size empty", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n\r\n"), 0, 400},
	{"chunk size negative", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n"), 0, 400},
	{"chunk size of 9 digits", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n000000001\r\n"), 0,
	 400},
	{"chunk size LF", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n1\na\r\n"), 0, 400},
	{"chunk too long", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"), 0, 400},
	{"chunk data LF", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\n"), 0, 400},
	{"chunks above limit", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n65\r\n"), 0, 413},
	{"trailer", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"), 0, 400},
	/* one after another */
	{"pipelined", TEXT(GET HOST "\r\n" GET HOST "\r\n"), 2, 0},
	{"pipelined after body", TEXT(POST "Content-Length: 2\r\n\r\nab" GET HOST "\r\n"), 2, 0},
	{"body then garbage", TEXT(POST "Content-Length: 2\r\n\r\nabc\r\n"), 1, 400},
	{"second is bad", TEXT(GET HOST "\r\n" GET "\r\n"), 1, 400},
	{"state is fresh",
	 TEXT(POST "Content-Length: 2\r\n\r\nab" POST "Content-Length: 2\r\n\r\nab"), 2, 0},
	{"unfinished head", TEXT(GET HOST), 0, 0},
};

static void check_vector(const struct vector *v, size_t piece)
{
	struct gate g;
	size_t done = 0;

	gate_init(&g, BODY_MAX);
	while (done < v->len) {
		size_t n = v->len - done < piece ? v->len - done : piece;
		size_t passed = gate_step(&g, v->bytes + done, n);

		done += passed;
		if (passed < n)
			break;
	}
	if (g.requests != v->requests || g.status != v->status)
		fprintf(stderr, "%s (pieces of %zu): %d requests, status %d, %s\n", v->name, piece,
			(int)g.requests, g.status, g.reason ? g.reason : "");
	check_int(g.requests, v->requests);
	check_int(g.status, v->status);
	check((g.status == 0) == (done == v->len));
	check((g.status == 0) == (g.reason == NULL));
	check_int(gate_step(&g, "x", 1) && v->status, 0); /* refused stays refused */
}

static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		check_vector(&vectors[i], SIZE_MAX);
		check_vector(&vectors[i], 1);
		check_vector(&vectors[i], 7);
	}
}

/* Repeats `bytes` until the gate refuses; returns the status. */
static int flood(const char *start, const char *bytes)
{
	struct gate g;
	size_t len = strlen(bytes);

	gate_init(&g, BODY_MAX);
	check_int(gate_step(&g, start, strlen(start)), strlen(start));
	for (int i = 0; i < 100000; i++)
		if (gate_step(&g, bytes, len) < len)
			return g.status;
	return 0;
}

static void test_limits(void)
{
	check_int(flood("GET /", "a"), 414);
	check_int(flood(GET HOST "X: ", "a"), 431);
	check_int(flood(GET HOST "X", "a"), 431);
	check_int(flood(GET HOST "X:", " "), 431);
	check_int(flood(GET HOST, "X: y\r\n"), 431);
	check_int(flood(GET "Host: ", "a"), 400);
	check_int(flood(POST "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"), 413);
}

static void test_idle(void)
{
	struct gate g;

	gate_init(&g, BODY_MAX);
	check(gate_is_idle(&g));
	gate_step(&g, "G", 1);
	check(!gate_is_idle(&g));
	gate_step(&g, TEXT("ET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	check(gate_is_idle(&g));
}

int main(void)
{
	test_vectors();
	test_limits();
	test_idle();
	return 0;
}
