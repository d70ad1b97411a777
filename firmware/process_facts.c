/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/process_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#define STAT_MAX 4096

int process_facts_parse(const char *stat, long clock_ticks, long page_bytes,
			struct process_facts *ret)
{
	const char *rest = strrchr(stat, ')'); /* the name may contain anything */
	uint64_t user, system;
	int64_t pages;

	/* fields 3–24: utime is 14, stime 15, rss 24 */
	if (!rest || sscanf(rest,
			    ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			    " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNd64,
			    &user, &system, &pages) != 3)
		return -EBADMSG;
	ret->cpu_ns = (user + system) * (uint64_t)(DUR_S / clock_ticks);
	ret->resident_bytes = pages > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0;
	return 0;
}

static uint32_t count_descriptors(int folder)
{
	int fd = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint32_t n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

int process_facts_read(pid_t pid, struct process_facts *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	CLEANUP_CLOSE int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	r = file_read(folder, "stat", STAT_MAX, &text);
	if (r)
		return r;
	r = process_facts_parse(text.data, sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE), ret);
	if (!r)
		ret->descriptors = count_descriptors(folder);
	return r;
}
