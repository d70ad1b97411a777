/* SPDX-License-Identifier: Apache-2.0 */
/* gen's options, and its sender by AF_PACKET socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/frame.h"

struct gen_options {
	const char *device;
	uint32_t frame_bytes; /* template's length, without a tag */
	bool imix;
	uint64_t count;
	uint64_t rate; /* packets per second; 0 = as fast as it goes */
	uint64_t seconds;
	uint32_t flows;
	uint64_t first;
	uint16_t port;
	uint16_t vlan; /* 0 = no tag */
};

uint64_t gen_now_ns(void); /* CLOCK_MONOTONIC */

/* Sends copies of frame, advancing state->sequence; sets state->start_ns when it begins. Returns 0,
 * or 1 after a message. */
int gen_socket_run(const struct gen_options *o, struct gen_state *state,
		   const unsigned char *frame);
