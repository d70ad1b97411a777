/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/sns.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium/utils.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

#define SIGNATURE_MAX 1024
#define BODY_MAX      (1024 * 1024)

/* In this order, and only those the message has. */
static const char *const of_notification[] = {"Message",  "MessageId", "Subject", "Timestamp",
					      "TopicArn", "Type",      NULL};
static const char *const of_confirmation[] = {"Message", "MessageId", "SubscribeURL", "Timestamp",
					      "Token",	 "TopicArn",  "Type",	      NULL};

static const char *member(const json_t *message, const char *key)
{
	const char *text = json_string_value(json_object_get(message, key));

	return text ? text : "";
}

static void append_signed(const json_t *message, struct buf *buf)
{
	bool plain = !strcmp(member(message, "Type"), "Notification");

	for (const char *const *key = plain ? of_notification : of_confirmation; *key; key++)
		if (json_object_get(message, *key))
			buf_printf(buf, "%s\n%s\n", *key, member(message, *key));
}

struct signature {
	unsigned char bytes[SIGNATURE_MAX];
	size_t len;
	const EVP_MD *digest;
};

static bool read_signature(const json_t *message, struct signature *ret)
{
	const char *text = member(message, "Signature");
	bool second = !strcmp(member(message, "SignatureVersion"), "2");

	ret->digest = second ? EVP_sha256() : EVP_sha1();
	return !sodium_base642bin(ret->bytes, sizeof(ret->bytes), text, strlen(text), "\n\r ",
				  &ret->len, NULL, sodium_base64_VARIANT_ORIGINAL) &&
	       ret->len;
}

static bool signed_by(X509 *certificate, const struct buf *text, const struct signature *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	bool good = context && key &&
		    EVP_DigestVerifyInit(context, NULL, signature->digest, NULL, key) == 1 &&
		    EVP_DigestVerify(context, signature->bytes, signature->len,
				     (const unsigned char *)text->data, text->len) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

static bool signed_by_any(const char *certificates, const struct buf *text,
			  const struct signature *signature)
{
	BIO *pem = BIO_new_mem_buf(certificates, -1);
	X509 *certificate;
	bool good = false;

	while (pem && !good && (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL))) {
		good = signed_by(certificate, text, signature);
		X509_free(certificate);
	}
	BIO_free(pem);
	return good;
}

int sns_verify(const char *body, size_t len, const char *certificates)
{
	CLEANUP_JSON json_t *message = NULL;
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct signature signature;

	if (json_parse(body, len, BODY_MAX, &message, NULL) || !json_is_object(message) ||
	    !read_signature(message, &signature))
		return -EINVAL;
	append_signed(message, &text);
	return text.len && signed_by_any(certificates, &text, &signature) ? 0 : -EINVAL;
}
