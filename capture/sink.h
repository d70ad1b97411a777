/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into a pipe or file, through one buffer, compressed on the way if asked.
 *
 * gzip is one member, zstd one frame: Wireshark 4.0 stops at a second frame. Blocking. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum sink_compression {
	SINK_PLAIN,
	SINK_GZIP,
	SINK_ZSTD,
	SINK_COMPRESSION_COUNT,
};

struct sink;

/* fd is put. Returns 0 or -errno. */
int sink_new(int fd, enum sink_compression compression, struct sink **ret);
/* What was not flushed is lost. Accepts NULL, returns NULL. */
struct sink *sink_free(struct sink *sink);

/* `bytes` (≤ SINK_ROOM_MAX) of room, or NULL after a failure; then sink_commit what was written. */
#define SINK_ROOM_MAX (320u << 10)
unsigned char *sink_reserve(struct sink *sink, size_t bytes);
void sink_commit(struct sink *sink, size_t bytes);

/* Everything so far reaches fd; a decompressor can show it. Returns 0 or the first failure. */
int sink_flush(struct sink *sink);
/* The same, and the end; a file is synced. */
int sink_finish(struct sink *sink);
/* Bytes that reached fd. */
uint64_t sink_bytes(const struct sink *sink);
/* SHA-256 of all that went to the descriptor; once, at the end. */
void sink_hash(struct sink *sink, char hex[SHA256_HEX_SIZE]);
