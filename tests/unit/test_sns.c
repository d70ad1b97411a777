/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/sns.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium/utils.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"

#define SIGNED                                                                                     \
	"Message\n{\"AlarmName\":\"a\"}\nMessageId\nm-1\nSubject\ns\nTimestamp\n"                  \
	"2026-01-01T12:00:00.000Z\nTopicArn\narn:aws:sns:eu-1:1:t\nType\nNotification\n"

struct identity {
	EVP_PKEY *key;
	char *pem;
};

static struct identity make_identity(void)
{
	struct identity identity = {.key = EVP_RSA_gen(2048)};
	X509 *certificate = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	X509_set_pubkey(certificate, identity.key);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	check(X509_sign(certificate, identity.key, EVP_sha256()));
	check(PEM_write_bio_X509(bio, certificate));
	len = BIO_get_mem_data(bio, &data);
	identity.pem = xasprintf("%.*s", (int)len, data);
	BIO_free(bio);
	X509_free(certificate);
	return identity;
}

static char *sign(const struct identity *identity, const char *version)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char bytes[512];
	size_t len = sizeof(bytes);
	char *text = xmalloc(1024);

	check(EVP_DigestSignInit(context, NULL, *version == '2' ? EVP_sha256() : EVP_sha1(), NULL,
				 identity->key) == 1);
	check(EVP_DigestSign(context, bytes, &len, (const unsigned char *)SIGNED, strlen(SIGNED)) ==
	      1);
	EVP_MD_CTX_free(context);
	sodium_bin2base64(text, 1024, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	return text;
}

static int verify(const char *alarm, const char *version, const char *signature,
		  const char *certificates)
{
	CLEANUP_FREE char *body = xasprintf(
		"{\"Type\": \"Notification\", \"MessageId\": \"m-1\","
		" \"TopicArn\": \"arn:aws:sns:eu-1:1:t\", \"Subject\": \"s\","
		" \"Message\": \"{\\\"AlarmName\\\":\\\"%s\\\"}\","
		" \"Timestamp\": \"2026-01-01T12:00:00.000Z\", \"SignatureVersion\": \"%s\","
		" \"Signature\": \"%s\", \"SigningCertURL\": \"https://evil.example/cert.pem\"}",
		alarm, version, signature);

	return sns_verify(body, strlen(body), certificates);
}

int main(void)
{
	struct identity amazon = make_identity(), other = make_identity();
	CLEANUP_FREE char *first = sign(&amazon, "1"), *second = sign(&amazon, "2");
	CLEANUP_FREE char *both = xasprintf("%s%s", other.pem, amazon.pem);

	check_int(verify("a", "1", first, amazon.pem), 0);
	check_int(verify("a", "2", second, amazon.pem), 0);
	/* while Amazon changes its certificate both are configured */
	check_int(verify("a", "2", second, both), 0);
	check(verify("b", "2", second, both) < 0);
	check(verify("a", "2", first, both) < 0);
	check(verify("a", "2", second, other.pem) < 0);
	check(verify("a", "2", "", both) < 0);
	check(verify("a", "2", "AAAA", both) < 0);
	check(sns_verify("{}", 2, both) < 0);
	check(sns_verify("[", 1, both) < 0);
	EVP_PKEY_free(amazon.key);
	EVP_PKEY_free(other.key);
	free(amazon.pem);
	free(other.pem);
	return 0;
}
