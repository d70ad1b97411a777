/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/syslog_message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dispatch/push/text.h"
#include "policy/level.h"
#include "policy/locator.h"

#define UDP_SIZE     1180 /* RFC 5426: every receiver of IPv6 must take that */
#define STREAM_SIZE  32768
#define RFC3164_SIZE 1024
#define VALUE_MAX    128 /* bytes of one value of the structured data */
#define BOM	     "\xef\xbb\xbf"

unsigned syslog_message_priority(const struct courier_push *push)
{
	static const unsigned severities[] = {
		[LEVEL_CRITICAL] = 2, [LEVEL_ERROR] = 3,    [LEVEL_WARNING] = 4,
		[LEVEL_NO_DATA] = 4,  [LEVEL_RECOVERY] = 5, [LEVEL_INFO] = 6,
	};
	uint32_t level = push->level;
	unsigned severity = level < ARRAY_SIZE(severities) && level ? severities[level] : 6;

	return push->numbers[COURIER_FACILITY] * 8 + severity;
}

static size_t size_max(const struct courier_push *push)
{
	if (push->numbers[COURIER_SIZE_MAX])
		return push->numbers[COURIER_SIZE_MAX];
	if (push->numbers[COURIER_MESSAGE] == COURIER_RFC3164)
		return RFC3164_SIZE;
	return push->numbers[COURIER_TRANSPORT] == LOCATOR_UDP ? UDP_SIZE : STREAM_SIZE;
}

/* A header field: printable ASCII without blanks, "-" if nothing is left (SYS-13). */
static void append_field(struct buf *b, const char *text, size_t max)
{
	size_t len = 0;

	for (; *text && len < max; text++)
		if (*text > 0x20 && *text < 0x7f) {
			buf_append(b, text, 1);
			len++;
		}
	if (!len)
		buf_append_text(b, "-");
}

static void append_value(struct buf *b, const char *name, const char *text)
{
	size_t len = text_fit(text, strlen(text), VALUE_MAX);

	if (!len)
		return;
	buf_printf(b, " %s=\"", name);
	for (size_t i = 0; i < len; i++) {
		if (strchr("\"\\]", text[i]))
			buf_append_text(b, "\\");
		buf_append(b, (unsigned char)text[i] < 0x20 ? " " : &text[i], 1);
	}
	buf_append_text(b, "\"");
}

static const char *event_name(const struct courier_push *push)
{
	static const char *const names[] = {[COURIER_FIRING] = "firing",
					    [COURIER_RECOVERED] = "recovered",
					    [COURIER_NOTICE] = "notice",
					    [COURIER_TEST] = "test"};

	return push->event < ARRAY_SIZE(names) ? names[push->event] : "-";
}

static void append_data(struct buf *b, const struct courier_push *push)
{
	buf_printf(b, "[ringbell@%u", push->numbers[COURIER_ENTERPRISE]);
	append_value(b, "policy", courier_push_get(push, COURIER_POLICY));
	append_value(b, "object", courier_push_get(push, COURIER_OBJECT));
	append_value(b, "level", text_level(push->level));
	append_value(b, "fingerprint", courier_push_get(push, COURIER_FINGERPRINT));
	append_value(b, "event", courier_push_get(push, COURIER_ALERT));
	append_value(b, "link", courier_push_get(push, COURIER_LINK));
}

/* The text, cut to what is left; returns whether it was. */
static int text_is_cut(const struct buf *head, const char *tail, const char *text, size_t max)
{
	return head->len + strlen(tail) + strlen(text) > max;
}

static void format_5424(struct buf *b, const struct courier_push *push)
{
	const char *text = courier_push_get(push, COURIER_BODY), *tail = "] " BOM;
	char at[WALL_TEXT_SIZE];
	size_t start = b->len, room;
	struct buf head;

	/* RFC 5424 allows six digits of a second */
	wall_format((wall_t){push->at}, at);
	if (strlen(at) > 27)
		memcpy(at + 26, "Z", 2);
	buf_printf(b, "<%u>1 %s ", syslog_message_priority(push), *at ? at : "-");
	append_field(b, courier_push_get(push, COURIER_PROBE), 255);
	buf_append_text(b, " ");
	append_field(b, courier_push_get(push, COURIER_APP), 48);
	buf_printf(b, " - %s ", event_name(push));
	append_data(b, push);
	head = (struct buf){.len = b->len - start};
	if (text_is_cut(&head, tail, text, size_max(push)))
		tail = " truncated=\"1\"] " BOM;
	buf_append_text(b, tail);
	room = size_max(push) > b->len - start ? size_max(push) - (b->len - start) : 0;
	buf_append(b, text, text_fit(text, strlen(text), room));
}

static void format_3164(struct buf *b, const struct courier_push *push)
{
	const char *text = courier_push_get(push, COURIER_BODY);
	time_t seconds = (time_t)(push->at / DUR_S);
	size_t start = b->len, room, tag = 0;
	struct tm tm;
	char at[32];

	gmtime_r(&seconds, &tm);
	strftime(at, sizeof(at), "%b %e %H:%M:%S", &tm);
	buf_printf(b, "<%u>%s ", syslog_message_priority(push), at);
	append_field(b, courier_push_get(push, COURIER_PROBE), 255);
	buf_append_text(b, " ");
	for (const char *p = courier_push_get(push, COURIER_APP); *p && tag < 32; p++)
		if (isalnum((unsigned char)*p)) {
			buf_append(b, p, 1);
			tag++;
		}
	buf_append_text(b, ": ");
	room = size_max(push) > b->len - start ? size_max(push) - (b->len - start) : 0;
	if (strlen(text) <= room)
		buf_append_text(b, text);
	else if (room > 3)
		text_append_bytes(b, text, room);
}

void syslog_message_format(struct buf *b, const struct courier_push *push)
{
	if (push->numbers[COURIER_MESSAGE] == COURIER_RFC3164)
		format_3164(b, push);
	else
		format_5424(b, push);
}

void syslog_message_frame(struct buf *b, const struct courier_push *push)
{
	CLEANUP_BUF struct buf message = BUF_INIT;

	syslog_message_format(&message, push);
	if (!push->numbers[COURIER_FRAMING]) {
		buf_printf(b, "%zu ", message.len);
		buf_append(b, message.data, message.len);
		return;
	}
	for (size_t i = 0; i < message.len; i++) {
		if (message.data[i] == '\n')
			buf_append_text(b, "\\n");
		else if (message.data[i] != '\r')
			buf_append(b, &message.data[i], 1);
	}
	buf_append_text(b, "\n");
}
