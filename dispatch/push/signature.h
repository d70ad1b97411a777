/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures with a shared secret: HMAC-SHA256 by libsodium. Pure. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* Standard Webhooks: appends "v1,<base64>" over "<id>.<seconds>.<body>". A secret that begins with
 * "whsec_" is base64 after that, any other is taken as it is. 0, or -EINVAL if it is no base64. */
int signature_append_webhook(struct buf *b, const char *secret, const char *id, int64_t seconds,
			     const char *body);

/* DingTalk: appends "timestamp=<ms>&sign=<urlencoded base64>". */
void signature_append_dingtalk(struct buf *b, const char *secret, int64_t ms);
