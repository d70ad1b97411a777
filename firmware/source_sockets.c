/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/source_sockets.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define BACKLOG 16
#define DGRAM	"dgram:"

_Static_assert(sizeof(((struct child_source_socket *)0)->path) ==
		       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a path fits both or none");

static int parse_one(const char *text, size_t len, struct child_source_socket *ret)
{
	while (len && text[len - 1] == ' ')
		len--;
	ret->type = SOCK_STREAM;
	if (len > strlen(DGRAM) && !strncmp(text, DGRAM, strlen(DGRAM))) {
		ret->type = SOCK_DGRAM;
		text += strlen(DGRAM);
		len -= strlen(DGRAM);
	}
	if (*text != '/' || len < 2 || len >= sizeof(ret->path) || text[len - 1] == '/')
		return -EINVAL;
	memcpy(ret->path, text, len);
	ret->path[len] = '\0';
	return 0;
}

int source_sockets_parse(const char *list, struct source_sockets_open *ret)
{
	*ret = (struct source_sockets_open){0};
	while (*(list += strspn(list, ", "))) {
		size_t len = strcspn(list, ",");

		if (ret->count == SOURCE_SOCKETS_MAX ||
		    parse_one(list, len, &ret->told[ret->count]))
			return -EINVAL;
		for (unsigned i = 0; i < ret->count; i++)
			if (!strcmp(ret->told[i].path, ret->told[ret->count].path))
				return -EINVAL;
		ret->count++;
		list += len;
	}
	return (int)ret->count;
}

static int make_parent(const char *path)
{
	char parent[sizeof(((struct child_source_socket *)0)->path)];

	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	return *parent ? file_mkdirs(parent, 0755) : 0;
}

/* Only a socket is replaced. */
static int remove_old(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* The mode is right from the first moment (chmod would follow a link that the sender put there);
 * the group's right counts when it has the socket. */
static int open_one(const struct child_source_socket *told, const gid_t *group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP_CLOSE int fd = socket(AF_UNIX, (int)told->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r = fd < 0 ? -errno : make_parent(told->path);

	if (!r)
		r = remove_old(told->path);
	if (r)
		return r;
	memcpy(address.sun_path, told->path, sizeof(address.sun_path));
	mask = umask(group ? 0117 : 0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (!r && group && lchown(told->path, (uid_t)-1, *group))
		r = -errno;
	if (!r && told->type == SOCK_STREAM && listen(fd, BACKLOG))
		r = -errno;
	return r ? r : take_fd(&fd);
}

int source_sockets_check_group(const char *group, struct error *err)
{
	if (*group && !getgrnam(group))
		return error_set(err, "unknown_group", "/sources/sockets_group",
				 "\"%s\": no such group", group);
	return 0;
}

int source_sockets_open(const char *list, const char *group, struct source_sockets_open *ret,
			struct error *err)
{
	const struct group *entry = *group ? getgrnam(group) : NULL;

	source_sockets_parse(list, ret);
	if (source_sockets_check_group(group, err))
		return -EINVAL;
	for (unsigned i = 0; i < ret->count; i++) {
		int fd = open_one(&ret->told[i], entry ? &entry->gr_gid : NULL);

		if (fd < 0) {
			error_set(err, "environment", "/sources/sockets", "%s: %s",
				  ret->told[i].path, strerrordesc_np(-fd));
			return fd;
		}
		ret->fds[i] = fd;
	}
	return 0;
}
