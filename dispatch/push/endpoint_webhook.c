/* SPDX-License-Identifier: Apache-2.0 */
/* Kind http: the push's own method, URL, headers and body, with what every push has: an id, its
 * attempt, a stamp and, if there is a secret, a signature (Standard Webhooks). */
#include <errno.h>
#include <inttypes.h>

#include "dispatch/push/request.h"
#include "dispatch/push/signature.h"
#include "dispatch/push/vendor.h"

static void add_own(struct buf *b, const struct courier_push *push)
{
	const char *cursor = courier_push_get(push, COURIER_HEADERS);
	struct request_header h;

	while (!request_parse_header(&cursor, &h))
		if (!request_is_own_header(&h))
			buf_printf(b, "%.*s:%s%.*s\n", (int)h.name_len, h.name,
				   h.value_len ? " " : "", (int)h.value_len, h.value);
}

static int add_signature(struct buf *b, const struct courier_push *push, int64_t seconds)
{
	static const enum courier_text secrets[] = {COURIER_SECRET, COURIER_SECRET_OLD};
	const char *body = courier_push_get(push, COURIER_BODY), *lead = "webhook-signature: ";
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(secrets) && !r; i++) {
		const char *secret = courier_push_get(push, secrets[i]);

		if (!*secret)
			continue;
		buf_append_text(b, lead);
		r = signature_append_webhook(b, secret, push->push, seconds, body);
		lead = " ";
	}
	if (*lead == ' ')
		buf_append_text(b, "\n");
	return r;
}

static int encode(const struct courier_push *push, const struct vendor_stage *stage,
		  struct vendor_request *ret, struct error *err)
{
	int64_t seconds = stage->now.ns / DUR_S;
	CLEANUP_BUF struct buf headers = BUF_INIT;

	if (request_check(push, err) < 0)
		return -EINVAL;
	add_own(&headers, push);
	if (!request_find_header(push, "content-type"))
		buf_append_text(&headers, "Content-Type: application/json; charset=utf-8\n");
	if (!request_find_header(push, "user-agent"))
		buf_append_text(&headers, "User-Agent: ringbell/" RINGBELL_VERSION "\n");
	buf_printf(&headers,
		   "webhook-id: %s\nwebhook-timestamp: %" PRId64 "\nX-Ringbell-Attempt: %" PRIu32
		   "\n",
		   push->push, seconds, push->attempt);
	if (add_signature(&headers, push, seconds))
		return error_set(err, "invalid_value", "signing_secret",
				 "whsec_ and base64 after it expected");
	ret->method = courier_push_get(push, COURIER_METHOD);
	ret->headers = buf_take(&headers);
	return 0;
}

const struct vendor vendor_http = {.encode = encode, .judge = vendor_judge_status};
