/* SPDX-License-Identifier: Apache-2.0 */
/* Filter text → BPF program, by libpcap, in a worker of its own.
 *
 * pcap_compile is super-linear, resolves names and may exit the process, so it runs once per forked
 * worker with limits on memory, CPU and descriptors (no new descriptor = no DNS, no /etc). */
#pragma once

#include <stdint.h>

#include "capture/recorder.h"

#define COMPILE_TEXT_MAX 8192

struct compile_request {
	uint32_t link_type;
	char text[COMPILE_TEXT_MAX]; /* NUL-terminated; "" matches everything */
};

struct compile_reply {
	uint32_t ok;
	uint32_t position; /* byte in text where it stops making sense; only if !ok */
	char message[256]; /* libpcap's words; only if !ok */
	struct rec_program program;
};

/* Limits this process's memory to a little more than it has now. Before compiler_main, and before a
 * sandbox that hides /proc. Returns 0 or -errno. */
int compiler_limit(void);

/* Reads one struct compile_request (message type 1) from socket, answers with one struct
 * compile_reply (type 1), returns an exit status. To be called in a fresh process: it limits itself
 * for ever. A worker that dies without an answer means: the filter is too complex. */
int compiler_main(int socket);

/* The pure part, unlimited and in this process: for the worker and for tests.
 * Returns 0 or -EINVAL with reply->message and position set. */
int compiler_compile(const struct compile_request *request, struct compile_reply *reply);
