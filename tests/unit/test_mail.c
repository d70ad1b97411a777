/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium/utils.h>

#include "dispatch/push/excerpt.h"
#include "dispatch/push/mail.h"
#include "tests/unit/test.h"

#define SUBJECT                                                                                    \
	"告警：核心交换机 eth0 丢包率超过阈值，请立即检查链路并下载抓包文件" /* REQUIREMENTS 9.9   \
									      */

static struct courier_push push;

static char *format(const char *subject, const char *body)
{
	static struct buf b;

	courier_push_init(&push, "0193a000-0000-7000-8000-000000000001");
	courier_push_set(&push, COURIER_FROM, "Ringbell <alerts@example.org>");
	courier_push_set(&push, COURIER_TITLE, subject);
	courier_push_set(&push, COURIER_BODY, body);
	courier_push_set(&push, COURIER_PROBE, "probe7.example.net");
	courier_push_set(&push, COURIER_REFERENCE, "<0193@probe7.example.net>");
	buf_clear(&b);
	mail_format(&b, &push, "a@b.c, d@e.f", (wall_t){1700000000 * DUR_S});
	return b.data;
}

/* Decodes the encoded words of a header; each must be whole characters. */
static void decode(const char *mail, char *ret, size_t size)
{
	const char *p = strstr(mail, "Subject: ") + 9;
	size_t used = 0;

	while (!strncmp(p, "=?UTF-8?B?", 10)) {
		const char *end = strstr(p + 10, "?=");
		char check_text_[256];
		size_t n;

		check(end + 2 - p <= 75);
		check(!sodium_base642bin((unsigned char *)ret + used, size - used, p + 10,
					 (size_t)(end - p - 10), NULL, &n, NULL,
					 sodium_base64_VARIANT_ORIGINAL));
		excerpt_format(ret + used, n, check_text_, sizeof(check_text_));
		check(!strstr(check_text_, "\\x"));
		used += n;
		p = end + 2;
		if (!strncmp(p, "\r\n =?", 5))
			p += 3;
	}
	ret[used] = '\0';
}

/* DEF-04, VEC-03 */
static void test_subject(void)
{
	char text[512];

	decode(format(SUBJECT, "x"), text, sizeof(text));
	check_text(text, SUBJECT);
	check(strstr(format("plain", "x"), "\r\nSubject: plain\r\n"));
}

static void a_line_end_in_a_subject_makes_no_header(void)
{
	char *mail = format("x\r\nBcc: evil@example.com", "x");

	check(!strstr(mail, "\r\nBcc:"));
	check(strstr(mail, "\r\nSubject: =?UTF-8?B?"));
}

/* EMQ-03 */
static void test_headers(void)
{
	char *mail = format("s", ".\nbody\n");

	check(!strncmp(mail, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n", 39));
	check(strstr(mail, "From: \"Ringbell\" <alerts@example.org>\r\n"));
	check(strstr(mail, "To: a@b.c,\r\n d@e.f\r\n"));
	check(strstr(mail, "Message-ID: "
			   "<0193a000-0000-7000-8000-000000000001@probe7.example.net>\r\n"));
	check(strstr(mail, "In-Reply-To: <0193@probe7.example.net>\r\n"));
	check(strstr(mail, "References: <0193@probe7.example.net>\r\n"));
	check(strstr(mail, "Auto-Submitted: auto-generated\r\n"));
	check(strstr(mail, "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;"));
	check(strstr(mail, "Content-Type: text/plain; charset=utf-8\r\n"));
	check(strstr(mail, "Content-Type: text/html; charset=utf-8\r\n"));
	check(strstr(mail, "Lg0KYm9keQ0K\r\n")); /* ".\r\nbody\r\n" */
}

static void no_line_is_longer_than_998_bytes(void)
{
	static char body[20001];
	const char *line, *end;

	memset(body, 'x', 20000);
	for (line = format(SUBJECT SUBJECT SUBJECT, body); *line; line = end + 2) {
		end = strstr(line, "\r\n");
		check(end && end - line <= 998);
	}
}

int main(void)
{
	test_subject();
	a_line_end_in_a_subject_makes_no_header();
	test_headers();
	no_line_is_longer_than_998_bytes();
	return 0;
}
