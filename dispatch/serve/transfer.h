/* SPDX-License-Identifier: Apache-2.0 */
/* A body on its way: counted, slowed down to the configured rates, and told to the audit
 * (storage/audit.h). Part of exchange.c; loop thread.
 *
 * The audit's rows are posted, not waited for: a download is no promise, and one whose beginning a
 * crash took from the store had sent next to nothing. */
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

/* Begins; size may be EXCHANGE_SIZE_UNKNOWN. */
struct transfer *transfer_new(const struct exchange *exchange, int status, uint64_t size);
/* The next piece has so many bytes. */
void transfer_add(struct transfer *transfer, uint64_t bytes);
/* It has drained: calls go, now or later. Not after transfer_end. */
void transfer_wait(struct transfer *transfer, void (*go)(void *owner), void *owner);
/* SHA-256 or entity tag, as hex, once it is known. */
void transfer_set_hash(struct transfer *transfer, const char *hash);
/* outcome is static: "complete", "cut" (by us), "left" (by the client). Frees it. Accepts NULL. */
void transfer_end(struct transfer *transfer, const char *outcome);

/* Tells the audit of something that is no transfer: a link was made for `path`. */
void transfer_log_link(const struct exchange *exchange, const char *path);
