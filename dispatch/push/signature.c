/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/utils.h>
#include <string.h>

#define KEY_MAX	    512
#define BASE64_SIZE sodium_base64_ENCODED_LEN(crypto_auth_hmacsha256_BYTES, BASE64)
#define BASE64	    sodium_base64_VARIANT_ORIGINAL

static void sign(const void *key, size_t key_len, const struct buf *text, char ret[BASE64_SIZE])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, (const void *)text->data, text->len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(ret, BASE64_SIZE, mac, sizeof(mac), BASE64);
}

int signature_append_webhook(struct buf *b, const char *secret, const char *id, int64_t seconds,
			     const char *body)
{
	static const char prefix[] = "whsec_";
	CLEANUP_BUF struct buf text = BUF_INIT;
	unsigned char key[KEY_MAX];
	char encoded[BASE64_SIZE];
	size_t len = strlen(secret);

	buf_printf(&text, "%s.%" PRId64 ".%s", id, seconds, body);
	if (strncmp(secret, prefix, strlen(prefix))) {
		sign(secret, len, &text, encoded);
	} else {
		secret += strlen(prefix);
		if (sodium_base642bin(key, sizeof(key), secret, strlen(secret), NULL, &len, NULL,
				      BASE64))
			return -EINVAL;
		sign(key, len, &text, encoded);
	}
	buf_printf(b, "v1,%s", encoded);
	return 0;
}

void signature_append_dingtalk(struct buf *b, const char *secret, int64_t ms)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	char encoded[BASE64_SIZE];

	buf_printf(&text, "%" PRId64 "\n%s", ms, secret);
	sign(secret, strlen(secret), &text, encoded);
	buf_printf(b, "timestamp=%" PRId64 "&sign=", ms);
	for (const char *p = encoded; *p; p++) {
		if (strchr("+/=", *p))
			buf_printf(b, "%%%02X", (unsigned char)*p);
		else
			buf_append(b, p, 1);
	}
}
