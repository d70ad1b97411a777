/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (libsodium) and hexadecimal text. */
#pragma once

#include <sodium/crypto_hash_sha256.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE	32
#define SHA256_HEX_SIZE 65 /* with NUL */

struct sha256 {
	crypto_hash_sha256_state state;
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *data, size_t len);
/* Writes lower-case hex and returns it; h must be init'ed again before further use. */
const char *sha256_format(struct sha256 *h, char hex[SHA256_HEX_SIZE]);
/* All three in one. */
const char *sha256_text(const void *data, size_t len, char hex[SHA256_HEX_SIZE]);

/* Goes on with a chain over files in order, of which `hex` is the present end: becomes SHA-256 over
 * the lines hex, name, bytes in decimal, sha256. Whoever knows the end knows all of them. */
void sha256_chain(char hex[SHA256_HEX_SIZE], const char *name, uint64_t bytes, const char *sha256);
/* The chain's beginning, before its first file, which says what it is a chain of. */
void sha256_chain_init(char hex[SHA256_HEX_SIZE], const char *what);

/* Lower-case hex of len bytes; `hex` has room for 2 * len + 1. Returns hex. */
const char *hex_format(const void *data, size_t len, char *hex);
/* Reads exactly 2 * len hex digits and the end of text. Returns 0 or -EINVAL. */
int hex_parse(const char *hex, void *data, size_t len);

/* 1 if both texts are equal; the time taken depends on the lengths only. For secrets. */
int secret_equal(const char *a, const char *b);
