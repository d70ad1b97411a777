/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/tls.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#define CERTIFICATE "tls.certificate_file"
#define KEY	    "tls.key_file"

static const char ciphers_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const unsigned char protocol[] = "\x08http/1.1"; /* as ALPN writes it */

struct tls {
	SSL_CTX *context;
	struct tls_facts facts;
};

DEFINE_CLEANUP(struct tls *, tls_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
#define CLEANUP_BIO CLEANUP(BIO_free_all_ptr)

static int complain(const char *field, const char *what, struct error *err)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return error_set(err, "invalid_value", field, "%s%s%s", what, reason ? ": " : "",
			 reason ? reason : "");
}

/* A client that does not speak HTTP/1.1 is told so by the handshake. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)out, out_len, protocol, sizeof(protocol) - 1,
				  in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(void)
{
	SSL_CTX *context;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	context = SSL_CTX_new(TLS_server_method());
	bug_on(!context);
	bug_on(!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION));
	bug_on(!SSL_CTX_set_cipher_list(context, ciphers_1_2));
	bug_on(!SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384"));
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA);
	/* an idle connection keeps no buffers; libevent repeats a write from another address */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return context;
}

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int load_chain(SSL_CTX *context, BIO *in, struct error *err)
{
	X509 *next;

	while ((next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL))) {
		if (SSL_CTX_add0_chain_cert(context, next))
			continue;
		X509_free(next);
		return complain(CERTIFICATE, "a certificate of the chain is refused", err);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return complain(CERTIFICATE, "the chain is no PEM text", err);
	ERR_clear_error();
	return 0;
}

static int load_certificate(SSL_CTX *context, const char *pem, struct error *err)
{
	CLEANUP_BIO BIO *in = BIO_new_mem_buf(pem, -1);
	CLEANUP(X509_free_ptr) X509 *own = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);

	if (!own)
		return complain(CERTIFICATE, "no certificate in PEM form", err);
	if (SSL_CTX_use_certificate(context, own) != 1)
		return complain(CERTIFICATE, "the certificate is refused", err);
	return load_chain(context, in, err);
}

static int load_key(SSL_CTX *context, const char *pem, struct error *err)
{
	CLEANUP_BIO BIO *in = BIO_new_mem_buf(pem, -1);
	CLEANUP(EVP_PKEY_free_ptr)
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);

	if (!key)
		return complain(KEY, "no private key in PEM form without passphrase", err);
	if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1)
		return complain(KEY, "the key does not belong to the certificate", err);
	return 0;
}

static wall_t wall_of(const ASN1_TIME *time)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(time, &tm) ? (wall_t){(int64_t)timegm(&tm) * DUR_S} : (wall_t){0};
}

static void find_facts(struct tls *tls)
{
	X509 *own = SSL_CTX_get0_certificate(tls->context);
	struct tls_facts *facts = &tls->facts;
	unsigned char digest[EVP_MAX_MD_SIZE], *key = NULL;
	unsigned len = 0;
	int key_len;

	bug_on(!X509_digest(own, EVP_sha256(), digest, &len));
	hex_format(digest, SHA256_SIZE, facts->sha256);
	key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(own), &key);
	bug_on(key_len <= 0 || !EVP_Digest(key, (size_t)key_len, digest, &len, EVP_sha256(), NULL));
	OPENSSL_free(key);
	memcpy(facts->fingerprint, "sha256//", 8);
	EVP_EncodeBlock((unsigned char *)facts->fingerprint + 8, digest, SHA256_SIZE);
	X509_NAME_oneline(X509_get_subject_name(own), facts->subject, sizeof(facts->subject));
	facts->not_before = wall_of(X509_get0_notBefore(own));
	facts->not_after = wall_of(X509_get0_notAfter(own));
}

int tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err)
{
	CLEANUP(tls_free_ptr) struct tls *tls = xcalloc(1, sizeof(*tls));
	int r;

	tls->context = make_context();
	r = load_certificate(tls->context, certificate, err);
	if (!r)
		r = load_key(tls->context, key, err);
	if (r)
		return r;
	find_facts(tls);
	*ret = take_ptr(tls);
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (tls)
		SSL_CTX_free(tls->context);
	free(tls);
	return NULL;
}

const struct tls_facts *tls_facts(const struct tls *tls)
{
	return &tls->facts;
}

char *tls_format_certificate(const struct tls *tls)
{
	CLEANUP_BIO BIO *out = BIO_new(BIO_s_mem());
	STACK_OF(X509) *chain = NULL;
	char *text;
	long len;

	bug_on(!out || !PEM_write_bio_X509(out, SSL_CTX_get0_certificate(tls->context)));
	SSL_CTX_get0_chain_certs(tls->context, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		bug_on(!PEM_write_bio_X509(out, sk_X509_value(chain, i)));
	len = BIO_get_mem_data(out, &text);
	return xasprintf("%.*s", (int)len, text);
}

struct bufferevent *tls_accept(const struct tls *tls, struct event_base *base)
{
	SSL *ssl = SSL_new(tls->context);
	struct bufferevent *socket;

	bug_on(!ssl);
	socket = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
						BEV_OPT_CLOSE_ON_FREE);
	bug_on(!socket);
	/* HTTP tells the end of a message itself */
	bufferevent_openssl_set_allow_dirty_shutdown(socket, 1);
	return socket;
}

int tls_is_established(struct bufferevent *socket)
{
	SSL *ssl = bufferevent_openssl_get_ssl(socket);

	return !ssl || SSL_is_init_finished(ssl);
}

void tls_send_last(struct bufferevent *socket, const void *bytes, size_t len)
{
	SSL *ssl = bufferevent_openssl_get_ssl(socket);

	if (len && SSL_write(ssl, bytes, (int)len) > 0)
		SSL_shutdown(ssl);
	ERR_clear_error();
}
