/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of ours in what a remote answers. */
#include "dispatch/push/hide.h"
#include "policy/settings.h"
#include "tests/unit/test.h"

static struct courier_push push;

static void check_shown(const char *answer, const char *shown)
{
	char *list = hide_list(&push), text[512];

	snprintf(text, sizeof(text), "%s", answer);
	hide_apply(list, text);
	check_text(text, shown);
	check(!hide_free(list));
}

static void begin(enum endpoint_kind kind)
{
	courier_push_init(&push, "0");
	push.kind = kind;
}

static void test_headers(void)
{
	begin(ENDPOINT_HTTP);
	courier_push_set(&push, COURIER_URL, "https://example.org/path?id=public");
	courier_push_set(&push, COURIER_HEADERS,
			 "Authorization: Bearer s3cret-token\nContent-Type: application/json\n"
			 "X-Key:  k/e y\nX-On: 1\n");
	courier_push_set(&push, COURIER_SECRET, "whsec_abcd");
	courier_push_set(&push, COURIER_PROXY, "http://user:pass@word@proxy:3128");
	check_shown("400 Bearer s3cret-token; s3cret-tokens3cret-token", "400 ***; ******");
	check_shown("application/json 1 public k/e y", "application/json 1 public ***");
	check_shown("407 for user:pass@word: pass@word whsec_abc whsec_abcd",
		    "407 for ***: *** whsec_abc ***");
	check_shown("", "");
	check_shown("for Bearer s3cret-t…", "for ***…");
	check_shown("for s3cr…", "for ***…");
	check_shown("for s3c…", "for s3c…");
	check_shown("…", "…");
}

static void test_addresses(void)
{
	begin(ENDPOINT_WECOM_ROBOT);
	courier_push_set(&push, COURIER_URL, "https://example.org/send?key=robot-key&debug=1");
	check_shown("no robot robot-key at /send?key=robot-key&debug=1",
		    "no robot *** at /send?key=***&debug=1");
	begin(ENDPOINT_SLACK);
	courier_push_set(&push, COURIER_URL, "https://hooks.example.org/services/T0/B0/XyZ123");
	check_shown("POST /services/T0/B0/XyZ123", "POST /services/T0/B0/***");
	begin(ENDPOINT_SLACK);
	courier_push_set(&push, COURIER_URL, "https://example.org/chat.postMessage");
	courier_push_set(&push, COURIER_SECRET, "xoxb-1");
	check_shown("chat.postMessage xoxb-1", "chat.postMessage ***");
}

/* An excerpt has one blank for many, and escapes what is no text. */
static void test_as_excerpts_show_it(void)
{
	begin(ENDPOINT_EMAIL);
	courier_push_set(&push, COURIER_SECRET, "pass \t word\x01");
	check_shown("535 pass word\\x01!", "535 ***!");
	begin(ENDPOINT_EMAIL);
	courier_push_set(&push, COURIER_SECRET, "abc"); /* hides too much */
	check_shown("abcabc", "abcabc");
}

int main(void)
{
	test_headers();
	test_addresses();
	test_as_excerpts_show_it();
	return 0;
}
