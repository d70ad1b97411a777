/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon SNS's signature: RSA over some members of the message. Pure.
 *
 * The message names the address of the certificate. This process opens no connection, so the
 * operator configures the certificates instead; Amazon renews them about once a year. */
#pragma once

#include <stddef.h>

/* 0, or -EINVAL: body is no signed message, or none of the certificates (PEM, one after another)
 * signed it. Signature versions 1 (SHA-1) and 2 (SHA-256). */
int sns_verify(const char *body, size_t len, const char *certificates);
