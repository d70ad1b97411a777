/* SPDX-License-Identifier: Apache-2.0 */
/* An Ed25519 key pair (RFC 8032, libsodium) and where it is kept. */
#pragma once

#include <sodium/crypto_sign_ed25519.h>

#define SIGNING_KEY_NAME	"signing.key"
#define SIGNING_SEED_SIZE	crypto_sign_ed25519_SEEDBYTES
#define SIGNING_PUBLIC_HEX_SIZE (2 * crypto_sign_ed25519_PUBLICKEYBYTES + 1)
#define SIGNATURE_HEX_SIZE	(2 * crypto_sign_ed25519_BYTES + 1)

struct signing_key {
	unsigned char secret[crypto_sign_ed25519_SECRETKEYBYTES];
	char public_hex[SIGNING_PUBLIC_HEX_SIZE]; /* "" = there is no key */
};

void signing_key_derive(const unsigned char seed[SIGNING_SEED_SIZE], struct signing_key *ret);
/* Reads SIGNING_KEY_NAME in `folder`: the seed as hexadecimal text, mode 0600. Where there is none
 * it is made, durably. Blocks. Returns 0, -EBADMSG (the file is no key: it stays as it is) or
 * -errno; then *ret is no key. */
int signing_key_open(int folder, struct signing_key *ret);
/* The secret is wiped. */
void signing_key_fini(struct signing_key *key);

/* Writes and returns the signature of len bytes, as hex. */
const char *signing_key_sign(const struct signing_key *key, const void *data, size_t len,
			     char hex[SIGNATURE_HEX_SIZE]);
/* 0 if it is the signature of these bytes by that key; -EBADMSG if not. */
int signing_key_check(const char *public_hex, const char *signature_hex, const void *data,
		      size_t len);
