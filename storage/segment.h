/* SPDX-License-Identifier: Apache-2.0 */
/* Names of segments: a segment's name is its state.
 *
 * captures/<capture id>/<time>_<policy>_<nic>_<number>.pcapng       sealed: complete, never changes
 * captures/<capture id>/.<the same>                                 open: being written
 *
 * Sequence of its one writer: open hidden (O_EXCL) → write → segment_seal: truncate to the true
 * end, fsync, rename, fsync of the folder. After a crash the hidden file is cut (storage/repair.h)
 * and renamed the same way. Times are UTC of the first moment the segment may contain, to ms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define SEGMENT_NAME_SIZE    128
#define SEGMENT_INDEX_SUFFIX ".idx" /* of what capture/segment_index.h makes, behind its name */

struct segment_name {
	wall_t time;
	char policy[48]; /* [a-z0-9-], see segment_safe */
	char nic[16];
	uint32_t number;
};

/* Writes the sealed name. Returns text. */
const char *segment_name_format(const struct segment_name *name, char text[SEGMENT_NAME_SIZE]);
/* Reads a sealed or hidden name. Returns 0 or -EINVAL. */
int segment_name_parse(const char *text, struct segment_name *ret, bool *hidden);

/* Any text → 1 to 47 characters of [a-z0-9-] for use in a name. Returns safe. */
const char *segment_safe(const char *text, char safe[48]);

/* Opens the hidden file for writing, O_EXCL, mode 0660, O_DIRECT if asked and possible
 * (*direct tells). `name` is the sealed name. Returns fd or -errno. */
int segment_open(int folder, const char *name, bool *direct);
/* Seals: truncate to bytes, chmod 0640, fsync(fd), rename hidden → name, fsync(folder). Blocks on
 * the disk. The fd stays the caller's. Returns 0 or -errno. */
int segment_seal(int folder, int fd, const char *name, uint64_t bytes);
/* Removes the hidden file of a segment that never held a whole block. Returns 0 or -errno. */
int segment_remove_hidden(int folder, const char *name);
