/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int file_read_open(int fd, size_t max, struct buf *out)
{
	char chunk[16384];
	ssize_t n;

	buf_clear(out);
	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (out->len + (size_t)n > max)
			return -EFBIG;
		buf_append(out, chunk, (size_t)n);
	}
}

int file_read(int dir_fd, const char *path, size_t max, struct buf *out)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : file_read_open(fd, max, out);
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_synced(int dir_fd, const char *path, mode_t mode, const void *data, size_t len)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, len);
	if (r < 0)
		return r;
	return fsync(fd) ? -errno : 0;
}

static int sync_folder(int dir_fd)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) ? -errno : 0;
}

int file_replace(int dir_fd, const char *path, mode_t mode, const void *data, size_t len)
{
	char hidden[NAME_MAX + 1];
	int r;

	if (strlen(path) + 6 > NAME_MAX || strchr(path, '/'))
		return -ENAMETOOLONG;
	snprintf(hidden, sizeof(hidden), ".%s.tmp", path);
	r = write_synced(dir_fd, hidden, mode, data, len);
	if (!r && renameat(dir_fd, hidden, dir_fd, path))
		r = -errno;
	if (r) {
		unlinkat(dir_fd, hidden, 0);
		return r;
	}
	return sync_folder(dir_fd);
}

int file_mkdirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) && errno != EEXIST)
			return -errno;
		if (i < len)
			part[i] = '/';
	}
	return 0;
}
