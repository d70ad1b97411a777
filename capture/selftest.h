/* SPDX-License-Identifier: Apache-2.0 */
/* Proves, on the running kernel, what reading history rests on: a released block keeps its content
 * until it is overwritten, in order; a released block that is claimed back stops the kernel there;
 * releasing it lets the kernel go on.
 *
 * selftest_run needs CAP_NET_RAW, `lo` up, and a few milliseconds (3 s at worst): the supervisor
 * calls it once, before it writes history_mode into the shared memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "capture/shared.h"

struct selftest_result {
	enum history_mode mode; /* HISTORY_CLAIM: proven. HISTORY_HOLD: not */
	char reason[160];	/* why not; "" if proven */
};

/* test_hook: "selftest=fail" makes it fail, anything else is not for us. */
void selftest_run(const char *test_hook, struct selftest_result *ret);

#define SELFTEST_BLOCKS	     8
#define SELFTEST_BLOCK_BYTES (16u << 10)

/* The same on any ring of SELFTEST_BLOCKS blocks, fresh, all the kernel's. `send` makes one packet
 * of about 1000 bytes arrive there; returns 0 or -errno. */
struct selftest_rig {
	void *memory;
	int (*send)(void *owner);
	void *owner;
};

void selftest_prove(const struct selftest_rig *rig, struct selftest_result *ret);
