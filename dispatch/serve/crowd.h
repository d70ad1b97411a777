/* SPDX-License-Identifier: Apache-2.0 */
/* How many are here, from where, and doing what: the limits of the listener, in numbers. Pure.
 *
 * - at most `max` connections, at most `per_address` of one address (of one /64 for IPv6);
 * - of those whose request is being answered, at most max - reserve are alert senders and at most
 *   max - reserve are not: neither kind can keep the other out. Those that wait (for a request's
 *   bytes, for the next request) are no claim at all: the caller ends the one that waits longest
 *   when a new one comes and all places are taken;
 * - local clients (unix socket) have places of their own. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "dispatch/serve/throttle.h"

#define CROWD_LOCAL_MAX 32

enum crowd_kind {
	CROWD_INTAKE,	  /* delivers alerts */
	CROWD_MANAGEMENT, /* everything else */
	CROWD_KINDS,
};

struct crowd_limits {
	uint32_t max;
	uint32_t per_address;
	uint32_t reserve; /* < max */
};

const char *crowd_kind_name(enum crowd_kind kind);

struct crowd;
struct crowd_address; /* one address and how many of it are here */

struct crowd *crowd_new(const struct crowd_limits *limits);
struct crowd *crowd_free(struct crowd *crowd);

enum crowd_outcome {
	CROWD_ADDRESS = 1, /* too many of this address */
	CROWD_FULL = 2,	   /* all places are taken */
	CROWD_BUSY = 3,	   /* too many of this kind are being answered */
};

/* A connection from `address` (AF_UNIX: a local one) is here. *ret goes to crowd_leave. Returns 0,
 * CROWD_ADDRESS or CROWD_FULL: then it is not counted. */
int crowd_enter(struct crowd *crowd, const struct sockaddr *address, mono_t now,
		struct crowd_address **ret);
/* What the address took of its rate is remembered until it is paid for. */
void crowd_leave(struct crowd *crowd, struct crowd_address *address, mono_t now);
/* Of all that one address downloads. */
struct throttle *crowd_throttle(struct crowd_address *address);

/* A request is answered from now on. Returns 0 or CROWD_BUSY. */
int crowd_begin(struct crowd *crowd, enum crowd_kind kind);
void crowd_end(struct crowd *crowd, enum crowd_kind kind);

uint32_t crowd_count(const struct crowd *crowd);
uint32_t crowd_busy(const struct crowd *crowd, enum crowd_kind kind);
