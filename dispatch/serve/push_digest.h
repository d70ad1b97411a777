/* SPDX-License-Identifier: Apache-2.0 */
/* DSP-08: what a chat's rate has no room for goes in one message, a line for each.
 *
 * Each keeps its row: a digest that is delivered settles them all, one that is to be tried again
 * gives them all back, and after one that was refused each goes alone for a while and gets a
 * verdict of its own. */
#pragma once

#include "dispatch/push/courier.h"
#include "dispatch/serve/push_queue.h"
#include "policy/settings.h"
#include "storage/outbox.h"

/* One message holds at most so many: their lines fit the tightest limit, WeCom's 2048 bytes. */
#define PUSH_DIGEST_ROWS_MAX 20

/* Whether this kind has digests, and these settings allow them: an alert that names a recipient of
 * its own cannot share a message. */
bool push_digest_is_for(const struct endpoint *endpoint);

/* An endpoint of a batch of leases. */
struct push_digest {
	char endpoint[IDENT_SIZE];
	int64_t room; /* what its rate allows, with the rows of the batch */
};

/* Rows that go along with others. */
struct push_digest_rows {
	struct push_digest_row {
		struct outbox_push push;
		int carrier; /* index of the row it goes along with */
	} * items;
	size_t count;
};
void push_digest_rows_fini(struct push_digest_rows *rows);

/* Store thread. Leases more of the endpoint's rows if more are due than its rate has room for, and
 * spreads them over those of rows[0 … count) that are the endpoint's. 0 or -errno. */
int push_digest_lease(struct db *db, wall_t now, const struct push_digest *digest,
		      const struct outbox_push rows[], int count, struct push_digest_rows *ret);

/* Adds to the message of `carrier`, that is ret as push_message_parse filled it, those of `rows`
 * that go along with it. 0, or -EINVAL: it does not fit the courier's limits. */
int push_digest_write(const struct outbox_push *carrier, int index,
		      const struct push_digest_rows *rows, struct courier_push *ret);
