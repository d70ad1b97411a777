/* SPDX-License-Identifier: Apache-2.0 */
/* The gate in front of the running server: what it refuses is answered with a problem and the end
 * of the connection, never reaches a handler, and leaves the server as it was. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/control_lab.h"
#include "tests/unit/test.h"

#define HEAD "GET /livez HTTP/1.1\r\nHost: x\r\n"

/* Sends all of it and reads until the server closes the connection. */
static void talk(struct lab *lab, const char *bytes, size_t len, char *answer, size_t size)
{
	CLEANUP_CLOSE int fd = lab_connect(lab);
	mono_t end = mono_add(mono_now(), 5 * DUR_S);
	size_t sent = 0, got = 0;

	while (mono_sub(end, mono_now()) > 0) {
		ssize_t n;

		if (sent < len && (n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		lab_pump(lab, 2);
		n = recv(fd, answer + got, size - got - 1, MSG_DONTWAIT);
		if (n == 0)
			break;
		got += n > 0 ? (size_t)n : 0;
	}
	answer[got] = '\0';
}

static void check_answer(struct lab *lab, const char *bytes, size_t len, const char *status,
			 const char *word)
{
	char answer[4096] = "";

	talk(lab, bytes, len, answer, sizeof(answer));
	if (strncmp(answer, status, strlen(status)) || !strstr(answer, word))
		fprintf(stderr, "sent: %.60s\nanswer: %s\n", bytes, answer);
	check(!strncmp(answer, status, strlen(status)));
	check(strstr(answer, word));
	check(strstr(answer, "application/problem+json"));
	check(strstr(answer, "Connection: close"));
}

#define refused(lab, bytes, status, word)                                                          \
	check_answer(lab, bytes, sizeof(bytes) - 1, "HTTP/1.1 " status, word)

/* Asks again and again and reads no answer. The server must not keep what it cannot answer: the
 * connection ends long before `limit` bytes are sent. */
static void check_flood(struct lab *lab)
{
	static const char request[] = HEAD "\r\n";
	const size_t limit = 48u << 20;
	CLEANUP_CLOSE int fd = lab_connect(lab);
	mono_t end = mono_add(mono_now(), 15 * DUR_S);
	char bytes[1000 * (sizeof(request) - 1)];
	size_t sent = 0;
	ssize_t n = 0;

	for (size_t i = 0; i < 1000; i++)
		memcpy(bytes + i * (sizeof(request) - 1), request, sizeof(request) - 1);
	while (sent < limit && mono_sub(end, mono_now()) > 0) {
		size_t at = sent % sizeof(bytes);

		n = send(fd, bytes + at, sizeof(bytes) - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		lab_pump(lab, 1);
	}
	check(n < 0 && (errno == ECONNRESET || errno == EPIPE));
}

static void check_alive(struct lab *lab)
{
	struct lab_answer answer;

	lab_ask(lab, "GET", "/livez", NULL, &answer);
	check_int(answer.status, 200);
	lab_answer_fini(&answer);
}

/* Valid, but nothing here takes it: our answer, not evhttp's page. */
static void check_method(struct lab *lab, const char *method)
{
	struct lab_answer answer;

	lab_ask(lab, method, "/livez", NULL, &answer);
	check_int(answer.status, 405);
	check(strstr(answer.head, "application/problem+json"));
	check(strstr(answer.head, "Allow: GET"));
	lab_answer_fini(&answer);
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	refused(&lab, "GET /livez HTTP/1.1\nHost: x\n\n", "400", "CR LF");
	refused(&lab, "GET /livez HTTP/1.1\r\n\r\n", "400", "Host is missing");
	refused(&lab, HEAD "X: a\r\n b\r\n\r\n", "400", "folded");
	refused(&lab, HEAD "X: a\0b\r\n\r\n", "400", "invalid character");
	refused(&lab, HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", "length");
	refused(&lab, HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", "501", "coding");
	refused(&lab, "GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400", "NUL");
	refused(&lab, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "400", "method");
	refused(&lab, HEAD "Content-Length: 99999999\r\n\r\n", "413", "1048576");
	refused(&lab, HEAD "\r\nnonsense", "", "invalid_request"); /* after a valid one */
	refused(&lab, "BREW /livez HTTP/1.1\r\nHost: x\r\n\r\n", "501", "unknown method");
	/* evhttp would answer the body as a request of its own */
	refused(&lab, "HEAD /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nGET / HTT",
		"400", "no body");
	check_method(&lab, "OPTIONS");
	check_method(&lab, "TRACE");
	check_flood(&lab);
	check_alive(&lab);
	lab_fini(&lab);
	return 0;
}
