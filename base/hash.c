/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

void sha256_init(struct sha256 *h)
{
	crypto_hash_sha256_init(&h->state);
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	crypto_hash_sha256_update(&h->state, data, len);
}

const char *sha256_format(struct sha256 *h, char hex[SHA256_HEX_SIZE])
{
	unsigned char digest[SHA256_SIZE];

	crypto_hash_sha256_final(&h->state, digest);
	return hex_format(digest, sizeof(digest), hex);
}

const char *sha256_text(const void *data, size_t len, char hex[SHA256_HEX_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, data, len);
	return sha256_format(&h, hex);
}

void sha256_chain_init(char hex[SHA256_HEX_SIZE], const char *what)
{
	sha256_text(what, strlen(what), hex);
}

void sha256_chain(char hex[SHA256_HEX_SIZE], const char *name, uint64_t bytes, const char *sha256)
{
	char number[24];
	const char *lines[] = {hex, name, number, sha256};
	struct sha256 h;

	snprintf(number, sizeof(number), "%" PRIu64, bytes);
	sha256_init(&h);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		sha256_add(&h, lines[i], strlen(lines[i]));
		sha256_add(&h, "\n", 1);
	}
	sha256_format(&h, hex);
}

const char *hex_format(const void *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * len] = '\0';
	return hex;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_parse(const char *hex, void *data, size_t len)
{
	unsigned char *p = data;

	if (strlen(hex) != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

int secret_equal(const char *a, const char *b)
{
	size_t n = strlen(a);

	return n == strlen(b) && sodium_memcmp(a, b, n) == 0;
}
