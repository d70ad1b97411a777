/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of a sealed segment, in a worker, so that no loop waits for a disk.
 *
 * The requester sends message type 1 with an empty body and the segment's descriptor; the worker
 * answers type 1 with struct digest_reply and exits. */
#pragma once

#include <stdint.h>

#include "base/hash.h"

struct digest_reply {
	int32_t error; /* errno or 0 */
	uint32_t reserved;
	uint64_t bytes;
	char sha256[SHA256_HEX_SIZE];
};

int digest_main(int socket);
