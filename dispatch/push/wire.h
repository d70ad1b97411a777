/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking TCP or TLS connection with timeouts, for syslog. Crew threads only. */
#pragma once

#include "base/clock.h"
#include "dispatch/push/courier.h"

struct wire;

/* What went wrong, as it is told. */
struct wire_failure {
	enum courier_verdict verdict;
	enum courier_step step;
	char text[256];
};

/* Looks up the name, connects, shakes hands: within `timeout_ms`. NULL with failure. */
struct wire *wire_open(const struct courier_push *push, const struct courier_config *config,
		       struct wire_failure *failure);
struct wire *wire_close(struct wire *stream);

/* 1 if the peer has closed or reset it. */
int wire_is_gone(const struct wire *stream);

/* Writes all, and waits until the peer's TCP has it: syslog itself never answers. 0 or -1 with
 * failure. */
int wire_write(struct wire *stream, const void *data, size_t len, int timeout_ms,
	       struct wire_failure *failure);

/* One datagram. 0 or -1 with failure. */
int wire_send_datagram(const struct courier_push *push, const struct courier_config *config,
		       const void *data, size_t len, struct wire_failure *failure);
