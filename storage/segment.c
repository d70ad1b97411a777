/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/segment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SUFFIX	   ".pcapng"
#define TIME_CHARS 20 /* 20261120T153000.123Z */

/* Interface names may hold anything but '/' and white space; a file name should not. */
static void safe_nic(const char *nic, char safe[16])
{
	size_t n = strnlen(nic, 15);

	for (size_t i = 0; i < n; i++)
		safe[i] = nic[i] > ' ' && nic[i] < 127 && nic[i] != '/' ? nic[i] : '-';
	safe[n] = '\0';
}

const char *segment_name_format(const struct segment_name *name, char text[SEGMENT_NAME_SIZE])
{
	char time[WALL_TEXT_SIZE], nic[16];

	safe_nic(name->nic, nic);
	snprintf(text, SEGMENT_NAME_SIZE, "%s_%.47s_%s_%06u" SUFFIX,
		 wall_format_compact(name->time, time), name->policy, nic, name->number);
	return text;
}

/* "20261120T153000.123Z", through the RFC 3339 text that wall_parse reads. */
static int parse_time(const char *text, size_t len, wall_t *ret)
{
	char rfc[WALL_TEXT_SIZE];

	if (len != TIME_CHARS || text[8] != 'T' || text[15] != '.' || text[19] != 'Z')
		return -EINVAL;
	snprintf(rfc, sizeof(rfc), "%.4s-%.2s-%.2sT%.2s:%.2s:%.6sZ", text, text + 4, text + 6,
		 text + 9, text + 11, text + 13);
	return wall_parse(rfc, ret);
}

static int parse_number(const char *text, const char *end, uint32_t *ret)
{
	uint64_t n = 0;

	if (end - text < 6 || end - text > 10)
		return -EINVAL;
	for (; text < end; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	if (n > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

/* Copies [from, to) if it has 1 to size - 1 characters, none of them unfit for a name. */
static int take_part(const char *from, const char *to, char *part, size_t size)
{
	size_t n = (size_t)(to - from);

	if (n < 1 || n >= size || memchr(from, '/', n))
		return -EINVAL;
	memcpy(part, from, n);
	part[n] = '\0';
	return 0;
}

int segment_name_parse(const char *text, struct segment_name *ret, bool *hidden)
{
	struct segment_name name = {0};
	const char *policy, *nic, *number, *end;
	bool dot = text[0] == '.';
	size_t len;

	text += dot;
	len = strnlen(text, SEGMENT_NAME_SIZE);
	if (len >= SEGMENT_NAME_SIZE || len < sizeof(SUFFIX))
		return -EINVAL;
	end = text + len - (sizeof(SUFFIX) - 1);
	policy = strchr(text, '_');
	number = memrchr(text, '_', (size_t)(end - text));
	if (strcmp(end, SUFFIX) || !policy || !number)
		return -EINVAL;
	/* a policy has no '_', an interface may */
	nic = strchr(policy + 1, '_');
	if (!nic || nic >= number || parse_time(text, (size_t)(policy - text), &name.time) ||
	    take_part(policy + 1, nic, name.policy, sizeof(name.policy)) ||
	    take_part(nic + 1, number, name.nic, sizeof(name.nic)) ||
	    parse_number(number + 1, end, &name.number))
		return -EINVAL;
	*ret = name;
	*hidden = dot;
	return 0;
}

const char *segment_safe(const char *text, char safe[48])
{
	size_t n = 0;

	for (; *text && n < 47; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 128 && isalnum(c))
			safe[n++] = (char)tolower(c);
		else if (n && safe[n - 1] != '-')
			safe[n++] = '-';
	}
	while (n && safe[n - 1] == '-')
		n--;
	safe[n] = '\0';
	if (!n)
		memcpy(safe, "unnamed", sizeof("unnamed"));
	return safe;
}

static int hidden_name(const char *name, char hidden[SEGMENT_NAME_SIZE + 1])
{
	size_t n = strnlen(name, SEGMENT_NAME_SIZE);

	if (n == 0 || n >= SEGMENT_NAME_SIZE || name[0] == '.' || strchr(name, '/'))
		return -EINVAL;
	hidden[0] = '.';
	memcpy(hidden + 1, name, n + 1);
	return 0;
}

int segment_open(int folder, const char *name, bool *direct)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	CLEANUP_CLOSE int fd = -1;
	int r = hidden_name(name, hidden);

	if (r)
		return r;
	fd = openat(folder, hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0660)) /* whatever the umask says: control reads open segments */
		return -errno;
	/* not at open(): some file systems create the file and then refuse the flag */
	if (*direct && fcntl(fd, F_SETFL, O_DIRECT))
		*direct = false;
	return take_fd(&fd);
}

/* Only its owner may change a file's mode. One that recovery seals belongs to a dead recorder,
 * which is another user of our group: it keeps its mode. */
static int write_protect(int fd)
{
	return fchmod(fd, 0640) && errno != EPERM ? -1 : 0;
}

int segment_seal(int folder, int fd, const char *name, uint64_t bytes)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	int r = hidden_name(name, hidden);

	if (r)
		return r;
	if (ftruncate(fd, (off_t)bytes) || fsync(fd))
		return -errno;
	/* a sealed segment never changes, so it is never replaced either */
	if (renameat2(folder, hidden, folder, name, RENAME_NOREPLACE)) {
		if (errno != EINVAL) /* EINVAL: a file system without the flag */
			return -errno;
		if (renameat(folder, hidden, folder, name))
			return -errno;
	}
	/* after the rename: if we are killed in between, recovery must be able to open a hidden one
	 */
	return fsync(folder) || write_protect(fd) ? -errno : 0;
}

int segment_remove_hidden(int folder, const char *name)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	int r = hidden_name(name, hidden);

	if (r)
		return r;
	return unlinkat(folder, hidden, 0) ? -errno : 0;
}
