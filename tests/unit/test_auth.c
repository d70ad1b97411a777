/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/auth.h"

#include "base/ident.h"
#include "tests/unit/test.h"

static void test_bearer(void)
{
	check_text(auth_bearer("Bearer abc"), "abc");
	check_text(auth_bearer("bearer  abc"), "abc");
	check(!auth_bearer(NULL));
	check(!auth_bearer(""));
	check(!auth_bearer("Bearer "));
	check(!auth_bearer("Bearerabc"));
	check(!auth_bearer("Basic abc"));
}

static void test_matches(void)
{
	char token[AUTH_TOKEN_SIZE], hash[SHA256_HEX_SIZE], empty[SHA256_HEX_SIZE];

	secret_new(token, AUTH_TOKEN_LEN);
	sha256_text(token, strlen(token), hash);
	sha256_text("", 0, empty);
	check(auth_matches(token, hash));
	token[3] ^= 1;
	check(!auth_matches(token, hash));
	check(!auth_matches("", hash));
	check(!auth_matches(NULL, hash));
	check(!auth_matches(hash, hash));
	/* neither a missing hash nor the hash of nothing lets anybody in */
	check(!auth_matches("", ""));
	check(!auth_matches("x", ""));
	check(!auth_matches("", empty));
	check(!auth_matches(NULL, empty));
}

int main(void)
{
	test_bearer();
	test_matches();
	return 0;
}
