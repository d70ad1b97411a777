/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for the HTTP listener: what is offered, and who we say we are.
 *
 * TLS 1.2 and 1.3, forward secrecy and authenticated encryption only, no compression, no
 * renegotiation, HTTP/1.1 only (OpenSSL 3.0). The system's OpenSSL configuration is not read: what
 * is offered here does not depend on it. */
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"

struct tls;
struct bufferevent;
struct event_base;

#define TLS_FINGERPRINT_SIZE 53		  /* "sha256//" and 44 of base64, with NUL */
#define TLS_PEM_MAX	     (256u << 10) /* a certificate with its chain, or a key */

/* What people compare. */
struct tls_facts {
	char fingerprint[TLS_FINGERPRINT_SIZE]; /* of the public key, as curl --pinnedpubkey */
	char sha256[SHA256_HEX_SIZE];		/* of the certificate, as browsers show it */
	char subject[128];
	wall_t not_before, not_after;
};

/* Reads a certificate, followed by those that vouch for it, and its key, both PEM. *ret is the
 * caller's. Returns 0 or -EINVAL with err (field: tls.certificate_file or tls.key_file). */
int tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err);
/* Connections that were accepted keep what they need. Accepts NULL, returns NULL. */
struct tls *tls_free(struct tls *tls);

const struct tls_facts *tls_facts(const struct tls *tls);

/* The certificates as PEM text, without the key; the caller frees it. */
char *tls_format_certificate(const struct tls *tls);

/* A socket's buffer, without a descriptor yet, that answers a handshake first. */
struct bufferevent *tls_accept(const struct tls *tls, struct event_base *base);

/* Sends a few bytes past the buffer, as far as they go, and says that nothing more follows. */
void tls_send_last(struct bufferevent *socket, const void *bytes, size_t len);

/* 1 once the handshake is complete. */
int tls_is_established(struct bufferevent *socket);
