/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of a sealed segment, and its index (capture/segment_index.h), in one reading, in a
 * worker, so that no loop waits for a disk.
 *
 * The requester sends message type 1 with the segment's descriptor and an empty body, or with
 * struct digest_request: then a second one follows with an empty file for the index. The worker
 * answers type 1 with struct digest_reply and exits. */
#pragma once

#include <stdint.h>

#include "base/hash.h"

struct digest_request {
	uint32_t with_index; /* 1 */
	uint32_t reserved;
};

struct digest_reply {
	int32_t error; /* errno or 0 */
	uint32_t reserved;
	uint64_t bytes;
	uint64_t index_bytes; /* 0 = there is none */
	char sha256[SHA256_HEX_SIZE];
	char index_sha256[SHA256_HEX_SIZE]; /* "" = not asked for, or not written */
};

int digest_main(int socket);
