/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/mail.h"

#include <sodium/utils.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "dispatch/push/text.h"

#define BASE64	   sodium_base64_VARIANT_ORIGINAL
#define WORD_BYTES 45 /* of text in an encoded word: "=?UTF-8?B?" + 60 + "?=" is 72 */
#define LINE_BYTES 57 /* of a body in a line of base64: 76 characters */
#define PLAIN_MAX  60 /* an ASCII value up to this long stays as it is, on one line */

/* ---- addresses ---- */

void mail_address(const char *mailbox, char ret[256])
{
	const char *open = strrchr(mailbox, '<');
	size_t len;

	if (open)
		mailbox = open + 1;
	len = strcspn(mailbox, ">\r\n");
	snprintf(ret, 256, "%.*s", (int)len, mailbox);
}

int mail_next(const char **list, char ret[256])
{
	size_t len;

	*list += strspn(*list, ", \t");
	len = strcspn(*list, ", \t\r\n");
	snprintf(ret, 256, "%.*s", (int)len, *list);
	*list += len;
	return len > 0;
}

/* ---- headers ---- */

static void append_base64(struct buf *b, const void *data, size_t len)
{
	char text[128];

	sodium_bin2base64(text, sizeof(text), data, len, BASE64);
	buf_append_text(b, text);
}

static int is_plain(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			return 0;
	return !strstr(text, "=?") && strlen(text) <= PLAIN_MAX;
}

void mail_append_words(struct buf *b, const char *text, size_t used)
{
	CLEANUP_FREE char *clean = NULL;
	size_t len = strlen(text), n;

	if (is_plain(text)) {
		buf_append_text(b, text);
		return;
	}
	clean = xmemdup(text, len + 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)clean[i] < 0x20 || clean[i] == 0x7f)
			clean[i] = ' ';
	for (size_t at = 0; at < len; at += n) {
		/* the first word shares its line with the header's name */
		size_t max = at || used < 5 ? WORD_BYTES : WORD_BYTES - 12;

		n = text_fit(clean + at, len - at, max);
		if (!n)
			n = 1;
		buf_append_text(b, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
		append_base64(b, clean + at, n);
		buf_append_text(b, "?=");
	}
}

/* Ours, if it is a whole domain, else the sender's. */
static const char *domain_of(const struct courier_push *push)
{
	const char *probe = courier_push_get(push, COURIER_PROBE);
	const char *at = strrchr(courier_push_get(push, COURIER_FROM), '@');

	if (strchr(probe, '.') && !strpbrk(probe, " <>@\r\n"))
		return probe;
	return at ? at + 1 : "localhost";
}

void mail_append_id(struct buf *b, const struct courier_push *push)
{
	const char *domain = domain_of(push);

	buf_printf(b, "<%s@%.*s>", push->push, (int)strcspn(domain, "> \r\n"), domain);
}

static void append_date(struct buf *b, wall_t now)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(now.ns / DUR_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	buf_printf(b, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
		   months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void append_from(struct buf *b, const struct courier_push *push)
{
	const char *from = courier_push_get(push, COURIER_FROM), *open = strrchr(from, '<');
	CLEANUP_FREE char *name = NULL;
	char address[256];
	size_t len;

	mail_address(from, address);
	if (!open) {
		buf_printf(b, "From: %s\r\n", address);
		return;
	}
	len = (size_t)(open - from);
	while (len && strchr(" \t\"", from[len - 1]))
		len--;
	name = xasprintf("%.*s", (int)len, from + strspn(from, " \t\""));
	buf_append_text(b, "From: ");
	if (is_plain(name) && !strpbrk(name, "\"\\"))
		buf_printf(b, "\"%s\"", name);
	else
		mail_append_words(b, name, 6);
	buf_printf(b, " <%s>\r\n", address);
}

/* One address a line: long lists stay within the line's limit. */
static void append_to(struct buf *b, const char *to)
{
	const char *lead = "To: ";
	char address[256];

	while (mail_next(&to, address)) {
		buf_printf(b, "%s%s", lead, address);
		lead = ",\r\n ";
	}
	buf_append_text(b, "\r\n");
}

static void append_thread(struct buf *b, const struct courier_push *push)
{
	const char *reference = courier_push_get(push, COURIER_REFERENCE);

	if (*reference != '<' || strpbrk(reference, "\r\n "))
		return;
	buf_printf(b, "In-Reply-To: %s\r\nReferences: %s\r\n", reference, reference);
}

static const char *subject_of(const struct courier_push *push)
{
	return courier_push_get(push, push->event == COURIER_TEST ? COURIER_BODY : COURIER_TITLE);
}

/* ---- bodies ---- */

/* Lone line ends become CRLF before they are encoded. */
static void append_body(struct buf *b, const char *type, const char *text)
{
	CLEANUP_BUF struct buf lines = BUF_INIT;

	buf_printf(b,
		   "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		   type);
	for (; *text; text++) {
		if (*text == '\n')
			buf_append_text(&lines, "\r\n");
		else if (*text != '\r')
			buf_append(&lines, text, 1);
	}
	for (size_t at = 0; at < lines.len; at += LINE_BYTES) {
		size_t left = lines.len - at;

		append_base64(b, lines.data + at, left < LINE_BYTES ? left : LINE_BYTES);
		buf_append_text(b, "\r\n");
	}
}

/* Plain text as HTML that looks the same. */
static char *html_of(const char *text)
{
	CLEANUP_BUF struct buf html = BUF_INIT;

	buf_append_text(&html, "<!DOCTYPE html><html><body><pre style=\"white-space:pre-wrap\">");
	for (; *text; text++) {
		if (*text == '&')
			buf_append_text(&html, "&amp;");
		else if (*text == '<')
			buf_append_text(&html, "&lt;");
		else if (*text == '>')
			buf_append_text(&html, "&gt;");
		else
			buf_append(&html, text, 1);
	}
	buf_append_text(&html, "</pre></body></html>");
	return buf_take(&html);
}

static void append_bodies(struct buf *b, const struct courier_push *push)
{
	const char *body = courier_push_get(push, COURIER_BODY);
	const char *plain = courier_push_get(push, COURIER_PLAIN);
	CLEANUP_FREE char *made = *plain ? NULL : html_of(body);
	const char *html = *plain ? body : made;

	buf_printf(b,
		   "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; "
		   "boundary=\"=_%s\"\r\n\r\n--=_%s\r\n",
		   push->push, push->push);
	append_body(b, "text/plain", *plain ? plain : body);
	buf_printf(b, "\r\n--=_%s\r\n", push->push);
	append_body(b, "text/html", html);
	buf_printf(b, "\r\n--=_%s--\r\n", push->push);
}

void mail_format(struct buf *b, const struct courier_push *push, const char *to, wall_t now)
{
	append_date(b, now);
	append_from(b, push);
	append_to(b, to);
	buf_append_text(b, "Subject: ");
	mail_append_words(b, subject_of(push), 9);
	buf_append_text(b, "\r\nMessage-ID: ");
	mail_append_id(b, push);
	buf_append_text(b, "\r\nAuto-Submitted: auto-generated\r\n");
	append_thread(b, push);
	append_bodies(b, push);
}
