/* SPDX-License-Identifier: Apache-2.0 */
/* A whole process of ours, in a thread, whose peer was taken over: the target plays the supervisor
 * honestly and the peer with the input's bytes. */
#pragma once

#include "base/child.h"
#include "tests/fuzz/fuzz.h"

/* A message type the process knows, and the exact size of its body. */
struct frame_kind {
	uint32_t type;
	size_t size;
};

struct frame_play {
	int (*run)(int supervisor); /* the process; returns when the supervisor is gone */
	enum role peer;
	int shared; /* descriptor for CHILD_SHARED, -1 = none */
	const struct frame_kind *kinds;
	size_t count;
};

/* Frames of the input: which kind, then either its exact size or another one, then bytes (missing
 * ones are zero). Returns when the process has read or refused them all, and ended. */
void frames_play(const struct frame_play *play, const uint8_t *data, size_t size);
