/* SPDX-License-Identifier: Apache-2.0 */
/* The key and certificate of a probe that was given none: made once, kept in the state folder.
 *
 * ECDSA P-256, self-signed, good for ten years: whoever trusts it compares its fingerprint, and a
 * fingerprint that changes by itself would teach people to ignore it. */
#pragma once

#include "base/buf.h"

#define CERTIFICATE_NAMES_MAX 32

/* Who the certificate is for. */
struct certificate_names {
	char host[65];
	size_t count; /* of addresses, in text */
	char addresses[CERTIFICATE_NAMES_MAX][46];
};

/* This machine's host name and the addresses of its interfaces. Asks the kernel. */
void certificate_names_find(struct certificate_names *ret);

/* Makes a new key and its certificate, both as PEM, the key first, appended to `pem`.
 * Returns 0, or -EIO if OpenSSL cannot. */
int certificate_make(const struct certificate_names *names, struct buf *pem);
