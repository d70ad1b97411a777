/* SPDX-License-Identifier: Apache-2.0 */
/* Control's end of the courier: leases due pushes from the outbox to it, settles its verdicts.
 *
 * A lease is durable before it is sent; a courier that goes away gives all its leases back. */
#pragma once

#include <stdbool.h>

#include "dispatch/push/courier.h"
#include "dispatch/serve/push_queue.h"
#include "storage/outbox.h"

struct control;
struct timer;

struct lease {
	char push[IDENT_SIZE]; /* "" = free */
	char endpoint[IDENT_SIZE];
	char alert[IDENT_SIZE];
	char fingerprint[SHA256_HEX_SIZE];
	int attempt;
	wall_t since;
	bool is_fallback;
	struct lease *along; /* rows in the same message; owned */
	size_t along_count;
};

/* NULL: the courier is gone. */
typedef void (*courier_on_test)(void *owner, const struct courier_result *result);

#define COURIER_TESTS_MAX 8

struct courier_test {
	char push[IDENT_SIZE]; /* "" = free */
	char endpoint[IDENT_SIZE];
	courier_on_test on_test;
	void *owner;
};

struct courier_link {
	struct control *control;
	struct ipc_link *link;
	struct timer *timer; /* the next pending row is due */
	bool leasing;	     /* a lease is being committed */
	bool releasing;	     /* leases of the courier before are being given back */
	bool again;
	unsigned leased;
	struct push_queue **queues; /* one per endpoint that was pushed to */
	size_t queue_count;
	struct courier_test tests[COURIER_TESTS_MAX];
	json_t *results;   /* endpoint id → its last result: {at, delivered, step, text, test} */
	uint32_t stall_us; /* longest the courier's loop did not turn */
	struct lease leases[COURIER_LEASES_MAX];
};

void courier_link_init(struct courier_link *courier, struct control *control);
void courier_link_fini(struct courier_link *courier);
/* A courier is there: socket is put. */
void courier_link_open(struct courier_link *courier, int socket);
/* Sends a test's push. 0, or -EAGAIN: no courier, or too many tests. on_test is called once, from
 * the loop. */
int courier_link_test(struct courier_link *courier, const char *endpoint,
		      const struct courier_push *push, courier_on_test on_test, void *owner);
/* "closed", "open" or "half-open". */
const char *courier_link_circuit(const struct courier_link *courier, const char *endpoint);
/* How the pushes to an endpoint ended so far. */
struct push_ends courier_link_ends(const struct courier_link *courier, const char *endpoint);
/* One was suppressed when it was accepted, and that is durable. */
void courier_link_count_suppressed(struct courier_link *courier, const char *endpoint);
/* There may be something due. */
void courier_link_kick(struct courier_link *courier);
