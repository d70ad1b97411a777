/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test's own small ring on `lo`, and a socket that sends to it. Both use an experimental
 * ethertype only, so other traffic neither disturbs the test nor is disturbed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring_selftest {
	void *memory;
	size_t bytes;
	int receiver;
	int sender;
	int index; /* of lo */
};

/* Returns 0 or -errno. */
int ring_selftest_open(struct ring_selftest *t, uint32_t block_bytes, uint32_t block_count);
void ring_selftest_close(struct ring_selftest *t);
/* One packet of about 1000 bytes; owner is the struct ring_selftest. Returns 0 or -errno. */
int ring_selftest_send(void *owner);
