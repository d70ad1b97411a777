/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP exchange means for its push: delivered, again later, never again, or endpoint gone.
 * The one table for all HTTP kinds (REQUIREMENTS 9.10). Pure. */
#pragma once

#include "base/clock.h"
#include "dispatch/push/courier.h"

#define VERDICT_RETRY_AFTER_MAX DUR_HOUR /* a hostile peer cannot park our queue for longer */

struct verdict {
	enum courier_verdict verdict;
	enum courier_step step;
	int64_t retry_after_ms;
};

/* The peer answered: `status` is that of a final (not 1xx), complete header block. `retry_after` is
 * that header's value or "". A body that breaks off changes nothing: the peer has decided. */
struct verdict verdict_on_status(unsigned status, const char *retry_after, wall_t now);

/* No answer: libcurl gave up with `code` (a CURLcode) while `under_way` was the step it was at. */
struct verdict verdict_on_failure(int code, enum courier_step under_way);

/* Retry-After (RFC 9110, 10.2.3): seconds or one of the three HTTP dates. Milliseconds from now,
 * 0 if past or unreadable, at most VERDICT_RETRY_AFTER_MAX. */
int64_t verdict_parse_retry_after(const char *text, wall_t now);
