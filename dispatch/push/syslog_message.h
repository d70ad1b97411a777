/* SPDX-License-Identifier: Apache-2.0 */
/* A push as a syslog message: RFC 5424 or 3164, within a size, framed. Pure. */
#pragma once

#include "base/buf.h"
#include "dispatch/push/courier.h"

/* Appends the message. Cut on a character to COURIER_SIZE_MAX, or to what its transport and format
 * carry; a cut one says so in its structured data. */
void syslog_message_format(struct buf *b, const struct courier_push *push);

/* Appends it framed for a stream: "<length> <message>" or "<message>\n" (line ends inside become
 * "\n" in letters). */
void syslog_message_frame(struct buf *b, const struct courier_push *push);

/* facility * 8 + severity (SYS-07). */
unsigned syslog_message_priority(const struct courier_push *push);
