/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/error.h"

#define VALID_DAYS	 3650
#define BACKDATED_S	 86400 /* clients' clocks may be behind ours */
#define SERIAL_BITS	 127
#define HOST_UNKNOWN	 "ringbell"
#define ADDRESS_ALWAYS_1 "127.0.0.1"
#define ADDRESS_ALWAYS_2 "::1"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(struct ifaddrs *, freeifaddrs)

static void add_address(struct certificate_names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->addresses[i], text))
			return;
	if (names->count < CERTIFICATE_NAMES_MAX)
		snprintf(names->addresses[names->count++], sizeof(names->addresses[0]), "%s", text);
}

static void add_interface(struct certificate_names *names, const struct sockaddr *address)
{
	const void *bytes = NULL;
	char text[INET6_ADDRSTRLEN];

	if (address && address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address && address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (bytes && inet_ntop(address->sa_family, bytes, text, sizeof(text)))
		add_address(names, text);
}

void certificate_names_find(struct certificate_names *ret)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.";
	CLEANUP(freeifaddrs_ptr) struct ifaddrs *all = NULL;

	memset(ret, 0, sizeof(*ret));
	if (gethostname(ret->host, sizeof(ret->host) - 1) || !ret->host[0] ||
	    ret->host[strspn(ret->host, allowed)])
		snprintf(ret->host, sizeof(ret->host), HOST_UNKNOWN);
	add_address(ret, ADDRESS_ALWAYS_1);
	add_address(ret, ADDRESS_ALWAYS_2);
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		add_interface(ret, i->ifa_addr);
}

static int add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	int r;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	r = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return r;
}

static int add_names(X509 *certificate, const struct certificate_names *names)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	X509_NAME *name = X509_get_subject_name(certificate);

	buf_printf(&text, "DNS:%s", names->host);
	if (strcmp(names->host, "localhost"))
		buf_append_text(&text, ",DNS:localhost");
	for (size_t i = 0; i < names->count; i++)
		buf_printf(&text, ",IP:%s", names->addresses[i]);
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)names->host, -1, -1, 0) &&
	       X509_set_issuer_name(certificate, name) &&
	       add_extension(certificate, NID_subject_alt_name, text.data);
}

static int set_serial(X509 *certificate)
{
	CLEANUP(BN_free_ptr) BIGNUM *number = BN_new();

	return number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

/* Each OpenSSL call returns 0 or NULL if it fails. */
static int fill(X509 *certificate, EVP_PKEY *key, const struct certificate_names *names)
{
	return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATED_S) &&
	       X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) &&
	       X509_set_pubkey(certificate, key) && add_names(certificate, names) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	       X509_sign(certificate, key, EVP_sha256());
}

int certificate_make(const struct certificate_names *names, struct buf *pem)
{
	CLEANUP(EVP_PKEY_free_ptr) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEANUP(X509_free_ptr) X509 *certificate = X509_new();
	CLEANUP(BIO_free_all_ptr) BIO *out = BIO_new(BIO_s_secmem());
	char *text;
	long len;

	if (!key || !certificate || !out || !fill(certificate, key, names) ||
	    !PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) ||
	    !PEM_write_bio_X509(out, certificate))
		return -EIO;
	len = BIO_get_mem_data(out, &text);
	buf_append(pem, text, (size_t)len);
	return 0;
}
