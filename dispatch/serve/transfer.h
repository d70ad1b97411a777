/* SPDX-License-Identifier: Apache-2.0 */
/* A body on its way: counted, slowed down to the configured rates, and told to the audit
 * (storage/audit.h). Part of exchange.c; loop thread.
 *
 * Commit, then act: the first byte leaves when the audit has its row and when those who took before
 * are paid for. A download that cannot be told of is refused. */
#pragma once

#include <stdint.h>

#include "base/loop.h"
#include "dispatch/serve/throttle.h"

struct control;
struct exchange;
struct transfer;

/* Rates of all downloads together and of one address, bytes per second; 0 = no limit. */
struct transfer_limits {
	uint64_t all, client;
};

struct transfer *transfer_new(const struct exchange *exchange, int status);
/* Calls go, now or later, when the next piece of so many bytes may leave, with result = 0; or with
 * -errno: it is not in the audit. Not after transfer_end. */
typedef void (*transfer_go)(void *owner, int result);
void transfer_take(struct transfer *transfer, uint64_t bytes, transfer_go go, void *owner);
/* SHA-256 or entity tag, as hex, once it is known. */
void transfer_set_hash(struct transfer *transfer, const char *hash);
/* outcome is static: "complete", "cut" (by us), "left" (by the client). Frees it. Accepts NULL. */
void transfer_end(struct transfer *transfer, const char *outcome);

/* Tells the audit of something that is no transfer: a link was made for `path`. */
void transfer_log_link(const struct exchange *exchange, const char *path);
