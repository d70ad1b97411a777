/* SPDX-License-Identifier: Apache-2.0 */
/* The courier's client side: pushes control leases to it, verdicts it returns, and its main().
 *
 * Control owns the outbox; the courier has the connections and no database. A lease is at most
 * COURIER_LEASES_MAX at once; a dead courier's leases go back to the queue (control sees the link
 * close). Order per (endpoint, fingerprint) is control's business: it leases only the first. */
#pragma once

#include <stdint.h>

#include "base/child.h"
#include "base/ident.h"

#define COURIER_LEASES_MAX   64
#define COURIER_URL_SIZE     2048
#define COURIER_HEADERS_SIZE 8192
#define COURIER_BODY_SIZE    49152

enum courier_message_type {
	COURIER_PUSH = 1,     /* control → courier: struct courier_push */
	COURIER_RESULT = 100, /* courier → control: struct courier_result */
};

struct courier_push {
	char push[IDENT_SIZE]; /* outbox row; also the delivery id sent in the headers */
	uint32_t kind;	       /* enum endpoint_kind: ENDPOINT_HTTP */
	uint32_t attempt;      /* from 1 */
	uint32_t timeout_ms;   /* whole exchange */
	char method[8];
	char url[COURIER_URL_SIZE];
	char headers[COURIER_HEADERS_SIZE]; /* "Name: value\n" lines, already free of CR and NUL */
	uint32_t body_size;
	char body[COURIER_BODY_SIZE];
};

enum courier_verdict {
	VERDICT_DELIVERED,
	VERDICT_RETRY,	   /* later; retry_after_ms if the peer named a time */
	VERDICT_PERMANENT, /* never again: dead letter */
	VERDICT_DISABLE,   /* 410: the endpoint wants no more */
};

enum courier_step { /* where it failed */
		    COURIER_STEP_NONE,
		    COURIER_STEP_DNS,
		    COURIER_STEP_CONNECT,
		    COURIER_STEP_TLS,
		    COURIER_STEP_PROTOCOL,
		    COURIER_STEP_REMOTE,  /* the peer answered with a refusal */
		    COURIER_STEP_REQUEST, /* our own request was not sendable */
};

const char *courier_verdict_name(enum courier_verdict verdict);
const char *courier_step_name(enum courier_step step);

struct courier_result {
	char push[IDENT_SIZE];
	uint32_t verdict; /* enum courier_verdict */
	uint32_t step;	  /* enum courier_step */
	uint32_t status;  /* HTTP status or 0 */
	uint32_t elapsed_ms;
	int64_t retry_after_ms; /* 0 = not told; at most one hour */
	char text[512];		/* the remote's answer or the error, control bytes escaped */
};

struct courier_config {
	char ca_file[256]; /* "" = the system's */
	int connect_timeout_ms;
};

/* The courier process. Runs until the supervisor says stop or is gone; returns an exit status. */
int courier_main(int supervisor, const struct courier_config *config);
