/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors of REQUIREMENTS 9.9. */
#include "dispatch/push/signature.h"
#include "tests/unit/test.h"

/* VEC-05 */
static void test_webhook(void)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	check(!signature_append_webhook(&b, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
					"msg_2", 1700000000, "{}"));
	check_text(b.data, "v1,OFKO2H6qiPxtVRLvAyKqLXW9go0vh4bFgth5luUmmAU=");
	buf_clear(&b);
	/* a secret that is not base64 after its prefix; one without the prefix is bytes */
	check(signature_append_webhook(&b, "whsec_!", "m", 1, "") < 0);
	check(!signature_append_webhook(&b, "0123456789abcdef0123456789abcdef", "msg_2", 1700000000,
					"{}"));
	check_text(b.data, "v1,OFKO2H6qiPxtVRLvAyKqLXW9go0vh4bFgth5luUmmAU=");
}

/* VEC-01 */
static void test_dingtalk(void)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	signature_append_dingtalk(
		&b, "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		1700000000000);
	check_text(b.data, "timestamp=1700000000000&sign="
			   "bTgY2yDbep%2BwesS7jKiNj%2BsrsHoADES4%2BC4f8LCHFtU%3D");
}

int main(void)
{
	test_webhook();
	test_dingtalk();
	return 0;
}
