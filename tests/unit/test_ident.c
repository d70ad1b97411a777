/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/ident.h"
#include "tests/unit/test.h"

static void test_ident(void)
{
	char a[IDENT_SIZE], b[IDENT_SIZE];

	/* RFC 9562 A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F is 2022-02-22T19:22:22Z */
	ident_new((wall_t){1645557742000 * DUR_MS}, a);
	check(!strncmp(a, "017f22e2-79b0-7", 15));
	check(strchr("89ab", a[19]) != NULL);
	check(ident_valid(a));
	ident_new((wall_t){1645557742001 * DUR_MS}, b);
	check(strcmp(a, b) < 0);
	check(!ident_valid("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"));
	check(!ident_valid("short"));
}

static void test_hash(void)
{
	char hex[SHA256_HEX_SIZE], back[3];

	check_text(sha256_text("abc", 3, hex),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check(!hex_parse("0aFf10", back, 3));
	check(!memcmp(back, "\x0a\xff\x10", 3));
	check(hex_parse("0aFf1", back, 3) < 0);
	check(hex_parse("0aFg10", back, 3) < 0);
	check(secret_equal("abc", "abc"));
	check(!secret_equal("abc", "abd"));
	check(!secret_equal("abc", "ab"));
}

int main(void)
{
	test_ident();
	test_hash();
	return 0;
}
