/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/syslog_message.h"
#include "policy/level.h"
#include "policy/locator.h"
#include "tests/unit/test.h"

static struct courier_push push;

static void begin(const char *body)
{
	courier_push_init(&push, "0193a000-0000-7000-8000-000000000001");
	push.level = LEVEL_CRITICAL;
	push.at = 1700000000123456789;
	push.numbers[COURIER_FACILITY] = 16;
	push.numbers[COURIER_ENTERPRISE] = 32473;
	push.numbers[COURIER_TRANSPORT] = LOCATOR_UDP;
	courier_push_set(&push, COURIER_APP, "ringbell");
	courier_push_set(&push, COURIER_PROBE, "probe 7");
	courier_push_set(&push, COURIER_POLICY, "a\"b\\c]d");
	courier_push_set(&push, COURIER_BODY, body);
}

static char *format(void)
{
	static struct buf b;

	buf_clear(&b);
	syslog_message_format(&b, &push);
	return b.data;
}

static void test_5424(void)
{
	begin("Platte voll: 日本");
	check_text(format(), "<130>1 2023-11-14T22:13:20.123456Z probe7 ringbell - firing "
			     "[ringbell@32473 policy=\"a\\\"b\\\\c\\]d\" level=\"critical\"] "
			     "\xef\xbb\xbf"
			     "Platte voll: 日本");
}

static void test_3164(void)
{
	begin("full");
	push.numbers[COURIER_MESSAGE] = COURIER_RFC3164;
	check_text(format(), "<130>Nov 14 22:13:20 probe7 ringbell: full");
}

/* REQUIREMENTS 9.9 */
/* VEC-04 */
static void test_priorities(void)
{
	static const unsigned want[] = {
		[LEVEL_CRITICAL] = 130, [LEVEL_ERROR] = 131,	[LEVEL_WARNING] = 132,
		[LEVEL_NO_DATA] = 132,	[LEVEL_RECOVERY] = 133, [LEVEL_INFO] = 134};

	begin("");
	for (uint32_t level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++) {
		push.level = level;
		check_int(syslog_message_priority(&push), want[level]);
	}
}

static void a_datagram_is_cut_on_a_character_and_says_so(void)
{
	char body[6001];

	for (size_t i = 0; i < 6000; i += 3)
		memcpy(body + i, "日", 3);
	body[6000] = '\0';
	begin(body);
	check(strlen(format()) <= 1180 && strlen(format()) > 1170);
	check(strstr(format(), " truncated=\"1\"] "));
	check(!strcmp(format() + strlen(format()) - 3, "日"));
	push.numbers[COURIER_SIZE_MAX] = 2048;
	check(strlen(format()) <= 2048 && strlen(format()) > 2040);
	push.numbers[COURIER_SIZE_MAX] = 0;
	push.numbers[COURIER_TRANSPORT] = LOCATOR_TCP;
	check(!strstr(format(), "truncated"));
}

static void test_framing(void)
{
	struct buf b = BUF_INIT;
	char head[16];

	begin("one\ntwo");
	push.numbers[COURIER_TRANSPORT] = LOCATOR_TCP;
	syslog_message_frame(&b, &push);
	snprintf(head, sizeof(head), "%zu ", strlen(format()));
	check(!strncmp(b.data, head, strlen(head)));
	check_text(b.data + strlen(head), format());
	buf_clear(&b);
	push.numbers[COURIER_FRAMING] = 1;
	syslog_message_frame(&b, &push);
	check_text(strstr(b.data, "one"), "one\\ntwo\n");
	buf_fini(&b);
}

int main(void)
{
	test_5424();
	test_3164();
	test_priorities();
	a_datagram_is_cut_on_a_character_and_says_so();
	test_framing();
	return 0;
}
