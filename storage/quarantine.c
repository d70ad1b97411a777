/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/quarantine.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "storage/json_text.h"

#define REASON_SUFFIX ".reason"
#define REASON_MODE   0640
#define SAFE_SIZE     101  /* of the original name, as much as is kept */
#define TRIES_MAX     1000 /* names within one millisecond */

static int open_there(int captures_fd)
{
	return openat(captures_fd, QUARANTINE_FOLDER,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Opens the folder, making it if need be. */
static int open_folder(int captures_fd)
{
	int fd = open_there(captures_fd);

	/* a file or a link under our name: the next look at the captures folder finds it */
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP) &&
	    renameat2(captures_fd, QUARANTINE_FOLDER, captures_fd, QUARANTINE_FOLDER ".replaced",
		      RENAME_NOREPLACE))
		return -errno;
	if (fd < 0 && mkdirat(captures_fd, QUARANTINE_FOLDER, 0750) && errno != EEXIST)
		return -errno;
	if (fd < 0)
		fd = open_there(captures_fd);
	return fd < 0 ? -errno : fd;
}

static void make_safe(const char *name, char safe[SAFE_SIZE])
{
	size_t n = 0;

	for (; name[n] && n < SAFE_SIZE - 1; n++) {
		unsigned char c = (unsigned char)name[n];

		safe[n] = c < 128 && (isalnum(c) || c == '.' || c == '_' || c == '-') ? name[n]
										      : '-';
	}
	safe[n] = '\0';
}

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symbolic link";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

static char *format_reason(const struct quarantine_item *item, const struct stat *st, wall_t now)
{
	const wall_t changed = {st->st_mtim.tv_sec * DUR_S + st->st_mtim.tv_nsec};
	CLEANUP_JSON json_t *object =
		json_pack("{s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:o}", "at", json_wall(now),
			  "capture", json_text(item->where), "name", json_text(item->name),
			  "reason", item->reason, "kind", kind_name(st->st_mode), "bytes",
			  (json_int_t)st->st_size, "uid", (json_int_t)st->st_uid, "mode",
			  (json_int_t)(st->st_mode & 07777), "modified_at", json_wall(changed));

	return json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
}

static bool exists(int folder, const char *name)
{
	struct stat st;

	return !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* A name that neither a thing nor a reason has. */
static int choose_name(int there, const char *name, wall_t now, char ret[QUARANTINE_NAME_SIZE])
{
	char safe[SAFE_SIZE], time[WALL_TEXT_SIZE], reason[QUARANTINE_NAME_SIZE + 8];

	make_safe(name, safe);
	wall_format_compact(now, time);
	for (unsigned n = 0; n < TRIES_MAX; n++) {
		snprintf(ret, QUARANTINE_NAME_SIZE, "%s_%u_%s", time, n, safe);
		snprintf(reason, sizeof(reason), "%s" REASON_SUFFIX, ret);
		if (!exists(there, ret) && !exists(there, reason))
			return 0;
	}
	return -EEXIST;
}

static int sync_both(int there, int folder)
{
	return fsync(there) || fsync(folder) ? -errno : 0;
}

int quarantine_move(int captures_fd, const struct quarantine_item *item,
		    char ret[QUARANTINE_NAME_SIZE])
{
	CLEANUP_CLOSE int there = open_folder(captures_fd);
	CLEANUP_FREE char *text = NULL;
	char reason[QUARANTINE_NAME_SIZE + 8];
	wall_t now = wall_now();
	struct stat st;
	int r;

	if (there < 0)
		return there;
	if (fstatat(item->folder, item->name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	r = choose_name(there, item->name, now, ret);
	if (r)
		return r;
	snprintf(reason, sizeof(reason), "%s" REASON_SUFFIX, ret);
	text = format_reason(item, &st, now);
	r = file_replace(there, reason, REASON_MODE, text, strlen(text));
	if (r)
		return r;
	if (renameat2(item->folder, item->name, there, ret, RENAME_NOREPLACE)) {
		r = -errno;
		unlinkat(there, reason, 0);
		return r;
	}
	return sync_both(there, item->folder);
}

uint32_t quarantine_count(int captures_fd)
{
	int there = open_there(captures_fd);
	DIR *dir = there < 0 ? NULL : fdopendir(there);
	struct dirent *entry;
	uint32_t count = 0;

	if (!dir) {
		if (there >= 0)
			close(there);
		return 0;
	}
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name), end = sizeof(REASON_SUFFIX) - 1;

		if (entry->d_name[0] != '.' &&
		    (n < end || strcmp(entry->d_name + n - end, REASON_SUFFIX)))
			count++;
	}
	closedir(dir);
	return count;
}
