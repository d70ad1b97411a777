/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: read with a bound, replaced atomically and durably. All calls block. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Reads the whole file at path (relative to dir_fd, or AT_FDCWD), at most max bytes, into out
 * (which is overwritten). Symbolic links are not followed. Returns 0, -EFBIG if larger, or -errno.
 */
int file_read(int dir_fd, const char *path, size_t max, struct buf *out);

/* The same from a descriptor, from where it stands to its end. */
int file_read_open(int fd, size_t max, struct buf *out);

/* Replaces path by data: hidden temporary file, fsync, rename, fsync of the folder. The old file or
 * the new one is there at every moment. `path` has no folder part beyond dir_fd's. */
int file_replace(int dir_fd, const char *path, mode_t mode, const void *data, size_t len);

/* Makes the folder and its parents; existing ones are fine. */
int file_mkdirs(const char *path, mode_t mode);

/* Writes all of data, continuing after short writes and EINTR. */
int file_write_all(int fd, const void *data, size_t len);
