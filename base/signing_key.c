/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signing_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"

#define FILE_BYTES_MAX 256
#define FILE_MODE      0600

void signing_key_derive(const unsigned char seed[SIGNING_SEED_SIZE], struct signing_key *ret)
{
	unsigned char public[crypto_sign_ed25519_PUBLICKEYBYTES];

	crypto_sign_ed25519_seed_keypair(public, ret->secret, seed);
	hex_format(public, sizeof(public), ret->public_hex);
}

static int make(int folder, unsigned char seed[SIGNING_SEED_SIZE])
{
	char text[2 * SIGNING_SEED_SIZE + 2];
	int r;

	randombytes_buf(seed, SIGNING_SEED_SIZE);
	hex_format(seed, SIGNING_SEED_SIZE, text);
	text[sizeof(text) - 2] = '\n';
	r = file_replace(folder, SIGNING_KEY_NAME, FILE_MODE, text, sizeof(text) - 1);
	sodium_memzero(text, sizeof(text));
	return r;
}

static int load(int folder, unsigned char seed[SIGNING_SEED_SIZE])
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	int r = file_read(folder, SIGNING_KEY_NAME, FILE_BYTES_MAX, &text);

	if (r)
		return r == -EFBIG ? -EBADMSG : r;
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (!text.data || strlen(text.data) != text.len ||
	    hex_parse(text.data, seed, SIGNING_SEED_SIZE))
		r = -EBADMSG;
	if (text.data)
		sodium_memzero(text.data, text.len);
	return r;
}

int signing_key_open(int folder, struct signing_key *ret)
{
	unsigned char seed[SIGNING_SEED_SIZE];
	int r = load(folder, seed);

	*ret = (struct signing_key){0};
	if (r == -ENOENT)
		r = make(folder, seed);
	if (!r)
		signing_key_derive(seed, ret);
	sodium_memzero(seed, sizeof(seed));
	return r;
}

void signing_key_fini(struct signing_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

const char *signing_key_sign(const struct signing_key *key, const void *data, size_t len,
			     char hex[SIGNATURE_HEX_SIZE])
{
	unsigned char signature[crypto_sign_ed25519_BYTES];

	crypto_sign_ed25519_detached(signature, NULL, data, len, key->secret);
	return hex_format(signature, sizeof(signature), hex);
}

int signing_key_check(const char *public_hex, const char *signature_hex, const void *data,
		      size_t len)
{
	unsigned char public[crypto_sign_ed25519_PUBLICKEYBYTES];
	unsigned char signature[crypto_sign_ed25519_BYTES];

	if (hex_parse(public_hex, public, sizeof(public)) ||
	    hex_parse(signature_hex, signature, sizeof(signature)) ||
	    crypto_sign_ed25519_verify_detached(signature, data, len, public))
		return -EBADMSG;
	return 0;
}
